// Tracks which threads have something new for the user. The browser stores when each thread was last seen.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { loadItem, saveItem } from "../shared/browser_storage";
import type { ThreadRow } from "../shared/wire_types";

interface SeenThreads {
  /** Everything up to the first visit counts as seen. */
  since: string;
  /** For each thread, the time of its last use when it was last seen. Empty if an answer has arrived since. */
  seen: Record<string, string>;
  /** Threads that were running at the last update. If one is no longer running, it has an answer. */
  running: string[];
}

export interface Unread {
  unread: Set<string>;
  /** Marks everything in a thread as seen. */
  markSeen: (id: string) => void;
}

/** Returns the ids of the threads with something new. The open thread has nothing new while the page is visible. */
export function useUnread(workspaceId: string, threads: ThreadRow[] | null, openId: string): Unread {
  const latest = useRef(threads);
  latest.current = threads;
  const [seenThreads, setSeenThreads] = useState<SeenThreads | null>(null);
  const [isVisible, setIsVisible] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const update = () => setIsVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", update);
    return () => document.removeEventListener("visibilitychange", update);
  }, []);
  useEffect(() => {
    if (!workspaceId || !threads) return;
    const key = `seen:${workspaceId}`;
    const first = { since: threads.reduce((last, { updated_at }) => (updated_at > last ? updated_at : last), ""), seen: {}, running: [] };
    const next = updateSeen(loadItem<SeenThreads>(key, first), threads, isVisible ? openId : "");
    saveItem(key, next);
    setSeenThreads(next);
  }, [workspaceId, threads, openId, isVisible]);
  const markSeen = (id: string) => setSeenThreads((before) => {
    const at = latest.current?.find((thread) => thread.id === id)?.updated_at;
    if (!before || at === undefined) return before;
    const after = { ...before, seen: { ...before.seen, [id]: at } };
    saveItem(`seen:${workspaceId}`, after);
    return after;
  });
  const unread = useMemo(() => {
    const changed = (threads ?? []).filter(({ id, updated_at }) => {
      const isOpen = id === openId && isVisible;
      return seenThreads && !isOpen && updated_at > (seenThreads.seen[id] ?? seenThreads.since);
    });
    return new Set(changed.map(({ id }) => id));
  }, [seenThreads, threads, openId, isVisible]);
  return { unread, markSeen };
}

function updateSeen({ since, seen, running }: SeenThreads, threads: ThreadRow[], openId: string): SeenThreads {
  const stillSeen: Record<string, string> = {};
  for (const { id, updated_at, running: isRunning } of threads) {
    const at = seen[id];
    if (id === openId) stillSeen[id] = updated_at;
    else if (running.includes(id) && !isRunning) stillSeen[id] = "";
    else if (at !== undefined) stillSeen[id] = at;
  }
  return { since, seen: stillSeen, running: threads.filter((thread) => thread.running).map(({ id }) => id) };
}
