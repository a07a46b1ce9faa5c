// A table of rows.
import { type Cell, cellText, type ColumnFormat, EMPTY, fullValue } from "./cell_format";
import type { TablePart } from "./paper_parts";

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

export function RowsTable({ formats, rows, part }: { formats: ColumnFormat[]; rows: Cell[][]; part: TablePart }) {
  const columns = part.columns.map((i) => ({ i, format: formats[i] as ColumnFormat }));
  return (
    <table style={{ "--characters": part.characters }}>
      <thead>
        <tr>
          {columns.map(({ format }) => (
            <th scope="col" class={format.isNumber ? "cfo-number" : ""} title={format.type}>
              <bdi>{format.name}</bdi>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr>
            {columns.map(({ i, format }) => (
              <td class={format.isNumber ? "cfo-number" : ""} title={fullValue(row[i], format)}>
                <CellView cell={row[i]} format={format} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
