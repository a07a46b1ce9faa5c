// Shows a tool's output: rows as a table with printed text and notes, anything else in the form given to the model.
import { FirstRows } from "../result/first_rows";
import { plainFormat } from "../result/cell_format";
import type { NumberFormat, ResultTable } from "../shared/wire_types";
import { CodeBlock } from "./code_block";

/** A table in the form given to the model, which has only the roles of columns. */
interface RowsOutput extends Pick<ResultTable, "rows" | "row_count" | "notes"> {
  columns: { name: string; type: string; role?: NumberFormat["role"] }[];
  stdout?: string;
}

export function ToolOutput({ output }: { output: unknown }) {
  if (!hasRows(output)) return <CodeBlock text={typeof output === "string" ? output : JSON.stringify(output, null, 2)} label="Output" />;
  const { rows, row_count: all, stdout, notes } = output;
  const columns = output.columns.map(({ name, type, role }, i) => ({ name, type, format: plainFormat(type, rows.map((row) => row[i]), role) }));
  return (
    <>
      {stdout && <CodeBlock text={stdout} label="Printed" />}
      <div class="cfo-result-frame"><FirstRows table={{ columns, rows }} /></div>
      {rows.length < all && <p class="cfo-mute">First {rows.length} of {all.toLocaleString("en-US")} rows</p>}
      {notes.length > 0 && <ul class="cfo-notes" aria-label="Notes">{notes.map((note) => <li>{note}</li>)}</ul>}
    </>
  );
}

function hasRows(output: unknown): output is RowsOutput {
  const { columns, rows, row_count: all, notes } = (output ?? {}) as Partial<RowsOutput>;
  return [columns, rows, notes].every(Array.isArray) && typeof all === "number";
}
