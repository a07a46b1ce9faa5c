// Shows a user's message and its outcome.
import { useMemo } from "preact/hooks";
import { useFilesBeingAdded } from "../shared/added_files";
import { useTrait } from "../shared/component";
import type { OutgoingMessage } from "../shared/drafts";
import { AgentView } from "./agent";
import { fullDateTime } from "./date_time";
import { waitLabel } from "./held_messages";
import type { Ask } from "./requests";
import { isOpen, type Turn } from "./turns";

export interface TurnProps {
  turn: Turn;
  isLast: boolean;
  isStopping: boolean;
  send: ((text: string, inReplyTo?: string) => void) | undefined;
  retry: (outgoing: OutgoingMessage) => void;
  edit: (outgoing: OutgoingMessage) => void;
  sendNow: (outgoing: OutgoingMessage) => void;
  stop: (runId: string) => void;
  ask: Ask;
  opened: string;
}

/** Memoized, so that a long conversation does not slow down the display of arriving text. */
export function TurnView(props: TurnProps) {
  const { turn, isLast, isStopping, send } = props;
  return useMemo(
    () => (
      <>
        <PersonMessage {...props} />
        {turn.runId && !turn.isQueued && <AgentView {...props} runId={turn.runId} />}
      </>
    ),
    [turn.person.text, turn.person.at, turn.outgoing, turn.agent, turn.live, turn.isQueued, turn.runId, isLast, isStopping, send === undefined],
  );
}

function PersonMessage(props: TurnProps) {
  const { text, untouched, at } = props.turn.person;
  if (text === "") {
    return <p class="cfo-aside cfo-mute" title={fullDateTime(at)}>{untouched ? "Continued automatically" : "Continued"}</p>;
  }
  return (
    <article class="cfo-person" aria-label="You">
      <div class="cfo-bubble" title={fullDateTime(at)}>{text}</div>
      <MessageStatus {...props} />
    </article>
  );
}

/** Shows what a message waits for. */
function Held({ outgoing, edit, sendNow }: Pick<TurnProps, "edit" | "sendNow"> & { outgoing: OutgoingMessage }) {
  const [workspaceId] = useTrait<string>("workspace_id");
  const files = useFilesBeingAdded(workspaceId);
  return (
    <p class="cfo-fate cfo-mute" role="status">
      <span>{files.length ? waitLabel(files) : "Sending…"}</span>
      <button type="button" class="cfo-link" onClick={() => sendNow(outgoing)}>Send now</button>
      <button type="button" class="cfo-link" onClick={() => edit(outgoing)}>Edit</button>
    </p>
  );
}

/** Shows whether a message is being sent, waits for files, could not be sent, or is queued. */
function MessageStatus({ turn, retry, edit, sendNow, stop, isStopping }: TurnProps) {
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
  if (outgoing?.isHeld && !runId) return <Held outgoing={outgoing} edit={edit} sendNow={sendNow} />;
  if (outgoing && !runId) return <p class="cfo-fate cfo-mute">Sending…</p>;
  if (!turn.isQueued || !runId || !isOpen(turn)) return null;
  return (
    <p class="cfo-fate cfo-mute">
      Queued
      <button type="button" class="cfo-link" disabled={isStopping} onClick={() => stop(runId)}>Cancel</button>
    </p>
  );
}
