// Which threads have news for who looks at this browser: it remembers when each was last seen.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { remember, remembered } from "../shared/remembered";
import type { ThreadRow } from "../shared/wire_types";

interface Memory {
  /** What was there at the first visit counts as seen. */
  since: string;
  /** By thread its time of last use when it was seen; empty where an answer came since. */
  seen: Record<string, string>;
  /** Those that were answering at the last look: one that no longer does has an answer. */
  running: string[];
}

export interface Unread {
  unread: Set<string>;
  /** What there is now in a thread is no news. */
  saw: (id: string) => void;
}

/** The ids of the threads with something new. The open one has nothing new while somebody looks. */
export function useUnread(workspaceId: string, threads: ThreadRow[] | null, openId: string): Unread {
  const latest = useRef(threads);
  latest.current = threads;
  const [memory, setMemory] = useState<Memory | null>(null);
  const [isLooking, setIsLooking] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const look = () => setIsLooking(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  useEffect(() => {
    if (!workspaceId || !threads) return;
    const key = `seen:${workspaceId}`;
    const first = { since: threads.reduce((last, { updated_at }) => (updated_at > last ? updated_at : last), ""), seen: {}, running: [] };
    const next = looked(remembered<Memory>(key, first), threads, isLooking ? openId : "");
    remember(key, next);
    setMemory(next);
  }, [workspaceId, threads, openId, isLooking]);
  const saw = (id: string) => setMemory((before) => {
    const at = latest.current?.find((thread) => thread.id === id)?.updated_at;
    if (!before || at === undefined) return before;
    const after = { ...before, seen: { ...before.seen, [id]: at } };
    remember(`seen:${workspaceId}`, after);
    return after;
  });
  const unread = useMemo(() => {
    const news = (threads ?? []).filter(({ id, updated_at }) => {
      const isOpen = id === openId && isLooking;
      return memory && !isOpen && updated_at > (memory.seen[id] ?? memory.since);
    });
    return new Set(news.map(({ id }) => id));
  }, [memory, threads, openId, isLooking]);
  return { unread, saw };
}

function looked({ since, seen, running }: Memory, threads: ThreadRow[], openId: string): Memory {
  const kept: Record<string, string> = {};
  for (const { id, updated_at, running: isRunning } of threads) {
    const at = seen[id];
    if (id === openId) kept[id] = updated_at;
    else if (running.includes(id) && !isRunning) kept[id] = "";
    else if (at !== undefined) kept[id] = at;
  }
  return { since, seen: kept, running: threads.filter((thread) => thread.running).map(({ id }) => id) };
}
