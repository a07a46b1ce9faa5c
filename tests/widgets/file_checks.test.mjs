// Which files are refused before they are sent, and why. Run by Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileProblem } from "../../widgets/js/src/data_panel/file_checks.ts";

const problem = (name, { size = 10, isFolder = false } = {}) =>
  fileProblem({ file: { name, size }, isFolder }, [".csv", ".xlsx"], 2 * 2 ** 30);

test("a table is accepted, whatever its name looks like", () => {
  for (const name of ["a.csv", "A.CSV", "Ümsatz 2024 (final).xlsx", `${"x".repeat(196)}.csv`, " a.csv "]) assert.equal(problem(name), "");
});

test("a file that cannot be uploaded gets a reason", () => {
  assert.match(problem("2024.csv", { isFolder: true }), /^This is a folder\. Add the files/);
  assert.match(problem("empty.csv", { size: 0 }), /^This file is empty/);
  assert.match(problem("huge.csv", { size: 3 * 2 ** 30 }), /^This file is larger than 2 GB/);
  for (const name of ["datasets.yaml", "Glossary.YML"]) assert.match(problem(name), /put it into the workspace's data\/ folder as datasets\.yaml/);
  for (const name of ["notes.pdf", "csv", ""]) assert.match(problem(name), /^This file type is not supported/);
  for (const name of [`${"x".repeat(296)}.csv`, `${"ü".repeat(99)}.csv`, "a\nb.csv", "a\u202eb.csv", ".a.csv", "~$a.xlsx", "a:b.csv"]) {
    assert.match(problem(name), /^This file name is not allowed\. Rename the file/, JSON.stringify(name));
  }
});
