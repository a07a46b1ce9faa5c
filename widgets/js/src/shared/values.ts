// The values of the engine as they come over the wire: cfo_kernel's replies, events and interface, word for word.

export interface Problem {
  code: string;
  message: string;
}
export interface ResultColumn {
  name: string;
  type: string;
}
export interface Query {
  mode: "sql" | "plan" | "python";
  sql: string;
  plan: unknown;
  python: string | null;
}
/** A figure is a number where a double holds it exactly, else a text with all its digits; dates are ISO texts. */
export type Cell = string | number | boolean | null | object;
export interface ResultTable {
  columns: ResultColumn[];
  rows: Cell[][];
  row_count: number;
  truncated: boolean;
  file: string | null;
  elapsed_ms: number;
  query: Query;
  notes: string[];
}
export interface Sort {
  column: string;
  descending: boolean;
}
export interface Filter {
  column: string;
  op: "contains" | "=" | ">=" | "<=";
  value: string | number;
}
export interface ResultPage {
  columns: ResultColumn[];
  rows: Cell[][];
  offset: number;
  row_count: number;
  total: number;
}
export interface UserInteraction {
  kind: "user_interaction";
  message: string;
  choices: string[];
}
export interface TaskResult {
  kind: "task_result";
  message: string;
  result: ResultTable | null;
  files: string[];
}
export interface Chart {
  type: "bar" | "line";
  x: string;
  y: string[];
}
export interface RunSQL {
  kind: "run_sql";
  sql: string;
  purpose: string;
  chart: Chart | null;
  result: ResultTable | null;
  error: Problem | null;
}
export interface SheetWritten {
  file: string;
  sheet: string;
  range: string;
  rows: number;
  columns: number;
}
export interface WriteSheetFromFile {
  kind: "write_sheet_from_file";
  source_file: string;
  workbook: string;
  sheet: string;
  mode: "create" | "replace" | "append";
  purpose: string;
  written: SheetWritten | null;
  error: Problem | null;
}
export type Reply = UserInteraction | TaskResult | RunSQL | WriteSheetFromFile;

export type Status = "queued" | "running" | "succeeded" | "rejected" | "failed" | "cancelled";
export interface Usage {
  requests: number;
  tool_calls: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost: number | null;
  model: string | null;
}
export interface UsageTotals extends Usage {
  runs: number;
  unpriced_runs: number;
}
export interface ShownMessage {
  who: "person" | "agent";
  run_id: string;
  at: string;
  text: string;
  in_reply_to: string | null;
  untouched: boolean;
  status: Status | null;
  reply: Reply | null;
  error: Problem | null;
  usage: Usage | null;
  /** How the reply's result is drawn, as Vega-Lite without its data; only an agent's message has it. */
  chart?: Record<string, unknown> | null;
}

export type RunEvent =
  | { type: "run_started"; run_id: string; thread_id: string }
  | { type: "token"; text: string }
  | { type: "tool_call"; id: string; name: string; input: unknown }
  | { type: "tool_result"; id: string; name: string; output: unknown; elapsed_ms: number }
  | { type: "action_started"; kind: "run_sql" | "write_sheet_from_file" }
  | { type: "progress"; done: number; total: number; label: string }
  | { type: "restarted"; from: number }
  | { type: "result"; reply: Reply }
  | { type: "error"; code: string; message: string }
  | { type: "done"; run_id: string; status: Status; usage: Usage };
export interface Numbered {
  number: number;
  event: RunEvent;
}
