// What a person wrote, kept in this browser until the thread has it: it outlives a reload and a lost kernel.
import type { Outgoing } from "./turns";

const PREFIX = "cfo";

/** The name of a thread here; a thread without a message shares one with the other new threads of its workspace. */
export function place(workspaceId: string, threadId: string): string {
  return threadId || `new in ${workspaceId}`;
}

/** What was being written there: in this tab, which a reload leaves as it is, else in another one of this browser. */
export function draft(where: string): string {
  const name = `${PREFIX} draft ${where}`;
  const text = read(name, "tab") ?? read(name) ?? "";
  write(name, text, "tab");
  return text;
}

export function keepDraft(where: string, text: string): void {
  const name = `${PREFIX} draft ${where}`;
  const isOwn = read(name) === read(name, "tab"); // two tabs may write in one thread: neither takes the other's words away
  write(name, text, "tab");
  if (text || isOwn) write(name, text);
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
type Reach = "browser" | "tab";
const store = (reach: Reach) => (reach === "tab" ? sessionStorage : localStorage);

function read(name: string, reach: Reach = "browser"): string | null {
  try {
    return store(reach).getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, text: string, reach: Reach = "browser"): void {
  try {
    if (text) store(reach).setItem(name, text);
    else store(reach).removeItem(name);
  } catch {
    return;
  }
}
