import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { component, KernelNotice, useChannel, useTrait } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { Plus, Search } from "../shared/icons";
import { UndoToasts, useDeletion } from "../shared/undo";
import { useVisibilityReports } from "../shared/visibility";
import type { ThreadRow } from "../shared/wire_types";
import { grouped } from "./thread_dates";
import { ThreadItem } from "./thread_item";
import { searchThreads, titleOf } from "./thread_search";
import { useUnread } from "./unread";
import "./thread_picker.css";

function ThreadPicker() {
  const channel = useChannel();
  const [threads] = useTrait<ThreadRow[] | null>("threads");
  const [openId] = useTrait<string>("thread_id");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [connection] = useTrait<string>("connection");
  const [search, setSearch] = useState("");
  const [tabStop, setTabStop] = useState("");
  const [problem, setProblem] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const openWhenDeleted = useRef(""); // reopened by Undo
  const minute = useMinute();
  const { unread, markSeen } = useUnread(workspaceId, threads, openId);
  const lastChanges = useRef(new Map<string, Promise<string>>()); // of the threads being deleted
  const deleteThread = async (id: string) => {
    const last = (await lastChanges.current.get(id)) ?? "";
    return channel.request({ type: "delete", workspace_id: workspaceId, thread_id: id, last_change: last });
  };
  const deletion = useDeletion(workspaceId, deleteThread);
  useVisibilityReports();
  useEffect(() => setSearch(""), [workspaceId]);
  useEffect(() => setProblem(""), [workspaceId, connection]); // the old problem no longer applies

  const open = (id: string) => {
    setProblem("");
    setTabStop(id);
    channel.request({ type: "pick", thread_id: id }).catch((error: unknown) => setProblem(errorMessage(error)));
  };
  const remove = (thread: ThreadRow) => {
    const rows = rowsOf(list.current);
    const at = rows.findIndex((row) => row.dataset.thread === thread.id);
    const next = rows[at + 1] ?? rows[at - 1];
    const { id } = thread;
    // Deletion is refused if the thread changes after this. The end of a current run should not count as a change, so a running
    // thread is deleted without this check. So is a thread whose last change is unknown; its deletion reports the problem.
    const last = thread.running ? Promise.resolve("") : channel.request<string>({ type: "last_change", thread_id: id }).then(({ value }) => value, () => "");
    lastChanges.current.set(id, last);
    deletion.remove(id, titleOf(thread));
    if (id === openId) {
      openWhenDeleted.current = id;
      open(""); // so that no message is written in a thread that is being deleted
    }
    setTabStop(next?.dataset.thread ?? "");
    next?.focus();
  };

  const onUndo = (id: string) => {
    if (openWhenDeleted.current === id) {
      openWhenDeleted.current = "";
      if (!openId || openId === id) open(id); // the new thread may not have been picked yet
    }
    focus(id);
  };
  const focus = (id: string) => {
    setTabStop(id);
    setTimeout(() => rowOf(list.current, id)?.focus());
  };
  const onRenamed = (id: string) => {
    markSeen(id); // the user's own rename is not news
    focus(id);
  };

  const shown = useMemo(
    () => searchThreads(threads ?? [], search).filter(({ id }) => !deletion.hidden.has(id)), [threads, search, deletion.pending],
  );
  const groups = useMemo(() => grouped(shown, new Date(minute)), [shown, minute]);
  const tabStopId = [tabStop, openId].find((id) => shown.some((thread) => thread.id === id)) ?? shown[0]?.id;
  return (
    <nav class="cfo-threads" aria-label="Threads">
      <button type="button" class="cfo-button cfo-new-thread" onClick={() => open("")} aria-current={openId ? undefined : "true"}>
        <Plus /> New thread
      </button>
      <SearchField value={search} change={setSearch} onLeave={(key) => {
        const [first] = rowsOf(list.current);
        if (key === "Enter" && search.trim()) first?.click();
        else first?.focus();
      }} />
      <KernelNotice />
      {connection && <p class="cfo-away" role="status">{connection}</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <div ref={list} class="cfo-thread-list" onKeyDown={(event) => moveFocus(event, list.current)}
        onFocusIn={(event) => {
          const id = (event.target as HTMLElement).dataset.thread;
          if (id) setTabStop(id);
        }}>
        {groups.map((group) => (
          <section key={group.name} aria-label={group.name}>
            <h3>{group.name}</h3>
            <ul>
              {group.threads.map((thread) => (
                <ThreadItem key={thread.id} thread={thread} minute={minute} isOpen={thread.id === openId} open={open} remove={remove} onRenamed={onRenamed}
                  isUnread={unread.has(thread.id)} isTabStop={thread.id === tabStopId} deletion={deletion} />
              ))}
            </ul>
          </section>
        ))}
        {!shown.length && <NoThreads threads={threads} search={search} />}
      </div>
      <UndoToasts deletion={deletion} onUndo={onUndo} />
    </nav>
  );
}

function NoThreads({ threads, search }: { threads: ThreadRow[] | null; search: string }) {
  if (threads === null) return <p class="cfo-nothing" aria-busy="true">Loading threads…</p>;
  if (search.trim()) return <p class="cfo-nothing" role="status">No threads match “<bdi>{search.trim()}</bdi>”.</p>;
  return <p class="cfo-nothing">No threads yet. Ask a question to start one.</p>;
}

function SearchField({ value, change, onLeave }: { value: string; change: (text: string) => void; onLeave: (key: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!document.body.dataset.voila) return undefined; // a notebook uses the keys itself
    const find = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener("keydown", find, true);
    return () => window.removeEventListener("keydown", find, true);
  }, []);
  return (
    <div class="cfo-search">
      <Search />
      <input
        ref={input} type="search" aria-label="Search threads" placeholder="Search threads" dir="auto" value={value}
        onInput={(event) => change(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value) change("");
          else if (event.key === "ArrowDown" || event.key === "Enter") onLeave(event.key);
          else return;
          event.preventDefault();
        }}
      />
    </div>
  );
}

/** Returns the current time, updated every minute, for relative times and for grouping by day. */
function useMinute(): number {
  const [minute, setMinute] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setMinute(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return minute;
}

function rowsOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("[data-thread]") ?? [])];
}

function rowOf(list: HTMLElement | null, id: string): HTMLElement | undefined {
  return rowsOf(list).find((row) => row.dataset.thread === id);
}

function moveFocus(event: KeyboardEvent, list: HTMLElement | null): void {
  const rows = rowsOf(list);
  const row = (event.target as HTMLElement).closest("li")?.querySelector<HTMLElement>("[data-thread]");
  const at = row ? rows.indexOf(row) : -1;
  if (at < 0) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  rows[Math.max(0, Math.min(to, rows.length - 1))]?.focus();
}

export default component(() => <ThreadPicker />);
