// Holds the state of a thread's conversation on this page, and provides the actions on it.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import { draftKey, loadOutbox, type OutgoingMessage, saveOutbox, tabId } from "../shared/drafts";
import type { ChatMessage, Problem, SentMessage } from "../shared/wire_types";
import { afterReload, drop, isHeldHere, mustWait, release, waitForFiles } from "./held_messages";
import { type Ask, type Connection, problemOf, useRequests } from "./requests";
import { useRunStates } from "./run_states";
import { isOpen, keysByRun, type Turn, turnsOf } from "./turns";

const PAGE_CLOSED: Problem = { code: "left", message: "The page was closed before this was sent.", details: {} };

export interface Conversation {
  turns: Turn[];
  connection: Connection;
  /** The key under which this browser stores the thread's draft. */
  thread: string;
  send: (text: string, inReplyTo?: string) => void;
  retry: (outgoing: OutgoingMessage) => void;
  withdraw: (outgoing: OutgoingMessage) => void;
  /** Sends a message that waits for files without them. */
  sendNow: (outgoing: OutgoingMessage) => void;
  ask: Ask;
}

/** The conversation for one opening of a thread. Each opening starts from scratch. */
export function useConversation(opened: string): Conversation {
  const [messages] = useTrait<ChatMessage[]>("messages");
  const [threadId] = useTrait<string>("thread_id");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [isLoading] = useTrait<boolean>("is_loading");
  const thread = draftKey(workspaceId, threadId);
  const requests = useRequests();
  const { ask, connection } = requests;
  const states = useRunStates(requests);
  const [outbox, setOutbox] = useState<OutgoingMessage[]>(() => loadOutbox(thread).filter((one) => threadId || !isHeldHere(one.key)).map(readyToSend));
  const keys = useMemo(() => keysByRun(messages, outbox), [messages, outbox]);
  const latest = useRef({ messages, outbox, keys });
  latest.current = { messages, outbox, keys }; // since turns are memoized, their buttons may call an old `send`
  const storedUnder = useRef(thread);
  const isResumed = useRef(false);

  // A layout effect, because the page may be reloaded before the next frame.
  useLayoutEffect(() => {
    if (storedUnder.current !== thread) saveOutbox(storedUnder.current, []); // the new thread has got its id
    storedUnder.current = thread;
    const arrived = new Set(keys.values());
    const shown = new Set(outbox.map(({ key }) => key));
    const heldElsewhere = loadOutbox(thread).filter(({ key }) => isHeldHere(key) && !shown.has(key));
    saveOutbox(thread, [...heldElsewhere, ...outbox.filter(({ key, runId }) => !runId && !arrived.has(key))]);
  }, [thread, outbox, keys]);

  const change = (key: string, changed: Partial<OutgoingMessage>) =>
    setOutbox((all) => all.map((one) => (one.key === key ? { ...one, ...changed } : one)));

  const deliver = async ({ key, text, in_reply_to }: OutgoingMessage) => {
    if (mustWait(workspaceId)) {
      change(key, { isHeld: true });
      const outcome = await waitForFiles(workspaceId, key);
      if (outcome === false) return;
      change(key, { isHeld: false, ...(outcome !== true && { problem: outcome }) });
      if (outcome !== true) return;
    }
    try {
      const more = in_reply_to ? { in_reply_to } : {};
      const { run_id } = await ask<SentMessage>({ type: "send", opened, key, text, ...more });
      change(key, { runId: run_id });
      // Needed when this conversation is no longer shown, because the effect above does not run then.
      saveOutbox(storedUnder.current, loadOutbox(storedUnder.current).filter((one) => one.key !== key));
    } catch (error) {
      change(key, { problem: problemOf(error) });
    }
  };

  useEffect(() => {
    if (isLoading || connection !== "alive" || isResumed.current) return;
    isResumed.current = true;
    const arrived = new Set(keys.values());
    for (const unsent of outbox.filter(({ key, problem, runId, isHeld }) => !problem && !runId && !isHeld && !arrived.has(key))) {
      // The key makes sending idempotent, so a message that did arrive is not sent twice. On a standalone page, the first message
      // of a thread opens the thread with its key, so that a reload leads there. In a notebook, a new thread's id is not derived
      // from the key; and another tab, which may be closed, shares the storage. In these cases the user decides.
      const isReload = "voila" in document.body.dataset && unsent.tab === tabId();
      if (threadId || isReload) void deliver(unsent);
      else change(unsent.key, { problem: PAGE_CLOSED });
    }
  }, [isLoading, connection]);

  const send = (text: string, inReplyTo?: string) => {
    const now = latest.current;
    const persons = now.messages.filter(({ who }) => who === "person").length;
    const arrived = new Set(now.keys.values());
    const sending = now.outbox.filter(({ key }) => !arrived.has(key)).length;
    const more = inReplyTo ? { in_reply_to: inReplyTo } : {};
    const outgoing: OutgoingMessage = { key: newKey(), text, tab: tabId(), after: persons + sending, ...more };
    isResumed.current = true;
    saveOutbox(storedUnder.current, [...loadOutbox(storedUnder.current), outgoing]); // before the composer clears the draft
    setOutbox((all) => [...all, outgoing]);
    void deliver(outgoing);
  };
  const retry = (outgoing: OutgoingMessage) => {
    setOutbox((all) => all.map((one) => (one.key === outgoing.key ? withoutProblem(one) : one)));
    void deliver(outgoing);
  };
  const withdraw = ({ key }: OutgoingMessage) => {
    drop(key);
    setOutbox((all) => all.filter((one) => one.key !== key));
  };
  const sendNow = ({ key }: OutgoingMessage) => release(key);

  const turns = useMemo(() => turnsOf(messages, states, outbox, keys), [messages, states, outbox, keys]);
  return { turns, connection, thread, send, retry, withdraw, sendNow, ask };
}

/** Returns the first run that is running or queued, if any. */
export function openRun(all: Turn[]): string | null {
  return all.find(isOpen)?.runId ?? null;
}

function withoutProblem({ problem: _, ...outgoing }: OutgoingMessage): OutgoingMessage {
  return outgoing;
}

/** Clears the problem of a message that failed because the kernel had ended, so that the next page sends it again. */
function readyToSend(outgoing: OutgoingMessage): OutgoingMessage {
  return outgoing.problem?.code === "no_kernel" ? withoutProblem(outgoing) : afterReload(outgoing);
}

function newKey(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}
