// Deletion that can be undone: what goes is hidden at once, and really deleted only when the time to undo is over.
// The time runs here, so nothing is deleted where the page goes first.
import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "./failure";
import { Close } from "./icons";
import "./undo.css";

const SECONDS = 8;

interface Going {
  id: string;
  label: string;
  isSent: boolean;
}

export interface Deletion {
  /** What is hidden: it goes, or has gone and the list does not know yet. */
  hidden: Set<string>;
  going: Going[];
  /** Why something is back, by its id. */
  problems: Map<string, string>;
  remove: (id: string, label: string) => void;
  undo: (id: string) => void;
  /** A problem was read. */
  dismiss: (id: string) => void;
}

/** `really` deletes; `scope` is where the ids are from: what goes in another one is left alone. */
export function useDeletion(scope: string, really: (id: string) => Promise<unknown>): Deletion {
  const [going, setGoing] = useState<Going[]>([]);
  const [problems, setProblems] = useState(new Map<string, string>());
  const timers = useRef(new Map<string, ReturnType<typeof setTimeout>>());
  const perform = useRef(really);
  perform.current = really;
  useEffect(() => () => {
    for (const timer of timers.current.values()) clearTimeout(timer);
    timers.current.clear();
    setGoing([]);
    setProblems(new Map());
  }, [scope]);
  const dismiss = (id: string) => setProblems((all) => new Map([...all].filter(([one]) => one !== id)));
  const leave = (id: string) => setGoing((all) => all.filter((one) => one.id !== id));
  const finish = async (id: string) => {
    timers.current.delete(id);
    setGoing((all) => all.map((one) => (one.id === id ? { ...one, isSent: true } : one)));
    try {
      await perform.current(id);
    } catch (error) {
      setProblems((all) => new Map(all).set(id, words(error)));
    }
    leave(id);
  };
  return {
    hidden: new Set(going.map(({ id }) => id)),
    going,
    problems,
    dismiss,
    remove(id, label) {
      if (timers.current.has(id)) return;
      dismiss(id);
      setGoing((all) => [...all.filter((one) => one.id !== id), { id, label, isSent: false }]);
      timers.current.set(id, setTimeout(() => void finish(id), SECONDS * 1000));
    },
    undo(id) {
      clearTimeout(timers.current.get(id));
      timers.current.delete(id);
      leave(id);
    },
  };
}

/** Why something is back. */
export function NotDeleted({ deletion, id }: { deletion: Deletion; id: string }) {
  const problem = deletion.problems.get(id);
  if (!problem) return null;
  return (
    <p class="cfo-problem cfo-not-deleted" role="alert">
      <span>Not deleted. {problem}</span>
      <button type="button" aria-label="Dismiss" title="Dismiss" onClick={() => deletion.dismiss(id)}><Close /></button>
    </p>
  );
}

export function UndoToasts({ deletion, back }: { deletion: Deletion; back: (id: string) => void }) {
  return (
    <div class="cfo-undos" role="status">
      {deletion.going.filter(({ isSent }) => !isSent).map(({ id, label }) => (
        <div key={id} class="cfo-undo">
          <span>Deleted <bdi>{label}</bdi></span>
          <button type="button" onClick={() => { deletion.undo(id); back(id); }}>Undo</button>
          <i aria-hidden="true" style={{ animationDuration: `${SECONDS}s` }} />
        </div>
      ))}
    </div>
  );
}
