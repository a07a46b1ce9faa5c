// The messages between Python and the page. Generated from the pydantic models by `make types`: do not edit.

export type Command =
  | Ping
  | RestoreThread
  | ChatCommand
  | DataPanelCommand
  | ResultViewCommand
  | ThreadPickerCommand
  | WorkspacePickerCommand;
export type ChatCommand =
  | SendMessage
  | ContinueReply
  | CancelRun
  | RenameOpenThread
  | ListSteps
  | SyncChat
  | GetResultRows
  | DownloadResult
  | LoadChartLibrary;
export type Values = Scalar | Scalar[];
export type Scalar = boolean | number | string;
export type DataPanelCommand =
  | UploadChunk
  | CancelUpload
  | PreviewTable
  | DownloadFile
  | DeleteFile
  | StopReading
  | ReadAgain
  | UniteFiles
  | AskExample
  | DataInView;
export type ResultViewCommand = GetResultRows | DownloadResult | LoadChartLibrary | RerunQuery;
export type ThreadPickerCommand = PickThread | RenameThread | GetLastChange | DeleteThread | ThreadsInView;
export type WorkspacePickerCommand = OpenInitialWorkspace | PickWorkspace | CreateWorkspace | ListWorkspaces;
export type PageMessage = AnswerMessage | ProblemMessage | EventsMessage;
export type Event =
  RunStarted | Token | ToolCall | ToolResult | ActionStarted | Progress | Restarted | Result | Error | Done;
export type Reply = UserInteraction | TaskResult | RunSQL | WriteSheetFromFile;

