// All that passes between a component and its Python side (cfo_widgets/wire.py is the other end).
import type { Filter, Numbered, Problem, Sort } from "./values";

export type { Problem } from "./values";

/** What a person does, named as in the Python models of each component. */
export type Command =
  // all of them: is anybody there?
  | { type: "here" }
  // frame
  | { type: "enter"; thread: string }
  // chat
  | { type: "send"; opened: string; text: string; key: string; in_reply_to?: string }
  | { type: "continue"; opened: string; run_id: string; untouched: boolean }
  | { type: "cancel"; opened: string; run_id: string }
  | { type: "rename"; opened: string; title: string }
  | { type: "steps"; opened: string; run_id: string }
  | { type: "look" }
  // workspace picker
  | { type: "begin"; remembered: string }
  | { type: "pick"; workspace_id: string }
  | { type: "create"; name: string }
  | { type: "refresh" }
  // thread picker
  | { type: "pick"; thread_id: string }
  | { type: "rename"; thread_id: string; title: string }
  | { type: "last_change"; thread_id: string }
  | { type: "delete"; workspace_id: string; thread_id: string; last_change: string }
  // data panel
  | { type: "upload"; workspace_id: string; upload_id: string; name: string; size: number; offset: number }
  | { type: "cancel_upload"; upload_id: string }
  | { type: "preview"; workspace_id: string; table: string }
  | { type: "download"; workspace_id: string; file: string; key: string; from: number }
  | { type: "delete_file"; workspace_id: string; file: string }
  | { type: "ask"; workspace_id: string; question: string }
  // results
  | { type: "page"; opened?: string; file: string; offset: number; limit: number; sort: Sort[]; filters: Filter[] }
  | { type: "download"; opened?: string; file: string; format: "csv" | "xlsx" | null; key: string; from: number }
  | { type: "library" }
  | { type: "rerun"; sql: string };

/** What Python tells: answers to commands by their number, and the events of runs. */
export type Told =
  | { type: "answer"; request: string; value: unknown }
  | { type: "problem"; request: string; problem: Problem }
  | { type: "events"; run_id: string; events: Numbered[] };
