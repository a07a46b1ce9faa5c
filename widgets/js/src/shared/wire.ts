// All that passes between a component and its Python side (cfo_widgets/wire.py is the other end).
import type { Filter, Numbered, Problem, Sort } from "./values";

export type { Problem } from "./values";

/** What a person does, named as in the Python models of each component. */
export type Command =
  // chat
  | { type: "send"; text: string; key: string; in_reply_to?: string }
  | { type: "continue"; run_id: string; untouched: boolean }
  | { type: "cancel"; run_id: string }
  | { type: "look" }
  // results
  | { type: "page"; file: string; offset: number; limit: number; sort: Sort[]; filters: Filter[] }
  | { type: "download"; key: string; file: string; format: "csv" | "xlsx" | null; from: number }
  | { type: "library" }
  | { type: "rerun"; sql: string };

/** What Python tells: answers to commands by their number, and the events of runs. */
export type Told =
  | { type: "answer"; request: string; value: unknown }
  | { type: "problem"; request: string; problem: Problem }
  | { type: "events"; run_id: string; events: Numbered[] };
