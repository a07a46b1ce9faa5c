// Drafts and messages that are not sent yet, kept in this browser: they survive a reload and a lost kernel.
import { loadItem, removeItem, saveItem, type Scope } from "./browser_storage";
import type { Problem } from "./wire_types";

/** A message that is being sent. It is part of the conversation at once, and is kept until the thread has it. */
export interface OutgoingMessage {
  key: string;
  text: string;
  in_reply_to?: string;
  /** How many messages of people came before it: the first later one with the same text is this one. */
  after: number;
  runId?: string;
  problem?: Problem;
}

/** The storage key of a thread. New threads of a workspace share one, because they have no id before their first message. */
export function draftKey(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

/** The draft of a thread: of this tab, which keeps it over a reload, or else of another tab of this browser. */
export function loadDraft(thread: string): string {
  const name = `draft ${thread}`;
  const text = loadItem(name, "", "tab") || loadItem(name, "");
  saveText(name, text, "tab");
  return text;
}

export function saveDraft(thread: string, text: string): void {
  const name = `draft ${thread}`;
  // Two tabs may have drafts in the same thread. Clearing one must not remove the other's.
  const isOwn = loadItem(name, "") === loadItem(name, "", "tab");
  saveText(name, text, "tab");
  if (text || isOwn) saveText(name, text, "browser");
}

// Text of a deleted thread. The frame's bundle finds out that it was deleted, the chat's bundle has the composer: they
// share no variables, so they exchange the text through the tab's storage and a DOM event.
const RESCUED = "left behind";
const RESCUED_EVENT = "cfo-left-behind";

/** Moves the draft and the unsent messages of a deleted thread to the composer that is open now. */
export function rescueText(threadId: string): void {
  const texts = [...loadOutbox(threadId).map(({ text }) => text), loadDraft(threadId)].filter((text) => text);
  if (!texts.length) return;
  saveItem(RESCUED, [loadItem(RESCUED, "", "tab"), ...texts].filter((text) => text).join("\n"), "tab");
  saveDraft(threadId, "");
  saveOutbox(threadId, []);
  document.dispatchEvent(new Event(RESCUED_EVENT));
}

/** Calls `take` with rescued text, past and future; returns the function that stops it. */
export function onRescuedText(take: (text: string) => void): () => void {
  const check = () => {
    const text = loadItem(RESCUED, "", "tab");
    removeItem(RESCUED, "tab");
    if (text) take(text);
  };
  check();
  document.addEventListener(RESCUED_EVENT, check);
  return () => document.removeEventListener(RESCUED_EVENT, check);
}

function saveText(name: string, text: string, scope: Scope): void {
  if (text) saveItem(name, text, scope);
  else removeItem(name, scope);
}

export function loadOutbox(thread: string): OutgoingMessage[] {
  const stored = loadItem<unknown>(`outbox ${thread}`, []);
  return Array.isArray(stored) ? stored : [];
}

export function saveOutbox(thread: string, outgoing: OutgoingMessage[]): void {
  if (outgoing.length) saveItem(`outbox ${thread}`, outgoing);
  else removeItem(`outbox ${thread}`);
}
