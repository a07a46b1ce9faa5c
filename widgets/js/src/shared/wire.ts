// All that passes between a component and its Python side (cfo_widgets/wire.py is the other end).
import type { Numbered, Problem } from "./values";

export type { Problem } from "./values";

/** What a person does, named as in the Python models of each component. */
export type Command =
  // chat
  | { type: "send"; opened: string; text: string; key: string; in_reply_to?: string }
  | { type: "continue"; opened: string; run_id: string; untouched: boolean }
  | { type: "cancel"; opened: string; run_id: string }
  | { type: "rename"; opened: string; title: string }
  | { type: "steps"; opened: string; run_id: string }
  | { type: "look" };

/** What Python tells: answers to commands by their number, and the events of runs. */
export type Told =
  | { type: "answer"; request: string; value: unknown }
  | { type: "problem"; request: string; problem: Problem }
  | { type: "events"; run_id: string; events: Numbered[] };