export interface WireTypes {
  Command: Command;
  PageMessage: PageMessage;
  Event: Event;
  Reply: Reply;
  ChatMessage: ChatMessage;
  UsageTotals: UsageTotals;
  ResultPage: ResultPage;
  Glossary: Glossary;
  ThreadRow: ThreadRow;
  WorkspaceRow: WorkspaceRow;
  DatasetSummary: DatasetSummary;
  SentMessage: SentMessage;
  RestoredThread: RestoredThread;
  DownloadChunk: DownloadChunk;
}
export interface Ping {
  request: string;
  type: "here";
}
export interface RestoreThread {
  request: string;
  type: "enter";
  thread?: string;
}
export interface SendMessage {
  request: string;
  opened: string;
  type: "send";
  text: string;
  key: string;
  in_reply_to?: string | null;
}
export interface ContinueReply {
  request: string;
  opened: string;
  type: "continue";
  run_id: string;
  untouched?: boolean;
}
export interface CancelRun {
  request: string;
  opened: string;
  type: "cancel";
  run_id: string;
}
export interface RenameOpenThread {
  request: string;
  opened: string;
  type: "rename";
  title: string;
}
export interface ListSteps {
  request: string;
  opened: string;
  type: "steps";
  run_id: string;
}
export interface SyncChat {
  request: string;
  type: "look";
}
export interface GetResultRows {
  request: string;
  opened?: string;
  sort?: Sort[];
  filters?: (Filter | Contains)[];
  offset?: number;
  limit?: number;
  type: "page";
  file: string;
}
export interface Sort {
  column: string;
  descending?: boolean;
}
export interface Filter {
  column: string;
  op?:
    | "="
    | "!="
    | "<"
    | "<="
    | ">"
    | ">="
    | "in"
    | "not in"
    | "between"
    | "like"
    | "is null"
    | "is not null"
    | "in period";
  value?: Values | null;
}
export interface Contains {
  column: string;
  op?: "contains";
  value: string;
}
export interface DownloadResult {
  request: string;
  opened?: string;
  sort?: Sort[];
  filters?: (Filter | Contains)[];
  key: string;
  from: number;
  type: "download";
  file: string;
  format?: ("csv" | "xlsx") | null;
}
export interface LoadChartLibrary {
  request: string;
  type: "library";
}
export interface UploadChunk {
  request: string;
  workspace_id: string;
  type: "upload";
  upload_id: string;
  name: string;
  size: number;
  offset: number;
}
export interface CancelUpload {
  request: string;
  type: "cancel_upload";
  upload_id: string;
}
export interface PreviewTable {
  request: string;
  workspace_id: string;
  type: "preview";
  table: string;
}
export interface DownloadFile {
  request: string;
  workspace_id: string;
  key: string;
  from: number;
  type: "download";
  file: string;
}
export interface DeleteFile {
  request: string;
  workspace_id: string;
  type: "delete_file";
  file: string;
}
export interface StopReading {
  request: string;
  workspace_id: string;
  type: "stop_reading";
  file: string;
}
export interface ReadAgain {
  request: string;
  workspace_id: string;
  type: "read_again";
  file: string;
}
export interface UniteFiles {
  request: string;
  workspace_id: string;
  type: "unite";
  name: string;
  files: string[];
}
export interface AskExample {
  request: string;
  workspace_id: string;
  type: "ask";
  question: string;
}
export interface DataInView {
  request: string;
  type: "look";
}
export interface RerunQuery {
  request: string;
  type: "rerun";
  sql: string;
}
export interface PickThread {
  request: string;
  type: "pick";
  thread_id: string;
}
export interface RenameThread {
  request: string;
  type: "rename";
  thread_id: string;
  title: string;
}
export interface GetLastChange {
  request: string;
  type: "last_change";
  thread_id: string;
}
export interface DeleteThread {
  request: string;
  type: "delete";
  workspace_id: string;
  thread_id: string;
  last_change?: string;
}
export interface ThreadsInView {
  request: string;
  type: "look";
}
export interface OpenInitialWorkspace {
  request: string;
  type: "begin";
  remembered?: string;
}
export interface PickWorkspace {
  request: string;
  type: "pick";
  workspace_id: string;
}
export interface CreateWorkspace {
  request: string;
  type: "create";
  name: string;
}
export interface ListWorkspaces {
  request: string;
  type: "refresh";
}
export interface AnswerMessage {
  type: "answer";
  request: string;
  value: unknown;
}
export interface ProblemMessage {
  type: "problem";
  request: string;
  problem: Problem;
}
export interface Problem {
  code: string;
  message: string;
  details: {
    [k: string]: unknown;
  };
}
export interface EventsMessage {
  type: "events";
  run_id: string;
  events: Numbered[];
}
export interface Numbered {
  number: number;
  event: RunStarted | Token | ToolCall | ToolResult | ActionStarted | Progress | Restarted | Result | Error | Done;
}
export interface RunStarted {
  type: "run_started";
  run_id: string;
  thread_id: string;
}
export interface Token {
  type: "token";
  text: string;
}
export interface ToolCall {
  type: "tool_call";
  id: string;
  name: string;
  input: unknown;
}
export interface ToolResult {
  type: "tool_result";
  id: string;
  name: string;
  output: unknown;
  elapsed_ms: number;
  failed: boolean;
}
export interface ActionStarted {
  type: "action_started";
  kind: "run_sql" | "write_sheet_from_file";
}
export interface Progress {
  type: "progress";
  done: number;
  total: number;
  label: string;
}
export interface Restarted {
  type: "restarted";
  from: number;
}
export interface Result {
  type: "result";
  reply: UserInteraction | TaskResult | RunSQL | WriteSheetFromFile;
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
export interface ResultTable {
  columns: ResultColumn[];
  rows: unknown[][];
  row_count: number;
  truncated: boolean;
  file: string | null;
  elapsed_ms: number;
  query: Query;
  notes: string[];
}
export interface ResultColumn {
  name: string;
  type: string;
  format: NumberFormat | null;
}
export interface NumberFormat {
  role: "amount" | "percent" | "points" | "rate" | "count" | "year" | "code" | "number" | "month";
  decimals: number;
}
export interface Query {
  mode: "sql" | "plan" | "python";
  sql: string;
  plan: {
    [k: string]: unknown;
  } | null;
  python: string | null;
}
export interface RunSQL {
  kind: "run_sql";
  sql: string;
  purpose: string;
  chart: Chart | null;
  result: ResultTable | null;
  error: Problem | null;
}
export interface Chart {
  type: "bar" | "line";
  x: string;
  y: string[];
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
export interface SheetWritten {
  file: string;
  sheet: string;
  range: string;
  rows: number;
  columns: number;
}
export interface Error {
  type: "error";
  code: string;
  message: string;
  details: {
    [k: string]: unknown;
  };
}
export interface Done {
  type: "done";
  run_id: string;
  status: "succeeded" | "rejected" | "failed" | "cancelled";
  usage: Usage;
}
export interface Usage {
  requests: number;
  tool_calls: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost: number | null;
  model: string | null;
}
export interface ChatMessage {
  who: "person" | "agent";
  run_id: string;
  at: string;
  text: string;
  in_reply_to: string | null;
  untouched: boolean;
  status: ("queued" | "running" | "succeeded" | "rejected" | "failed" | "cancelled") | null;
  reply: (UserInteraction | TaskResult | RunSQL | WriteSheetFromFile) | null;
  error: Problem | null;
  usage: Usage | null;
  chart: {
    [k: string]: unknown;
  } | null;
  waits_for_review: boolean;
}
export interface UsageTotals {
  requests: number;
  tool_calls: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost: number | null;
  model: string | null;
  runs: number;
  unpriced_runs: number;
}
export interface ResultPage {
  columns: ResultColumn[];
  rows: unknown[][];
  offset: number;
  row_count: number;
  total: number;
}
export interface Glossary {
  company: string | null;
  tables: GlossaryTable[];
  questions: string[];
  problems: string[];
}
export interface GlossaryTable {
  table: string;
  name: string | null;
  description: string | null;
  synonyms: string[];
  questions: string[];
  columns: GlossaryColumn[];
}
export interface GlossaryColumn {
  column: string;
  name: string | null;
  description: string | null;
  synonyms: string[];
  note: string | null;
}
export interface ThreadRow {
  id: string;
  title: string;
  updated_at: string;
  running: boolean;
}
export interface WorkspaceRow {
  id: string;
  name: string;
  updated_at: string;
}
export interface DatasetSummary {
  file: string;
  size: number;
  problem: string | null;
  reading: string | null;
  can_stop: boolean;
  is_stopped: boolean;
  document: string | null;
  notes: string[];
  proposal: ProposalSummary | null;
  tables: TableSummary[];
}
export interface ProposalSummary {
  name: string;
  files: string[];
}
export interface TableSummary {
  name: string;
  sheet: string | null;
  row_count: number;
  files: string[];
  reading: ReadingSummary[];
  columns: ColumnSummary[];
}
export interface ReadingSummary {
  label: string;
  line: string;
  texts: string[];
  needs_check: boolean;
}
export interface ColumnSummary {
  name: string;
  type: string;
}
export interface SentMessage {
  run_id: string;
}
export interface RestoredThread {
  is_found: boolean;
}
export interface DownloadChunk {
  name: string;
  size: number;
  media_type: string;
  is_done: boolean;
}
