// The first rows of a result.
import type { ResultTable } from "../shared/wire_types";
import { type Cell, type Look, looks, NOTHING, shown, whole } from "./cells";
import "./table.css";

/** What stands in a cell; the closing parenthesis hangs, so that digits of all signs stand in line. */
export function CellText({ cell, look }: { cell: Cell | undefined; look: Look }) {
  const text = shown(cell, look);
  if (text === NOTHING && (cell === null || cell === undefined)) return <span class="cfo-none" aria-label="empty">{NOTHING}</span>;
  if (!look.isNumber || !text.endsWith(")")) return <bdi>{text}</bdi>;
  return (
    <>
      {text.slice(0, -1)}
      <span class="cfo-hang">)</span>
    </>
  );
}

/** Lets the first column, which stays, be set off from those that go behind it. */
export function markAside({ currentTarget }: { currentTarget: HTMLElement }): void {
  currentTarget.toggleAttribute("data-aside", currentTarget.scrollLeft > 0);
}

export function FirstRows({ table }: { table: Pick<ResultTable, "columns" | "rows"> }) {
  const shownAs = looks(table.columns, table.rows);
  return (
    <div class="cfo-rows" role="region" aria-label="Rows of the result" tabIndex={0} onScroll={markAside}>
      <table>
        <thead>
          <tr>
            {shownAs.map((look) => (
              <th scope="col" class={look.isNumber ? "cfo-number" : ""} title={look.type}>
                <bdi>{look.name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => (
            <tr>
              {shownAs.map((look, i) => (
                <td class={look.isNumber ? "cfo-number" : ""} title={whole(row[i], look)}>
                  <CellText cell={row[i]} look={look} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.rows.length === 0 && <p class="cfo-no-rows">No rows. Loosen the conditions of the query, or ask for another period.</p>}
    </div>
  );
}
