// What a reply delivered: its table or chart with the query behind it, the sheet it wrote, or why its query failed.
import { useState } from "preact/hooks";
import { Copy, CopySign } from "../shared/copy";
import { useOwnId } from "../shared/own_id";
import type { Problem, ResultTable } from "../shared/wire_types";
import type { Spec } from "./chart";
import { ChartView } from "./chart";
import { counted, tabbed } from "./cells";
import { Download } from "./download";
import { QueryText } from "./query";
import { FirstRows } from "./table";
import { WholeResult } from "./whole";
import "./result.css";

export { SheetCard } from "./sheet";

const WIDE = 260; // px, as much as a column takes where there is room

export interface ResultViewProps {
  table: ResultTable;
  /** The Vega-Lite specification that Python gave with the reply, if any. */
  chart: Spec | null;
  runId: string;
  /** Sends a query as a message; without it the query is only shown. */
  onRun?: ((sql: string) => void) | undefined;
}

export function ResultView({ table, chart, runId, onRun }: ResultViewProps) {
  const [isChart, setChart] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { rows, row_count: all, file } = table;
  const isDrawn = isChart && chart !== null;
  const count = rows.length < all ? `${rows.length.toLocaleString("en-US")} of ${counted(all)}` : counted(all);
  return (
    <section class="cfo-result" aria-label={`Result, ${count}`} data-run={runId}>
      <div class="cfo-result-frame" style={isDrawn ? undefined : { maxWidth: `max(620px, ${table.columns.length * WIDE}px)` }}>
        <header class="cfo-bar">
          {chart && <Switch isChart={isChart} onChange={setChart} />}
          <span class="cfo-mute">{count}</span>
          <div class="cfo-tools">
            <Copy text={() => tabbed(table.columns, rows)} label="Copy" class="cfo-quiet" sign={<CopySign />} />
            {file && <Download file={file} format="csv" label="CSV" failed={setProblem} />}
            {file && <Download file={file} format="xlsx" label="Excel" failed={setProblem} />}
            {file && all > 0 && (
              <button type="button" class="cfo-quiet" onClick={() => setOpen(true)}>
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5l-5 5M2.5 13.5l5-5" /></svg>
                Open the whole result
              </button>
            )}
          </div>
        </header>
        {chart && isDrawn ? <ChartView spec={chart} table={table} /> : <FirstRows table={table} />}
      </div>
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      {table.notes.length > 0 && (
        <ul class="cfo-notes" aria-label="Notes">
          {table.notes.map((note) => <li>{note}</li>)}
        </ul>
      )}
      <QueryText query={table.query} elapsed={table.elapsed_ms} onRun={onRun} />
      {isOpen && file && <WholeResult file={file} table={table} onClose={() => setOpen(false)} />}
    </section>
  );
}

function Switch({ isChart, onChange }: { isChart: boolean; onChange: (isChart: boolean) => void }) {
  const name = useOwnId();
  const choice = (label: string, value: boolean) => (
    <label>
      <input type="radio" name={name} checked={isChart === value} onChange={() => onChange(value)} />
      <span>{label}</span>
    </label>
  );
  return (
    <div class="cfo-switch" role="radiogroup" aria-label="Show as">
      {choice("Table", false)}
      {choice("Chart", true)}
    </div>
  );
}

/** A query that gave no result: why, and the SQL to be mended. */
export function FailedQuery({ sql, problem, onRun }: { sql: string; problem: Problem; onRun?: ((sql: string) => void) | undefined }) {
  return (
    <section class="cfo-result" aria-label="Query that failed">
      <p class="cfo-problem" role="alert">{problem.message}</p>
      <QueryText query={{ mode: "sql", sql, plan: null, python: null }} open onRun={onRun} />
    </section>
  );
}
