// Builds the state of a run from its events.
import type { ActionStarted, ChatMessage, Event, Numbered, Problem, Progress, Reply } from "../shared/wire_types";

/** A tool call, with its result once there is one. */
export interface Step {
  id: string;
  name: string;
  input: unknown;
  output?: unknown;
  elapsed_ms?: number;
  failed?: boolean;
}

export interface RunState {
  /** The number of the next event. Events that arrived too early wait for it. */
  next: number;
  waiting: Numbered[];
  tokens: { number: number; text: string }[];
  steps: Step[];
  action: ActionStarted["kind"] | null;
  progress: Progress | null;
  hasStarted: boolean;
  reply: Reply | null;
  error: Problem | null;
  status: ChatMessage["status"];
  /** Whether the reply arrived while this page was open. Otherwise, no countdown runs on this page. */
  arrivedLive: boolean;
}

export const INITIAL: RunState = {
  next: 0,
  waiting: [],
  tokens: [],
  steps: [],
  action: null,
  progress: null,
  hasStarted: false,
  reply: null,
  error: null,
  status: null,
  arrivedLive: false,
};

/** Returns the state after these events, which may arrive in any order and repeatedly. `isLive` is false for past events. */
export function applyEvents(state: RunState, events: Numbered[], isLive: boolean): RunState {
  const known = new Set(state.waiting.map(({ number }) => number));
  const fresh = events.filter(({ number }) => number >= state.next && !known.has(number));
  if (fresh.length === 0) return state;
  const inOrder = [...state.waiting, ...fresh].sort((a, b) => a.number - b.number);
  const arrivedLive = state.arrivedLive || (isLive && fresh.some(({ event }) => event.type === "result"));
  let current: RunState = { ...state, arrivedLive, waiting: [] };
  for (const numbered of inOrder) {
    if (numbered.number < current.next) continue;
    if (numbered.number > current.next) current.waiting.push(numbered);
    else current = { ...applyEvent(current, numbered), next: numbered.number + 1 };
  }
  return current;
}

function applyEvent(state: RunState, { number, event }: Numbered): RunState {
  switch (event.type) {
    case "run_started":
      return { ...state, hasStarted: true };
    case "token":
      return { ...state, tokens: [...state.tokens, { number, text: event.text }] };
    case "restarted":
      return { ...state, tokens: state.tokens.filter((token) => token.number < event.from) };
    case "tool_call":
    case "tool_result":
      return { ...state, steps: addToSteps(state.steps, event) };
    case "action_started":
      return { ...state, action: event.kind, progress: null };
    case "progress":
      return { ...state, progress: event };
    case "result":
      return { ...state, reply: event.reply, action: null, progress: null };
    case "error":
      return { ...state, error: { code: event.code, message: event.message, details: event.details } };
    case "done":
      return { ...state, status: event.status, action: null, progress: null };
    default:
      return state; // a server that is newer than this page may send unknown events
  }
}

/** Returns the steps after this event. Ids may be reused, so a result belongs to the last call with its id and no result. */
export function addToSteps(steps: Step[], event: Event): Step[] {
  if (event.type === "tool_call") return [...steps, { id: event.id, name: event.name, input: event.input }];
  if (event.type !== "tool_result") return steps;
  const call = steps.findLastIndex(({ id, name, output }) => id === event.id && name === event.name && output === undefined);
  const { output, elapsed_ms, failed } = event;
  return steps.map((step, n) => (n === call ? { ...step, output: output ?? null, elapsed_ms, failed } : step));
}

/** Returns the text of the reply so far. */
export function replyText(state: RunState): string {
  return state.tokens.map(({ text }) => text).join("");
}
