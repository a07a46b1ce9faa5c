// What a person wrote, kept in this browser until the thread has it: it outlives a reload and a lost kernel.
import type { Outgoing } from "./turns";

const PREFIX = "cfo";

/** The name of a thread here; a thread without a message shares one with the other new threads of its workspace. */
export function place(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

export function draft(where: string): string {
  return read(`${PREFIX} draft ${where}`) ?? "";
}

export function keepDraft(where: string, text: string): void {
  write(`${PREFIX} draft ${where}`, text);
}

export function outbox(where: string): Outgoing[] {
  try {
    const kept: unknown = JSON.parse(read(`${PREFIX} outbox ${where}`) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

export function keepOutbox(where: string, outgoing: Outgoing[]): void {
  write(`${PREFIX} outbox ${where}`, outgoing.length ? JSON.stringify(outgoing) : "");
}

// A browser may forbid its storage; then all of this lasts as long as the page.
function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, text: string): void {
  try {
    if (text) localStorage.setItem(name, text);
    else localStorage.removeItem(name);
  } catch {
    return;
  }
}
