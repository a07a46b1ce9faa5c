// A run while it works: its events, one after the other, become what is shown of it.
import type { ActionStarted, ChatMessage, Event, Numbered, Problem, Progress, Reply } from "../shared/wire_types";

export interface Step {
  id: string;
  name: string;
  input: unknown;
  output?: unknown;
  elapsed_ms?: number;
  failed?: boolean;
}

export interface Live {
  /** The number of the event that comes next; what came too early waits. */
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
  /** Whether this page saw the reply come: only then a countdown may run on it. */
  cameLive: boolean;
}

export const NOTHING: Live = {
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
  cameLive: false,
};

/** The run after these events, in whatever order and however often they come; `asTheyHappen` is not for old ones. */
export function after(live: Live, told: Numbered[], asTheyHappen: boolean): Live {
  const known = new Set(live.waiting.map(({ number }) => number));
  const fresh = told.filter(({ number }) => number >= live.next && !known.has(number));
  if (fresh.length === 0) return live;
  const inOrder = [...live.waiting, ...fresh].sort((a, b) => a.number - b.number);
  const cameLive = live.cameLive || (asTheyHappen && fresh.some(({ event }) => event.type === "result"));
  let now: Live = { ...live, cameLive, waiting: [] };
  for (const numbered of inOrder) {
    if (numbered.number < now.next) continue;
    if (numbered.number > now.next) now.waiting.push(numbered);
    else now = { ...step(now, numbered), next: numbered.number + 1 };
  }
  return now;
}

function step(live: Live, { number, event }: Numbered): Live {
  switch (event.type) {
    case "run_started":
      return { ...live, hasStarted: true };
    case "token":
      return { ...live, tokens: [...live.tokens, { number, text: event.text }] };
    case "restarted":
      return { ...live, tokens: live.tokens.filter((token) => token.number < event.from) };
    case "tool_call":
    case "tool_result":
      return { ...live, steps: steps(live.steps, event) };
    case "action_started":
      return { ...live, action: event.kind };
    case "progress":
      return { ...live, progress: event };
    case "result":
      return { ...live, reply: event.reply, action: null, progress: null };
    case "error":
      return { ...live, error: { code: event.code, message: event.message } };
    case "done":
      return { ...live, status: event.status, action: null, progress: null };
    default:
      return live; // a server that is newer than this page may send events it does not know
  }
}

/** The tool calls so far; a result belongs to the last call of its id that has none. */
export function steps(so_far: Step[], event: Event): Step[] {
  if (event.type === "tool_call") return [...so_far, { id: event.id, name: event.name, input: event.input }];
  if (event.type !== "tool_result") return so_far;
  const call = so_far.findLastIndex(({ id, name, output }) => id === event.id && name === event.name && output === undefined);
  const { output, elapsed_ms, failed } = event;
  return so_far.map((known, n) => (n === call ? { ...known, output: output ?? null, elapsed_ms, failed } : known));
}

/** The words of the reply so far. */
export function words(live: Live): string {
  return live.tokens.map(({ text }) => text).join("");
}
