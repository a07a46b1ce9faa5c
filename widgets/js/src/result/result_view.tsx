// Shows the result of a reply: its table or chart with the query behind it, the sheet it wrote, or why its query failed.
import { useState } from "preact/hooks";
import { CopyButton, CopyIcon } from "../shared/copy_button";
import { useElementId } from "../shared/element_id";
import type { Problem, ResultTable } from "../shared/wire_types";
import { countLabel, tabSeparated } from "./cell_format";
import { type ChartSpec, ChartView } from "./chart_view";
import { DownloadButton } from "./download_button";
import { FirstRows } from "./first_rows";
import { FullResult } from "./full_result";
import { QueryText } from "./query_text";
import "./result.css";

export { SheetCard } from "./sheet_card";

const COLUMN_WIDTH = 260; // px, the maximum that a column needs

export interface ResultViewProps {
  table: ResultTable;
  /** The Vega-Lite specification of the result's chart, if it has one. */
  chart: ChartSpec | null;
  runId: string;
  /** Sends an edited query as a message. Without it, the query is read-only. */
  onRun?: ((sql: string) => void) | undefined;
}

export function ResultView({ table, chart, runId, onRun }: ResultViewProps) {
  const [isChart, setChart] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { rows, row_count: all, file } = table;
  const showsChart = isChart && chart !== null;
  const count = rows.length < all ? `${rows.length.toLocaleString("en-US")} of ${countLabel(all)}` : countLabel(all);
  return (
    <section class="cfo-result" aria-label={`Result, ${count}`} data-run={runId}>
      <div class="cfo-result-frame" style={showsChart ? undefined : { maxWidth: `max(620px, ${table.columns.length * COLUMN_WIDTH}px)` }}>
        <header class="cfo-bar">
          {chart && <ChartSwitch isChart={isChart} onChange={setChart} />}
          <span class="cfo-mute">{count}</span>
          <div class="cfo-tools">
            <CopyButton text={() => tabSeparated(table.columns, rows)} label="Copy" class="cfo-quiet" icon={<CopyIcon />} />
            {file && <DownloadButton file={file} format="csv" label="CSV" onProblem={setProblem} />}
            {file && <DownloadButton file={file} format="xlsx" label="Excel" onProblem={setProblem} />}
            {file && all > 0 && (
              <button type="button" class="cfo-quiet" onClick={() => setOpen(true)}>
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5l-5 5M2.5 13.5l5-5" /></svg>
                Open full result
              </button>
            )}
          </div>
        </header>
        {chart && showsChart ? <ChartView spec={chart} table={table} /> : <FirstRows table={table} />}
      </div>
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      {table.notes.length > 0 && (
        <ul class="cfo-notes" aria-label="Notes">
          {table.notes.map((note) => <li>{note}</li>)}
        </ul>
      )}
      <QueryText query={table.query} elapsed={table.elapsed_ms} onRun={onRun} />
      {isOpen && file && <FullResult file={file} table={table} onClose={() => setOpen(false)} />}
    </section>
  );
}

function ChartSwitch({ isChart, onChange }: { isChart: boolean; onChange: (isChart: boolean) => void }) {
  const name = useElementId();
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

/** Shows a failed query: the reason, and the SQL to fix. */
export function FailedQuery({ sql, problem, onRun }: { sql: string; problem: Problem; onRun?: ((sql: string) => void) | undefined }) {
  return (
    <section class="cfo-result" aria-label="Failed query">
      <p class="cfo-problem" role="alert">{problem.message}</p>
      <QueryText query={{ mode: "sql", sql, plan: null, python: null }} open onRun={onRun} />
    </section>
  );
}
