// How figures and dates are formatted, and how numbers that people type are read. Run by Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellText, columnFormats, plainNumber, tabSeparated } from "../../widgets/js/src/result/cell_format.ts";

function column(type, sample, ...cells) {
  const [format] = columnFormats([{ name: "it", type }], sample.map((cell) => [cell]));
  return cells.map((cell) => cellText(cell, format));
}

test("a later row shows more decimals than the first rows have", () => {
  assert.deepEqual(column("DOUBLE", [1, 2, 3], 4, 0.49, -1.5), ["4", "0.49", "(1.5)"]);
  assert.deepEqual(column("DOUBLE", [1000, 2000], 0.5, 1234.567), ["0.5", "1,234.57"]);
  const [format] = columnFormats([{ name: "last_year", type: "DOUBLE" }], [[1200], [900]]);
  assert.equal(cellText(12345.67, format), "12345.67");
});

test("a later row shows its time although the first rows have none", () => {
  const times = column("TIMESTAMP", ["2024-01-01T00:00:00"], "2024-01-02T00:00:00", "2024-01-02T13:45:00");
  assert.deepEqual(times, ["2024-01-02", "2024-01-02 13:45:00"]);
});

test("tiny values are not shown as zero, nor huge ones with digits they do not have", () => {
  assert.deepEqual(column("DOUBLE", [0.0000012, 0.00003], 0.0000012, -0.00003), ["0.0000012", "(0.0000300)"]);
  assert.deepEqual(column("DOUBLE", [-1e300], -1e300), ["-1e+300"]);
});

test("only thousands separators are removed", () => {
  const typed = ["1,234.50", "(1,234.50)", "−5", " 12 000 ", "1250,5", "1.234,50", "12,34"];
  assert.deepEqual(typed.map(plainNumber), ["1234.50", "-1234.50", "-5", "12000", "1250,5", "1.234,50", "12,34"]);
});

test("no text that is pasted into a spreadsheet is a formula, and numbers stay numbers", () => {
  const columns = [{ name: "=name", type: "VARCHAR" }, { name: "n", type: "DECIMAL(9,2)" }];
  const texts = ["=1", " \u00a0@x", "a;=1", "a,\t-b", 'a;"=1"', '"=1"', "a\n＝1", "Köln - Nord", "-5", "a=b"];
  const pasted = tabSeparated(columns, texts.map((text) => [text, -1.5])).split("\n").map((line) => line.split("\t"));
  assert.deepEqual(pasted[0], ["'=name", "n"]);
  assert.ok(pasted.slice(1).every(([, n]) => n === "-1.5"));
  assert.deepEqual(
    pasted.slice(1).map(([text]) => text),
    ["'=1", "' \u00a0@x", "a;'=1", "a, '-b", '"a;""\'=1"""', '"""=1"""', "a ＝1", "Köln - Nord", "-5", "a=b"],
  );
});
