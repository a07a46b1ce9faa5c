// The composer. Keeps an unsent draft for each thread.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import type { UsageTotals } from "../shared/wire_types";
import { loadDraft, onRescuedText, saveDraft } from "../shared/drafts";
import { usageLabel } from "./usage";

interface ComposerProps {
  thread: string;
  /** An unsent message that was taken back for editing. */
  withdrawn: { text: string } | null;
  send: (text: string) => void;
  stop: (() => void) | undefined;
  isStopping: boolean;
  onTyping: (isTyping: boolean) => void;
}

const MAX_HEIGHT = 200; // pixels

export function Composer({ thread, withdrawn, send, stop, isStopping, onTyping }: ComposerProps) {
  const [text, setText] = useState(() => loadDraft(thread));
  const [hasFocus, setFocus] = useState(false);
  const [usage] = useTrait<Partial<UsageTotals>>("usage");
  const box = useRef<HTMLTextAreaElement>(null);
  const storedUnder = useRef(thread);

  const write = (written: string) => {
    setText(written);
    saveDraft(storedUnder.current, written);
  };
  useEffect(() => {
    if (storedUnder.current === thread) return;
    saveDraft(storedUnder.current, ""); // the new thread has got its id
    storedUnder.current = thread;
    saveDraft(thread, text);
  }, [thread]);
  const prepend = useRef((_: string) => {});
  prepend.current = (earlier) => {
    write(text ? `${earlier}\n${text}` : earlier);
    box.current?.focus();
  };
  useEffect(() => {
    if (withdrawn) prepend.current(withdrawn.text);
  }, [withdrawn]);
  useEffect(() => onRescuedText((rescued) => prepend.current(rescued)), []);
  useLayoutEffect(() => {
    if (!box.current) return;
    box.current.style.height = "auto";
    const { scrollHeight } = box.current; // 0 until it is on the page
    if (scrollHeight) box.current.style.height = `${Math.min(scrollHeight, MAX_HEIGHT)}px`;
  }, [text]);
  const isTyping = hasFocus && text !== "";
  useEffect(() => onTyping(isTyping), [isTyping]);

  const submit = () => {
    if (!text.trim()) return;
    send(text.trim());
    write("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter also ends an input method's composition (in Japanese, for example). In that case, Safari only reports key code 229.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    submit();
  };
  const total = usageLabel(usage);
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
            placeholder={stop ? "Write your next message; it will be queued" : "Ask about your numbers"}
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
