import type { Cell, ResultTable } from "../shared/values";
import { count, isFigure } from "./dataset";

/** The first rows of a table: figures to the right and with all their decimals, negative ones in parentheses. */
export function FirstRows({ result }: { result: ResultTable }) {
  if (!result.rows.length) return <p class="cfo-mute">This table has no rows.</p>;
  return (
    <>
      <div class="cfo-data-rows" tabIndex={0} role="group" aria-label="First rows">
        <table>
          <thead>
            <tr>{result.columns.map(({ name, type }, n) => <th key={n} scope="col" class={isFigure(type) ? "cfo-figure" : ""}><bdi>{name}</bdi></th>)}</tr>
          </thead>
          <tbody>
            {result.rows.map((row, r) => (
              <tr key={r}>
                {row.map((cell, n) => {
                  const type = result.columns[n]?.type ?? "";
                  return <td key={n} class={isFigure(type) ? "cfo-figure" : ""}><bdi>{shown(cell, type)}</bdi></td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {result.row_count > result.rows.length && <p class="cfo-mute">The first {result.rows.length} of {count(result.row_count, "row")}.</p>}
    </>
  );
}

/** Whole numbers stay as they are: many of them are keys and years. */
function shown(cell: Cell, type: string): string {
  if (cell === null) return "";
  if (typeof cell === "object") return JSON.stringify(cell);
  const decimals = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (decimals === undefined || decimals === "0") return String(cell);
  const text = typeof cell === "number" ? cell.toFixed(Number(decimals)) : String(cell);
  const [whole = "", fraction] = text.replace("-", "").split(".");
  const figure = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction === undefined ? "" : `.${fraction}`);
  return text.startsWith("-") ? `(${figure})` : figure;
}
