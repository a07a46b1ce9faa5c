// What a person wrote, kept in this browser until the thread has it: it outlives a reload and a lost kernel.
import { forget, type Reach, remember, remembered } from "./remembered";
import type { Problem } from "./wire_types";

/** A message on its way: it stands in the conversation at once, and stays until the thread has it. */
export interface Outgoing {
  key: string;
  text: string;
  in_reply_to?: string;
  /** How many messages of persons stood before it: from there on, one with its text is this one. */
  after: number;
  runId?: string;
  problem?: Problem;
}

/** The name of a thread here; a thread without a message shares one with the other new threads of its workspace. */
export function place(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

/** What was being written there: in this tab, which a reload leaves as it is, else in another one of this browser. */
export function draft(where: string): string {
  const name = `draft ${where}`;
  const text = remembered(name, "", "tab") || remembered(name, "");
  keep(name, text, "tab");
  return text;
}

export function keepDraft(where: string, text: string): void {
  const name = `draft ${where}`;
  // Two tabs may write in one thread: neither takes the other's words away.
  const isOwn = remembered(name, "") === remembered(name, "", "tab");
  keep(name, text, "tab");
  if (text || isOwn) keep(name, text, "browser");
}

/** Words of a thread that is gone wait for the next box to write in; each bundle has its own program: they meet in the tab. */
const LEFT = "left behind";
const CAME = "cfo-left-behind";

/** Takes what was written in a thread that is gone, sent in vain or not sent yet, to the box that is open now. */
export function bringOver(threadId: string): void {
  const left = [...outbox(threadId).map(({ text }) => text), draft(threadId)].filter((text) => text);
  if (!left.length) return;
  remember(LEFT, [remembered(LEFT, "", "tab"), ...left].filter((text) => text).join("\n"), "tab");
  keepDraft(threadId, "");
  keepOutbox(threadId, []);
  document.dispatchEvent(new Event(CAME));
}

/** Hears what was brought over, also before; gives the way to stop. */
export function onBroughtOver(take: (text: string) => void): () => void {
  const look = () => {
    const text = remembered(LEFT, "", "tab");
    forget(LEFT, "tab");
    if (text) take(text);
  };
  look();
  document.addEventListener(CAME, look);
  return () => document.removeEventListener(CAME, look);
}

function keep(name: string, text: string, reach: Reach): void {
  if (text) remember(name, text, reach);
  else forget(name, reach);
}

export function outbox(where: string): Outgoing[] {
  const kept = remembered<unknown>(`outbox ${where}`, []);
  return Array.isArray(kept) ? kept : [];
}

export function keepOutbox(where: string, outgoing: Outgoing[]): void {
  if (outgoing.length) remember(`outbox ${where}`, outgoing);
  else forget(`outbox ${where}`);
}
