// Shows a tool's output: rows as a table with printed text and notes, anything else in the form given to the model.
import { FirstRows } from "../result/first_rows";
import type { ResultTable } from "../shared/wire_types";
import { CodeBlock } from "./code_block";

type RowsOutput = Pick<ResultTable, "columns" | "rows" | "row_count" | "notes"> & { stdout?: string };

export function ToolOutput({ output }: { output: unknown }) {
  if (!hasRows(output)) return <CodeBlock text={typeof output === "string" ? output : JSON.stringify(output, null, 2)} label="Output" />;
  const { rows, row_count: all, stdout, notes } = output;
  return (
    <>
      {stdout && <CodeBlock text={stdout} label="Printed" />}
      <div class="cfo-result-frame"><FirstRows table={output} /></div>
      {rows.length < all && <p class="cfo-mute">First {rows.length} of {all.toLocaleString("en-US")} rows</p>}
      {notes.length > 0 && <ul class="cfo-notes" aria-label="Notes">{notes.map((note) => <li>{note}</li>)}</ul>}
    </>
  );
}

function hasRows(output: unknown): output is RowsOutput {
  const { columns, rows, row_count: all, notes } = (output ?? {}) as Partial<RowsOutput>;
  return [columns, rows, notes].every(Array.isArray) && typeof all === "number";
}
