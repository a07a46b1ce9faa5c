// How figures and dates are formatted, and how numbers that people type are read. Run by Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellText, columnFormats, plainNumber } from "../../widgets/js/src/result/cell_format.ts";

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
