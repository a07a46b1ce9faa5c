// Groups the conversation for display into turns: a user's message and its outcome.
import type { OutgoingMessage } from "../shared/drafts";
import type { ChatMessage } from "../shared/wire_types";
import type { RunState } from "./run_state";

export interface Turn {
  /** Stays the same while a message is sent, processed and answered, so that nothing flickers. */
  key: string;
  person: Pick<ChatMessage, "text" | "at" | "in_reply_to" | "untouched">;
  outgoing: OutgoingMessage | null;
  runId: string | null;
  agent: ChatMessage | null;
  live: RunState | null;
  /** Whether the message is waiting for an earlier run. */
  isQueued: boolean;
}

/** Returns the keys of the outgoing messages that the thread already contains, by the ids of their runs. */
export function keysByRun(messages: ChatMessage[], outbox: OutgoingMessage[]): Map<string, string> {
  const persons = messages.filter(({ who }) => who === "person");
  const keys = new Map<string, string>();
  for (const { key, text, after, runId } of outbox) {
    const matches = (m: ChatMessage, n: number) =>
      !keys.has(m.run_id) && (runId ? m.run_id === runId : n >= after && m.text === text);
    const found = persons.find(matches);
    if (found) keys.set(found.run_id, key);
  }
  return keys;
}

export function turnsOf(
  messages: ChatMessage[],
  states: ReadonlyMap<string, RunState>,
  outbox: OutgoingMessage[],
  keys: ReadonlyMap<string, string>,
): Turn[] {
  const agents = new Map(messages.filter(({ who }) => who === "agent").map((m) => [m.run_id, m]));
  const stored: Turn[] = messages
    .filter(({ who }) => who === "person")
    .map((person) => {
      const { run_id: runId } = person;
      const agent = agents.get(runId) ?? null;
      const live = states.get(runId) ?? null;
      return { key: keys.get(runId) ?? runId, person, outgoing: null, runId, agent, live, isQueued: false };
    });
  const known = new Set(stored.map(({ key }) => key));
  const sending: Turn[] = outbox
    .filter(({ key }) => !known.has(key))
    .map((outgoing) => {
      const { key, text, runId } = outgoing;
      const person = { text, at: "", in_reply_to: outgoing.in_reply_to ?? null, untouched: false };
      const live = (runId && states.get(runId)) || null;
      return { key, person, outgoing, runId: runId ?? null, agent: null, live, isQueued: false };
    });
  const all = [...stored, ...sending];
  const firstOpen = all.findIndex((turn) => isOpen(turn));
  return all.map((turn, n) => (n > firstOpen && isOpen(turn) && !turn.live?.hasStarted ? { ...turn, isQueued: true } : turn));
}

/** Whether this turn's run has not ended yet. */
export function isOpen({ runId, agent, live }: Turn): boolean {
  return runId !== null && agent === null && !live?.status;
}

/** Returns a turn's reply and outcome, as soon as either is known. */
export function outcomeOf({ agent, live }: Turn) {
  return {
    reply: agent?.reply ?? live?.reply ?? null,
    error: agent?.error ?? live?.error ?? null,
    status: agent?.status ?? live?.status ?? null,
  };
}
