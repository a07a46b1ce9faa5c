// Shows the first rows of a result.
import type { ResultTable } from "../shared/wire_types";
import { type Cell, cellText, type ColumnFormat, columnFormats, EMPTY, fullValue } from "./cell_format";
import "./first_rows.css";

/** A cell. The closing parenthesis of a negative figure hangs to the right, so that the digits of all figures line up. */
export function CellView({ cell, format }: { cell: Cell | undefined; format: ColumnFormat }) {
  const text = cellText(cell, format);
  if (text === EMPTY && (cell === null || cell === undefined)) return <span class="cfo-none" aria-label="empty">{EMPTY}</span>;
  if (!format.isNumber || !text.endsWith(")")) return <bdi>{text}</bdi>;
  return (
    <>
      {text.slice(0, -1)}
      <span class="cfo-hang">)</span>
    </>
  );
}

/** Marks a table as scrolled sideways, so that the fixed first column gets a shadow. */
export function markScrolled({ currentTarget }: { currentTarget: HTMLElement }): void {
  currentTarget.toggleAttribute("data-aside", currentTarget.scrollLeft > 0);
}

export function FirstRows({ table }: { table: Pick<ResultTable, "columns" | "rows"> }) {
  const formats = columnFormats(table.columns, table.rows);
  return (
    <div class="cfo-rows" role="region" aria-label="Rows of the result" tabIndex={0} onScroll={markScrolled}>
      <table>
        <thead>
          <tr>
            {formats.map((format) => (
              <th scope="col" class={format.isNumber ? "cfo-number" : ""} title={format.type}>
                <bdi>{format.name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => (
            <tr>
              {formats.map((format, i) => (
                <td class={format.isNumber ? "cfo-number" : ""} title={fullValue(row[i], format)}>
                  <CellView cell={row[i]} format={format} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.rows.length === 0 && <p class="cfo-no-rows">No rows. Try a broader query or another period.</p>}
    </div>
  );
}
