// Shows the thread's title, which can be edited in place, and its state.
import { useEffect, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import { problemOf } from "./requests";

interface HeaderProps {
  state: string;
  rename: (title: string) => Promise<unknown>;
}

export function Header({ state, rename }: HeaderProps) {
  const [title] = useTrait<string>("title");
  const [threadId] = useTrait<string>("thread_id");
  const [isEditing, setEditing] = useState(false);
  const [problem, setProblem] = useState("");
  const button = useRef<HTMLButtonElement>(null);

  const finishEditing = (written: string | null) => {
    setEditing(false);
    setProblem("");
    requestAnimationFrame(() => button.current?.focus({ preventScroll: true })); // the button reappears in the next frame
    if (written === null || written.trim() === title) return;
    rename(written).catch((error: unknown) => setProblem(problemOf(error).message));
  };
  return (
    <header class="cfo-chat-header">
      {isEditing ? (
        <TitleInput title={title} onEnd={finishEditing} />
      ) : (
        <h2>
          {threadId ? (
            <button ref={button} type="button" class="cfo-title" title="Rename this thread" onClick={() => setEditing(true)}>
              <span>{title || "Untitled"}</span>
              <svg viewBox="0 0 24 24" width="13" height="13" aria-hidden="true">
                <path d="M4 20h4L19 9l-4-4L4 16zM13 7l4 4" fill="none" stroke="currentColor" stroke-width="2" />
              </svg>
              <span class="cfo-hidden">, rename</span>
            </button>
          ) : (
            <span class="cfo-title">New thread</span>
          )}
        </h2>
      )}
      <span class="cfo-state" data-state={state} role="status">{state}</span>
      {problem && <span class="cfo-title-problem" role="alert">{problem}</span>}
    </header>
  );
}

function TitleInput({ title, onEnd }: { title: string; onEnd: (written: string | null) => void }) {
  const [longest] = useTrait<number>("longest_title");
  const input = useRef<HTMLInputElement>(null);
  const hasEnded = useRef(false);
  useEffect(() => input.current?.select(), []);
  const finish = (written: string | null) => {
    if (hasEnded.current) return; // Enter and Escape also cause a blur event
    hasEnded.current = true;
    onEnd(written);
  };
  return (
    <input
      ref={input}
      class="cfo-title-box"
      aria-label="Title of this thread"
      maxLength={longest}
      defaultValue={title}
      onBlur={(event) => finish(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.isComposing) finish(event.currentTarget.value);
        if (event.key === "Escape") finish(null);
      }}
    />
  );
}
