// How figures and dates are shown, and how numbers are read that people write. Run by Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { looks, plainNumber, shown } from "../../widgets/js/src/result/cells.ts";

function column(type, sample, ...cells) {
  const [look] = looks([{ name: "it", type }], sample.map((cell) => [cell]));
  return cells.map((cell) => shown(cell, look));
}

test("a later row shows decimals that the first rows do not have", () => {
  assert.deepEqual(column("DOUBLE", [1, 2, 3], 4, 0.49, -1.5), ["4", "0.49", "(1.5)"]);
  assert.deepEqual(column("DOUBLE", [1000, 2000], 0.5, 1234.567), ["0.5", "1,234.57"]);
  const [look] = looks([{ name: "last_year", type: "DOUBLE" }], [[1200], [900]]);
  assert.equal(shown(12345.67, look), "12345.67");
});

test("a later row shows the time that the first rows do not have", () => {
  const times = column("TIMESTAMP", ["2024-01-01T00:00:00"], "2024-01-02T00:00:00", "2024-01-02T13:45:00");
  assert.deepEqual(times, ["2024-01-02", "2024-01-02 13:45:00"]);
});

test("what is tiny is not shown as zero, what is huge not with digits that it does not have", () => {
  assert.deepEqual(column("DOUBLE", [0.0000012, 0.00003], 0.0000012, -0.00003), ["0.0000012", "(0.0000300)"]);
  assert.deepEqual(column("DOUBLE", [-1e300], -1e300), ["-1e+300"]);
});

test("only commas before thousands are left out", () => {
  const written = ["1,234.50", "(1,234.50)", "−5", " 12 000 ", "1250,5", "1.234,50", "12,34"];
  assert.deepEqual(written.map(plainNumber), ["1234.50", "-1234.50", "-5", "12000", "1250,5", "1.234,50", "12,34"]);
});
