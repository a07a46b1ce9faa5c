import { useRef, useState } from "preact/hooks";
import { useLine, useTrait } from "../shared/component";
import { words } from "../shared/failure";
import { Dots } from "../shared/icons";
import { Menu } from "../shared/menu";
import { type Deletion, NotDeleted } from "../shared/undo";
import type { ThreadRow } from "../shared/wire_types";
import { exactly, when } from "./days";
import { titleOf } from "./thread";

interface RowProps {
  thread: ThreadRow;
  minute: number;
  isOpen: boolean;
  isUnread: boolean;
  /** Whether the tab key comes here: it comes to one row only, the arrows to the others. */
  isReached: boolean;
  deletion: Deletion;
  open: (id: string) => void;
  remove: (thread: ThreadRow) => void;
  /** The title was taken, or left as it was. */
  named: (id: string) => void;
}

/** A thread: a button that opens it, F2 or the menu to rename it, Delete or the menu to delete it. */
export function Row({ thread, minute, isOpen, isUnread, isReached, deletion, open, remove, named }: RowProps) {
  const [isNamed, setIsNamed] = useState(false);
  const title = titleOf(thread);
  const at = new Date(thread.updated_at);
  const keys = (event: KeyboardEvent) => {
    if (event.key === "F2") setIsNamed(true);
    else if (event.key === "Delete") remove(thread);
    else return;
    event.preventDefault();
  };
  const items = [
    { label: "Rename", hint: "F2", choose: () => setIsNamed(true) },
    { label: "Delete", hint: "Del", danger: true, choose: () => remove(thread) },
  ];
  if (isNamed) {
    return <li><TitleField thread={thread} close={() => { setIsNamed(false); named(thread.id); }} /></li>;
  }
  return (
    <li class={`cfo-thread${isUnread ? " cfo-unread" : ""}`} onKeyDown={keys}>
      <button
        type="button" class="cfo-thread-open" data-thread={thread.id} tabIndex={isReached ? 0 : -1}
        aria-current={isOpen ? "true" : undefined} title={`${title}\n${exactly(at)}`}
        onClick={() => open(thread.id)}
      >
        {isUnread && <i class="cfo-dot" aria-hidden="true" />}
        <bdi>{title}</bdi>
        {isUnread && <span class="cfo-hidden">, unread</span>}
        {thread.running
          ? <span class="cfo-running"><i aria-hidden="true" /><span class="cfo-hidden">, running</span></span>
          : <time dateTime={thread.updated_at}>{when(at, new Date(minute))}</time>}
      </button>
      <Menu label={`More for ${title}`} class="cfo-more" items={items} tabIndex={isReached ? 0 : -1}><Dots /></Menu>
      <NotDeleted deletion={deletion} id={thread.id} />
    </li>
  );
}

/** The title, to be written anew: Enter or leaving takes it, Escape leaves it as it was. */
function TitleField({ thread, close }: { thread: ThreadRow; close: () => void }) {
  const line = useLine();
  const [longest] = useTrait<number>("longest_title");
  const [problem, setProblem] = useState("");
  const isDone = useRef(false);
  const save = async (input: HTMLInputElement) => {
    const title = input.value.trim();
    if (isDone.current) return;
    if (title === thread.title || !title) return leave();
    isDone.current = true;
    try {
      await line.ask({ type: "rename", thread_id: thread.id, title });
      close();
    } catch (error) {
      isDone.current = false;
      setProblem(words(error));
    }
  };
  const leave = () => {
    isDone.current = true;
    close();
  };
  return (
    <div class="cfo-title-field">
      <input
        ref={(element) => { if (element && element !== document.activeElement && !problem) { element.focus(); element.select(); } }}
        aria-label={`New title of ${titleOf(thread)}`} defaultValue={thread.title} maxLength={longest} dir="auto"
        onBlur={(event) => void save(event.currentTarget)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Enter") void save(event.currentTarget);
          if (event.key === "Escape") leave();
        }}
      />
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
    </div>
  );
}
