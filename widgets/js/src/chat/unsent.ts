// What a person wrote, kept in this browser until the thread has it: it outlives a reload and a lost kernel.
import { forget, remember, remembered } from "../shared/remembered";
import type { Outgoing } from "./turns";

/** The name of a thread here; a thread without a message shares one with the other new threads of its workspace. */
export function place(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

export function draft(where: string): string {
  return remembered(`draft ${where}`, "");
}

export function keepDraft(where: string, text: string): void {
  if (text) remember(`draft ${where}`, text);
  else forget(`draft ${where}`);
}

export function outbox(where: string): Outgoing[] {
  const kept = remembered<unknown>(`outbox ${where}`, []);
  return Array.isArray(kept) ? kept : [];
}

export function keepOutbox(where: string, outgoing: Outgoing[]): void {
  if (outgoing.length) remember(`outbox ${where}`, outgoing);
  else forget(`outbox ${where}`);
}
