import type { ThreadRow } from "../shared/wire_types";

export const titleOf = (thread: ThreadRow): string => thread.title || "Untitled";

const normalize = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Returns the threads whose titles contain all words of the search, ignoring case and accents. */
export function searchThreads(threads: ThreadRow[], search: string): ThreadRow[] {
  const words = normalize(search).split(/\s+/).filter(Boolean);
  return words.length ? threads.filter((thread) => words.every((word) => normalize(titleOf(thread)).includes(word))) : threads;
}
