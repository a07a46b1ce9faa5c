import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { component, Lost, useLine, useTrait } from "../shared/component";
import { words } from "../shared/failure";
import { Plus, Search } from "../shared/icons";
import { useLooking } from "../shared/looking";
import { UndoToasts, useDeletion } from "../shared/undo";
import type { ThreadRow } from "../shared/wire_types";
import { grouped } from "./days";
import { Row } from "./row";
import { found, titleOf } from "./thread";
import { useUnread } from "./unread";
import "./thread_picker.css";

function ThreadPicker() {
  const line = useLine();
  const [threads] = useTrait<ThreadRow[] | null>("threads");
  const [openId] = useTrait<string>("thread_id");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [connection] = useTrait<string>("connection");
  const [search, setSearch] = useState("");
  const [reached, setReached] = useState("");
  const [problem, setProblem] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const left = useRef(""); // the thread that was open when it was deleted
  const minute = useMinute();
  const { unread, saw } = useUnread(workspaceId, threads, openId);
  const changes = useRef(new Map<string, Promise<string>>()); // when the threads that go had changed last
  const really = async (id: string) => {
    const last = (await changes.current.get(id)) ?? "";
    return line.ask({ type: "delete", workspace_id: workspaceId, thread_id: id, last_change: last });
  };
  const deletion = useDeletion(workspaceId, really);
  useLooking();
  useEffect(() => setSearch(""), [workspaceId]);
  useEffect(() => setProblem(""), [workspaceId, connection]); // it is another world now

  const open = (id: string) => {
    setProblem("");
    setReached(id);
    line.ask({ type: "pick", thread_id: id }).catch((error: unknown) => setProblem(words(error)));
  };
  const remove = (thread: ThreadRow) => {
    const rows = rowsOf(list.current);
    const at = rows.findIndex((row) => row.dataset.thread === thread.id);
    const next = rows[at + 1] ?? rows[at - 1];
    const { id } = thread;
    // The end of a run that works now is no news; neither is it where nobody answers, which the deletion will tell.
    const last = thread.running ? Promise.resolve("") : line.ask<string>({ type: "last_change", thread_id: id }).then(({ value }) => value, () => "");
    changes.current.set(id, last);
    deletion.remove(id, titleOf(thread));
    if (id === openId) {
      left.current = id;
      open(""); // nobody shall write into what goes
    }
    setReached(next?.dataset.thread ?? "");
    next?.focus();
  };

  const back = (id: string) => {
    if (left.current === id) {
      left.current = "";
      if (!openId || openId === id) open(id); // it may not have been left yet
    }
    focus(id);
  };
  const focus = (id: string) => {
    setReached(id);
    setTimeout(() => rowOf(list.current, id)?.focus());
  };
  const named = (id: string) => {
    saw(id); // a title of one's own is no news
    focus(id);
  };

  const shown = useMemo(
    () => found(threads ?? [], search).filter(({ id }) => !deletion.hidden.has(id)), [threads, search, deletion.going],
  );
  const groups = useMemo(() => grouped(shown, new Date(minute)), [shown, minute]);
  const tab = [reached, openId].find((id) => shown.some((thread) => thread.id === id)) ?? shown[0]?.id;
  return (
    <nav class="cfo-threads" aria-label="Threads">
      <button type="button" class="cfo-button cfo-new-thread" onClick={() => open("")} aria-current={openId ? undefined : "true"}>
        <Plus /> New thread
      </button>
      <SearchField value={search} change={setSearch} toList={(key) => {
        const [first] = rowsOf(list.current);
        if (key === "Enter" && search.trim()) first?.click();
        else first?.focus();
      }} />
      <Lost />
      {connection && <p class="cfo-away" role="status">{connection} This list goes on by itself.</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <div ref={list} class="cfo-thread-list" onKeyDown={(event) => walk(event, list.current)}
        onFocusIn={(event) => {
          const id = (event.target as HTMLElement).dataset.thread;
          if (id) setReached(id);
        }}>
        {groups.map((group) => (
          <section key={group.name} aria-label={group.name}>
            <h3>{group.name}</h3>
            <ul>
              {group.threads.map((thread) => (
                <Row key={thread.id} thread={thread} minute={minute} isOpen={thread.id === openId} open={open} remove={remove} named={named}
                  isUnread={unread.has(thread.id)} isReached={thread.id === tab} deletion={deletion} />
              ))}
            </ul>
          </section>
        ))}
        {!shown.length && <Nothing threads={threads} search={search} />}
      </div>
      <UndoToasts deletion={deletion} back={back} />
    </nav>
  );
}

function Nothing({ threads, search }: { threads: ThreadRow[] | null; search: string }) {
  if (threads === null) return <p class="cfo-nothing" aria-busy="true">Looking for threads…</p>;
  if (search.trim()) return <p class="cfo-nothing" role="status">No title has “<bdi>{search.trim()}</bdi>”.</p>;
  return <p class="cfo-nothing">No threads yet. Ask the first question; it begins one.</p>;
}

function SearchField({ value, change, toList }: { value: string; change: (text: string) => void; toList: (key: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!document.body.dataset.voila) return undefined; // a notebook has its own use for the keys
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
          else if (event.key === "ArrowDown" || event.key === "Enter") toList(event.key);
          else return;
          event.preventDefault();
        }}
      />
    </div>
  );
}

/** The time, anew each minute: what was "now" is not for ever, and today becomes yesterday. */
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

function walk(event: KeyboardEvent, list: HTMLElement | null): void {
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
