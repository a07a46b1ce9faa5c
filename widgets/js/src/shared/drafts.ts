// Stores drafts and unsent messages in this browser, so that they survive a reload or a lost kernel.
import { loadItem, removeItem, saveItem, type Scope } from "./browser_storage";
import type { Problem } from "./wire_types";

/** A message that is being sent. It is shown in the conversation at once, and kept until the thread contains it. */
export interface OutgoingMessage {
  key: string;
  text: string;
  in_reply_to?: string;
  /** The tab in which it was written. */
  tab?: string;
  /** How many user messages precede it. The first later message with the same text is this one. */
  after: number;
  runId?: string;
  problem?: Problem;
  /** Whether it waits until the files that the user is adding have been read. */
  isHeld?: boolean;
}

/** The id of this tab, which survives a reload. */
export function tabId(): string {
  const id = loadItem("tab", "", "tab") || `${Date.now()}-${Math.random()}`;
  saveItem("tab", id, "tab");
  return id;
}

/** Returns a thread's storage key. New threads in a workspace share one, because they have no id before their first message. */
export function draftKey(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

/** Returns a thread's draft: this tab's draft, which survives a reload, or otherwise the draft from another tab. */
export function loadDraft(thread: string): string {
  const name = `draft ${thread}`;
  const text = loadItem(name, "", "tab") || loadItem(name, "");
  saveText(name, text, "tab");
  return text;
}

export function saveDraft(thread: string, text: string): void {
  const name = `draft ${thread}`;
  // Two tabs may have drafts for the same thread. Clearing one must not remove the other.
  const isOwn = loadItem(name, "") === loadItem(name, "", "tab");
  saveText(name, text, "tab");
  if (text || isOwn) saveText(name, text, "browser");
}

// Text from a deleted thread. The frame's bundle detects the deletion, and the chat's bundle contains the composer. They share no
// variables, so they exchange the text through the tab's storage and a DOM event.
const RESCUED = "left behind";
const RESCUED_EVENT = "cfo-left-behind";

/** Moves the draft and the unsent messages of a deleted thread to the open composer. */
export function rescueText(threadId: string): void {
  const texts = [...loadOutbox(threadId).map(({ text }) => text), loadDraft(threadId)].filter((text) => text);
  if (!texts.length) return;
  saveItem(RESCUED, [loadItem(RESCUED, "", "tab"), ...texts].filter((text) => text).join("\n"), "tab");
  saveDraft(threadId, "");
  saveOutbox(threadId, []);
  document.dispatchEvent(new Event(RESCUED_EVENT));
}

/** Calls `take` with text that has been or will be rescued. Returns a function that stops this. */
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
