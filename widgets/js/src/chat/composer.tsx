// The box to write in. What stands in it is kept for each thread until it is sent.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import type { UsageTotals } from "../shared/wire_types";
import { draft, keepDraft, onBroughtOver } from "../shared/unsent";
import { used } from "./usage";

interface Properties {
  where: string;
  /** A message that was taken back, to be written anew. */
  returned: { text: string } | null;
  send: (text: string) => void;
  stop: (() => void) | undefined;
  isStopping: boolean;
  onTyping: (isTyping: boolean) => void;
}

const TALLEST = 200; // pixels

export function Composer({ where, returned, send, stop, isStopping, onTyping }: Properties) {
  const [text, setText] = useState(() => draft(where));
  const [hasFocus, setFocus] = useState(false);
  const [usage] = useTrait<Partial<UsageTotals>>("usage");
  const box = useRef<HTMLTextAreaElement>(null);
  const here = useRef(where);

  const write = (written: string) => {
    setText(written);
    keepDraft(here.current, written);
  };
  useEffect(() => {
    if (here.current === where) return;
    keepDraft(here.current, ""); // the thread got its id
    here.current = where;
    keepDraft(where, text);
  }, [where]);
  const bringBack = useRef((_: string) => {});
  bringBack.current = (again) => {
    write(text ? `${again}\n${text}` : again);
    box.current?.focus();
  };
  useEffect(() => {
    if (returned) bringBack.current(returned.text);
  }, [returned]);
  useEffect(() => onBroughtOver((left) => bringBack.current(left)), []);
  useLayoutEffect(() => {
    if (!box.current) return;
    box.current.style.height = "auto";
    const { scrollHeight } = box.current; // 0 while it is not on the page yet
    if (scrollHeight) box.current.style.height = `${Math.min(scrollHeight, TALLEST)}px`;
  }, [text]);
  const isTyping = hasFocus && text !== "";
  useEffect(() => onTyping(isTyping), [isTyping]);

  const submit = () => {
    if (!text.trim()) return;
    send(text.trim());
    write("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const composes = event.isComposing || event.keyCode === 229; // Safari ends a composition with such an Enter
    if (event.key !== "Enter" || event.shiftKey || composes) return;
    event.preventDefault();
    submit();
  };
  const total = used(usage);
  return (
    <form
      class="cfo-composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div class="cfo-column">
        <div class="cfo-box">
          <textarea
            ref={box}
            rows={1}
            aria-label="Message to the analyst"
            placeholder={stop ? "Write the next message; it waits for its turn" : "Ask about your numbers"}
            value={text}
            onInput={(event) => write(event.currentTarget.value)}
            onKeyDown={onKeyDown}
            onFocus={() => setFocus(true)}
            onBlur={() => setFocus(false)}
          />
          {stop && (
            <button type="button" class="cfo-round cfo-stop" aria-label={isStopping ? "Stopping" : "Stop the run"} title="Stop the run" disabled={isStopping} onClick={stop}>
              <i />
            </button>
          )}
          <button type="submit" class="cfo-round cfo-send" aria-label="Send the message" title="Send" disabled={!text.trim()}>
            <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
              <path d="M12 19V5m0 0-6 6m6-6 6 6" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" />
            </svg>
          </button>
        </div>
        <p class="cfo-foot cfo-mute">
          <span class="cfo-keys">Enter to send, Shift+Enter for a new line</span>
          {total && <span>This thread: {total}</span>}
        </p>
      </div>
    </form>
  );
}
