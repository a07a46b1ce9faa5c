// One message of a person, and what became of it.
import { useMemo } from "preact/hooks";
import { AgentView } from "./agent";
import type { Ask } from "./asking";
import type { Outgoing } from "../shared/unsent";
import { isOpen, type Turn } from "./turns";
import { whenever } from "./whenever";

export interface TurnProperties {
  turn: Turn;
  isLast: boolean;
  isStopping: boolean;
  say: ((text: string, inReplyTo?: string) => void) | undefined;
  retry: (outgoing: Outgoing) => void;
  edit: (outgoing: Outgoing) => void;
  stop: (runId: string) => void;
  ask: Ask;
  opened: string;
}

/** Drawn anew only where something of it changed: a long conversation must not slow the words that come. */
export function TurnView(properties: TurnProperties) {
  const { turn, isLast, isStopping, say } = properties;
  return useMemo(
    () => (
      <>
        <Person {...properties} />
        {turn.runId && !turn.isQueued && <AgentView {...properties} runId={turn.runId} />}
      </>
    ),
    [turn.person.text, turn.person.at, turn.outgoing, turn.agent, turn.live, turn.isQueued, turn.runId, isLast, isStopping, say === undefined],
  );
}

function Person(properties: TurnProperties) {
  const { text, untouched, at } = properties.turn.person;
  if (text === "") {
    return <p class="cfo-aside cfo-mute" title={whenever(at)}>{untouched ? "Continued by itself" : "Continued"}</p>;
  }
  return (
    <article class="cfo-person" aria-label="You">
      <div class="cfo-bubble" title={whenever(at)}>{text}</div>
      <Fate {...properties} />
    </article>
  );
}

/** What becomes of a message before it is worked on. */
function Fate({ turn, retry, edit, stop, isStopping }: TurnProperties) {
  const { outgoing, runId } = turn;
  if (outgoing?.problem) {
    return (
      <div class="cfo-unsent" role="alert">
        <span>Not sent. <span data-code={outgoing.problem.code}>{outgoing.problem.message}</span></span>
        <button type="button" class="cfo-link" onClick={() => retry(outgoing)}>Try again</button>
        <button type="button" class="cfo-link" onClick={() => edit(outgoing)}>Edit</button>
      </div>
    );
  }
  if (outgoing && !runId) return <p class="cfo-fate cfo-mute">Sending…</p>;
  if (!turn.isQueued || !runId || !isOpen(turn)) return null;
  return (
    <p class="cfo-fate cfo-mute">
      Waits for its turn
      <button type="button" class="cfo-link" disabled={isStopping} onClick={() => stop(runId)}>Cancel it</button>
    </p>
  );
}
