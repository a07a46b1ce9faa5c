// What a person wrote, kept in this browser until the thread has it: it outlives a reload and a lost kernel.
import { forget, type Reach, remember, remembered } from "../shared/remembered";
import type { Outgoing } from "./turns";

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
