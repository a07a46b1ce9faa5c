// Shows the first rows of a result.
import type { ResultTable } from "../shared/wire_types";
import { columnFormats } from "./cell_format";
import { usePaperParts, wholeTable } from "./paper_parts";
import { RowsTable } from "./rows_table";
import "./first_rows.css";

/** Marks a table as scrolled sideways, so that the fixed first column gets a shadow. */
export function markScrolled({ currentTarget }: { currentTarget: HTMLElement }): void {
  currentTarget.toggleAttribute("data-aside", currentTarget.scrollLeft > 0);
}

export function FirstRows({ table: { columns, rows } }: { table: Pick<ResultTable, "columns" | "rows"> }) {
  const formats = columnFormats(columns, rows);
  const paper = usePaperParts(formats, rows);
  return (
    <div class="cfo-rows" role="region" aria-label="Rows of the result" tabIndex={0} onScroll={markScrolled}>
      <RowsTable formats={formats} rows={rows} part={wholeTable(formats, rows)} />
      {rows.length === 0 && <p class="cfo-no-rows">No rows. Try a broader query or another period.</p>}
      <div ref={paper} class="cfo-paper" />
    </div>
  );
}
