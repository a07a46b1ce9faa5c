// The conversation as the page shows it: what a person wrote, each with what became of it.
import type { ChatMessage } from "../shared/wire_types";
import type { Outgoing } from "../shared/unsent";
import type { Live } from "./live";

export interface Turn {
  /** Stays the same while a message goes out, works and has its reply, so that nothing flickers. */
  key: string;
  person: Pick<ChatMessage, "text" | "at" | "in_reply_to" | "untouched">;
  outgoing: Outgoing | null;
  runId: string | null;
  agent: ChatMessage | null;
  live: Live | null;
  /** It waits for its turn behind an earlier run. */
  isQueued: boolean;
}

/** Which messages on their way the thread has by now: their keys, by the run each became. */
export function arrived(messages: ChatMessage[], outbox: Outgoing[]): Map<string, string> {
  const persons = messages.filter(({ who }) => who === "person");
  const keys = new Map<string, string>();
  for (const { key, text, after, runId } of outbox) {
    const is = (m: ChatMessage, n: number) =>
      !keys.has(m.run_id) && (runId ? m.run_id === runId : n >= after && m.text === text);
    const found = persons.find(is);
    if (found) keys.set(found.run_id, key);
  }
  return keys;
}

export function turns(
  messages: ChatMessage[],
  lives: ReadonlyMap<string, Live>,
  outbox: Outgoing[],
  keys: ReadonlyMap<string, string>,
): Turn[] {
  const agents = new Map(messages.filter(({ who }) => who === "agent").map((m) => [m.run_id, m]));
  const there: Turn[] = messages
    .filter(({ who }) => who === "person")
    .map((person) => {
      const { run_id: runId } = person;
      const agent = agents.get(runId) ?? null;
      const live = lives.get(runId) ?? null;
      return { key: keys.get(runId) ?? runId, person, outgoing: null, runId, agent, live, isQueued: false };
    });
  const known = new Set(there.map(({ key }) => key));
  const onTheirWay: Turn[] = outbox
    .filter(({ key }) => !known.has(key))
    .map((outgoing) => {
      const { key, text, runId } = outgoing;
      const person = { text, at: "", in_reply_to: outgoing.in_reply_to ?? null, untouched: false };
      const live = (runId && lives.get(runId)) || null;
      return { key, person, outgoing, runId: runId ?? null, agent: null, live, isQueued: false };
    });
  const all = [...there, ...onTheirWay];
  const first = all.findIndex((turn) => isOpen(turn));
  return all.map((turn, n) => (n > first && isOpen(turn) && !turn.live?.hasStarted ? { ...turn, isQueued: true } : turn));
}

/** Whether the run of this turn has not ended. */
export function isOpen({ runId, agent, live }: Turn): boolean {
  return runId !== null && agent === null && !live?.status;
}

/** The reply of a turn, and how it came to its end, as soon as either is known. */
export function ending({ agent, live }: Turn) {
  return {
    reply: agent?.reply ?? live?.reply ?? null,
    error: agent?.error ?? live?.error ?? null,
    status: agent?.status ?? live?.status ?? null,
  };
}
