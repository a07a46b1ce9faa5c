// Which files are refused before a byte of them is sent, and with which words. Run by Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "../../widgets/js/src/data_panel/acceptable.ts";

const words = (name, { size = 10, isFolder = false } = {}) =>
  refusal({ file: { name, size }, isFolder }, [".csv", ".xlsx"], 2 * 2 ** 30);

test("a table is taken, whatever its name looks like", () => {
  for (const name of ["a.csv", "A.CSV", "Ümsatz 2024 (final).xlsx", `${"x".repeat(196)}.csv`, " a.csv "]) assert.equal(words(name), "");
});

test("what is no file, or none that can be kept, is told why", () => {
  assert.match(words("2024.csv", { isFolder: true }), /^This is a folder\. Open it/);
  assert.match(words("empty.csv", { size: 0 }), /^This file is empty/);
  assert.match(words("huge.csv", { size: 3 * 2 ** 30 }), /^This is larger than 2 GB/);
  for (const name of ["notes.pdf", "csv", ""]) assert.match(words(name), /^This is not a table/);
  for (const name of [`${"x".repeat(296)}.csv`, `${"ü".repeat(99)}.csv`, "a\nb.csv", "a\u202eb.csv", ".a.csv", "~$a.xlsx", "a:b.csv"]) {
    assert.match(words(name), /^This cannot be a file name here\. Rename the file/, JSON.stringify(name));
  }
});
