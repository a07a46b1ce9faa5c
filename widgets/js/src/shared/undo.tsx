// Deletions that can be undone. An item is hidden at once, and deleted when the time to undo has passed. The timer runs in the
// page, so nothing is deleted if the page is closed first.
import { useEffect, useRef, useState } from "preact/hooks";
import { errorMessage } from "./errors";
import { Close } from "./icons";
import "./undo.css";

const SECONDS = 8;

interface PendingDeletion {
  id: string;
  label: string;
  isSent: boolean;
}

export interface Deletion {
  /** Items that must not be listed, because their deletion is pending, or is done but the list is not updated yet. */
  hidden: Set<string>;
  pending: PendingDeletion[];
  /** The reasons why items were not deleted, by item id. */
  problems: Map<string, string>;
  remove: (id: string, label: string) => void;
  undo: (id: string) => void;
  dismissProblem: (id: string) => void;
}

/** `perform` deletes an item. `scope` identifies where the ids come from. When it changes, pending deletions are dropped. */
export function useDeletion(scope: string, perform: (id: string) => Promise<unknown>): Deletion {
  const [pending, setPending] = useState<PendingDeletion[]>([]);
  const [problems, setProblems] = useState(new Map<string, string>());
  const timers = useRef(new Map<string, ReturnType<typeof setTimeout>>());
  const latestPerform = useRef(perform);
  latestPerform.current = perform;
  useEffect(() => () => {
    for (const timer of timers.current.values()) clearTimeout(timer);
    timers.current.clear();
    setPending([]);
    setProblems(new Map());
  }, [scope]);
  const dismissProblem = (id: string) => setProblems((all) => new Map([...all].filter(([other]) => other !== id)));
  const forget = (id: string) => setPending((all) => all.filter((one) => one.id !== id));
  const finish = async (id: string) => {
    timers.current.delete(id);
    setPending((all) => all.map((one) => (one.id === id ? { ...one, isSent: true } : one)));
    try {
      await latestPerform.current(id);
    } catch (error) {
      setProblems((all) => new Map(all).set(id, errorMessage(error)));
    }
    forget(id);
  };
  return {
    hidden: new Set(pending.map(({ id }) => id)),
    pending,
    problems,
    dismissProblem,
    remove(id, label) {
      if (timers.current.has(id)) return;
      dismissProblem(id);
      setPending((all) => [...all.filter((one) => one.id !== id), { id, label, isSent: false }]);
      timers.current.set(id, setTimeout(() => void finish(id), SECONDS * 1000));
    },
    undo(id) {
      clearTimeout(timers.current.get(id));
      timers.current.delete(id);
      forget(id);
    },
  };
}

/** Shows why an item was not deleted. */
export function DeletionProblem({ deletion, id }: { deletion: Deletion; id: string }) {
  const problem = deletion.problems.get(id);
  if (!problem) return null;
  return (
    <p class="cfo-problem cfo-not-deleted" role="alert">
      <span>Not deleted. {problem}</span>
      <button type="button" aria-label="Dismiss" title="Dismiss" onClick={() => deletion.dismissProblem(id)}><Close /></button>
    </p>
  );
}

export function UndoToasts({ deletion, onUndo }: { deletion: Deletion; onUndo: (id: string) => void }) {
  return (
    <div class="cfo-undos" role="status">
      {deletion.pending.filter(({ isSent }) => !isSent).map(({ id, label }) => (
        <div key={id} class="cfo-undo">
          <span>Deleted <bdi>{label}</bdi><small>Stays in .trash/ for up to 30 days</small></span>
          <button type="button" onClick={() => { deletion.undo(id); onUndo(id); }}>Undo</button>
          <i aria-hidden="true" style={{ animationDuration: `${SECONDS}s` }} />
        </div>
      ))}
    </div>
  );
}
