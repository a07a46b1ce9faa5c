// The table and the sheet of a reply.
import type { ResultTable, SheetWritten } from "../shared/values";

export function ResultView({ table }: { table: ResultTable; chart: object | null; runId: string }) {
  return (
    <div class="cfo-result" role="region" aria-label="Result" tabIndex={0} style="overflow:auto;max-height:320px">
      <table>
        <thead><tr>{table.columns.map((column) => <th scope="col">{column.name}</th>)}</tr></thead>
        <tbody>{table.rows.map((row) => <tr>{row.map((cell) => <td>{String(cell ?? "")}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

export function SheetCard({ written }: { written: SheetWritten }) {
  return <p>{written.file}, {written.sheet}, {written.range}</p>;
}
