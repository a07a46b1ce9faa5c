// How figures and dates are formatted, and how numbers that people type are read. Run by Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellText, columnFormats, fullValue, plainFormat, plainFraction, plainNumber, tabSeparated } from "../../widgets/js/src/result/cell_format.ts";

function column(type, format, ...cells) {
  const [column] = columnFormats([{ name: "it", type, format }], cells.map((cell) => [cell]));
  return cells.map((cell) => cellText(cell, column));
}

test("a figure is shown as the engine says", () => {
  assert.deepEqual(column("DOUBLE", { role: "number", decimals: 2 }, 4, 0.49, -1.5, 1234.567), ["4.00", "0.49", "(1.50)", "1,234.57"]);
  assert.deepEqual(column("DOUBLE", { role: "percent", decimals: 1 }, 0.6448275862, -0.082, 12.5, 0, 1e-7), ["64.5%", "(8.2%)", "1,250.0%", "0.0%", "0.0%"]);
  assert.deepEqual(column("DECIMAL(18,4)", { role: "percent", decimals: 2 }, 0.0725, 1), ["7.25%", "100.00%"]);
  assert.deepEqual(column("BIGINT", { role: "code", decimals: 0 }, 4711000, -1), ["4711000", "-1"]);
  assert.deepEqual(column("DOUBLE", { role: "year", decimals: 0 }, 2012), ["2012"]);
  assert.deepEqual(column("DECIMAL(38,2)", { role: "count", decimals: 0 }, 1234), ["1,234"]);
  assert.deepEqual(column("DECIMAL(38,2)", { role: "amount", decimals: 2 }, "12345678901234567890.1", 0.005), ["12,345,678,901,234,567,890.10", "0.01"]);
});

test("a month is shown without its day", () => {
  const [month] = columnFormats([{ name: "it", type: "DATE", format: { role: "month", decimals: 0 } }], []);
  assert.deepEqual([cellText("2024-01-01", month), cellText(null, month), month.isNumber], ["2024-01", "–", false]);
  assert.deepEqual(plainFormat("DATE", ["2024-01-01"], "month"), { role: "month", decimals: 0 });
});

test("a column in a tool's output has a role, or is a plain figure", () => {
  assert.deepEqual(plainFormat("DOUBLE", [0.5, 0.6448275862], "percent"), { role: "percent", decimals: 1 });
  assert.deepEqual(plainFormat("BIGINT", [40210], "code"), { role: "code", decimals: 0 });
  assert.deepEqual(plainFormat("DOUBLE", [0.853106, 1], "rate"), { role: "rate", decimals: 4 });
  assert.deepEqual(plainFormat("DECIMAL(38,2)", [1, null]), { role: "number", decimals: 2 });
  assert.deepEqual(plainFormat("DOUBLE", [1.5, null]), { role: "number", decimals: 1 });
  assert.equal(plainFormat("VARCHAR", ["0.5"]), null);
});

test("a text is shown as it is, whatever it looks like", () => {
  assert.deepEqual(column("VARCHAR", null, "0123456", "0.5"), ["0123456", "0.5"]);
});

test("a cell that does not show all digits has them in its tooltip", () => {
  const [percent, amount] = columnFormats([
    { name: "share", type: "DOUBLE", format: { role: "percent", decimals: 1 } }, { name: "n", type: "DOUBLE", format: { role: "amount", decimals: 2 } },
  ], []);
  assert.equal(fullValue(0.6448275862, percent), "64.48275862%");
  assert.equal(fullValue(0.645, percent), undefined);
  assert.equal(fullValue(1.005, amount), "1.005");
});

test("a later row shows its time although the first rows have none", () => {
  const [format] = columnFormats([{ name: "it", type: "TIMESTAMP", format: null }], [["2024-01-01T00:00:00"]]);
  const times = ["2024-01-02T00:00:00", "2024-01-02T13:45:00"].map((cell) => cellText(cell, format));
  assert.deepEqual(times, ["2024-01-02", "2024-01-02 13:45:00"]);
});

test("tiny values are not shown as zero, nor huge ones with digits they do not have", () => {
  assert.deepEqual(column("DOUBLE", { role: "number", decimals: 7 }, 0.0000012, -0.00003), ["0.0000012", "(0.0000300)"]);
  assert.deepEqual(column("DOUBLE", { role: "number", decimals: 0 }, -1e300), ["-1e+300"]);
});

test("figures are pasted with all their digits, and percentages as such", () => {
  const columns = [{ name: "a", type: "DOUBLE", format: { role: "percent", decimals: 1 } }, { name: "b", type: "DOUBLE", format: { role: "rate", decimals: 4 } }];
  assert.equal(tabSeparated(columns, [[0.6448275862, 0.123456789], [-1e-7, null]]), "a\tb\n64.48275862%\t0.123456789\n-0.00001%\t");
});

test("only thousands separators are removed", () => {
  const typed = ["1,234.50", "(1,234.50)", "−5", " 12 000 ", "1250,5", "1.234,50", "12,34"];
  assert.deepEqual(typed.map(plainNumber), ["1234.50", "-1234.50", "-5", "12000", "1250,5", "1.234,50", "12,34"]);
});

test("a percentage that people type is a fraction", () => {
  const typed = ["12.5%", "12.5", "(5 %)", "-0.25%", "1,250%", "100", "abc"];
  assert.deepEqual(typed.map(plainFraction), ["0.125", "0.125", "-0.05", "-0.0025", "12.50", "1.00", "abc"]);
});

test("no text that is pasted into a spreadsheet is a formula, and numbers stay numbers", () => {
  const columns = [{ name: "=name", type: "VARCHAR", format: null }, { name: "n", type: "DECIMAL(9,2)", format: { role: "amount", decimals: 2 } }];
  const texts = ["=1", " \u00a0@x", "a;=1", "a,\t-b", 'a;"=1"', '"=1"', "a\n＝1", "Köln - Nord", "-5", "a=b"];
  const pasted = tabSeparated(columns, texts.map((text) => [text, -1.5])).split("\n").map((line) => line.split("\t"));
  assert.deepEqual(pasted[0], ["'=name", "n"]);
  assert.ok(pasted.slice(1).every(([, n]) => n === "-1.5"));
  assert.deepEqual(
    pasted.slice(1).map(([text]) => text),
    ["'=1", "' \u00a0@x", "a;'=1", "a, '-b", '"a;""\'=1"""', '"""=1"""', "a ＝1", "Köln - Nord", "-5", "a=b"],
  );
});
