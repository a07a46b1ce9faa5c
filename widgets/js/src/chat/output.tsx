// What a tool gave: rows as a table with what was printed and noted, all else as the model got it.
import { FirstRows } from "../result/table";
import type { ResultTable } from "../shared/wire_types";
import { Code } from "./code";

type Rows = Pick<ResultTable, "columns" | "rows" | "row_count" | "notes"> & { stdout?: string };

export function Output({ output }: { output: unknown }) {
  if (!hasRows(output)) return <Code text={typeof output === "string" ? output : JSON.stringify(output, null, 2)} label="Output" />;
  const { rows, row_count: all, stdout, notes } = output;
  return (
    <>
      {stdout && <Code text={stdout} label="Printed" />}
      <div class="cfo-result-frame"><FirstRows table={output} /></div>
      {rows.length < all && <p class="cfo-mute">The first {rows.length} of {all.toLocaleString("en-US")} rows.</p>}
      {notes.length > 0 && <ul class="cfo-notes" aria-label="Notes">{notes.map((note) => <li>{note}</li>)}</ul>}
    </>
  );
}

function hasRows(output: unknown): output is Rows {
  const { columns, rows, row_count: all, notes } = (output ?? {}) as Partial<Rows>;
  return [columns, rows, notes].every(Array.isArray) && typeof all === "number";
}
