import type { ThreadRow } from "../shared/wire_types";

export const titleOf = (thread: ThreadRow): string => thread.title || "Untitled";

const plain = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Those whose title has all words of the search, whatever their case and accents. */
export function found(threads: ThreadRow[], search: string): ThreadRow[] {
  const words = plain(search).split(/\s+/).filter(Boolean);
  return words.length ? threads.filter((thread) => words.every((word) => plain(titleOf(thread)).includes(word))) : threads;
}
