import { useRef, useState } from "preact/hooks";
import { useChannel, useTrait } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { Dots } from "../shared/icons";
import { Menu } from "../shared/menu";
import { type Deletion, DeletionProblem } from "../shared/undo";
import type { ThreadRow } from "../shared/wire_types";
import { exactTime, shortTime } from "./thread_dates";
import { titleOf } from "./thread_search";

interface ThreadItemProps {
  thread: ThreadRow;
  minute: number;
  isOpen: boolean;
  isUnread: boolean;
  /** Whether the Tab key stops here. It stops at only one row; the arrow keys reach the others. */
  isTabStop: boolean;
  deletion: Deletion;
  open: (id: string) => void;
  remove: (thread: ThreadRow) => void;
  /** Called when renaming ends, whether or not the title was changed. */
  onRenamed: (id: string) => void;
}

/** A thread. A click opens it; F2 or the menu renames it; Delete or the menu deletes it. */
export function ThreadItem({ thread, minute, isOpen, isUnread, isTabStop, deletion, open, remove, onRenamed }: ThreadItemProps) {
  const [isRenaming, setIsRenaming] = useState(false);
  const title = titleOf(thread);
  const at = new Date(thread.updated_at);
  const keys = (event: KeyboardEvent) => {
    if (event.key === "F2") setIsRenaming(true);
    else if (event.key === "Delete") remove(thread);
    else return;
    event.preventDefault();
  };
  const items = [
    { label: "Rename", hint: "F2", choose: () => setIsRenaming(true) },
    { label: "Delete", hint: "Del", danger: true, choose: () => remove(thread) },
  ];
  if (isRenaming) {
    return <li><TitleField thread={thread} close={() => { setIsRenaming(false); onRenamed(thread.id); }} /></li>;
  }
  return (
    <li class={`cfo-thread${isUnread ? " cfo-unread" : ""}`} onKeyDown={keys}>
      <button
        type="button" class="cfo-thread-open" data-thread={thread.id} tabIndex={isTabStop ? 0 : -1}
        aria-current={isOpen ? "true" : undefined} title={`${title}\n${exactTime(at)}`}
        onClick={() => open(thread.id)}
      >
        {isUnread && <i class="cfo-dot" aria-hidden="true" />}
        <bdi>{title}</bdi>
        {isUnread && <span class="cfo-hidden">, unread</span>}
        {thread.running
          ? <span class="cfo-running"><i aria-hidden="true" /><span class="cfo-hidden">, running</span></span>
          : <time dateTime={thread.updated_at}>{shortTime(at, new Date(minute))}</time>}
      </button>
      <Menu label={`More for ${title}`} class="cfo-more" items={items} tabIndex={isTabStop ? 0 : -1}><Dots /></Menu>
      <DeletionProblem deletion={deletion} id={thread.id} />
    </li>
  );
}

/** The title as an input. Enter or leaving the input saves it; Escape cancels. */
function TitleField({ thread, close }: { thread: ThreadRow; close: () => void }) {
  const channel = useChannel();
  const [longest] = useTrait<number>("longest_title");
  const [problem, setProblem] = useState("");
  const isDone = useRef(false);
  const save = async (input: HTMLInputElement) => {
    const title = input.value.trim();
    if (isDone.current) return;
    if (title === thread.title || !title) return cancel();
    isDone.current = true;
    try {
      await channel.request({ type: "rename", thread_id: thread.id, title });
      close();
    } catch (error) {
      isDone.current = false;
      setProblem(errorMessage(error));
    }
  };
  const cancel = () => {
    isDone.current = true;
    close();
  };
  return (
    <div class="cfo-title-field">
      <input
        ref={(element) => { if (element && element !== document.activeElement && !problem) { element.focus(); element.select(); } }}
        aria-label={`New title for ${titleOf(thread)}`} defaultValue={thread.title} maxLength={longest} dir="auto"
        onBlur={(event) => void save(event.currentTarget)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Enter") void save(event.currentTarget);
          if (event.key === "Escape") cancel();
        }}
      />
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
    </div>
  );
}
