// What was said. It stays where the reader is, and follows the end only while they are there.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const NEAR = 48; // pixels

interface Properties {
  /** Counts the messages on their way: whoever sends one wants to see what becomes of it. */
  sent: number;
  /** A person changes the SQL of a reply, or looks for rows in its result. */
  onTyping: (isTyping: boolean) => void;
  children: ComponentChildren;
}

export function Transcript({ sent, onTyping, children }: Properties) {
  const log = useRef<HTMLDivElement>(null);
  const column = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const last = useRef(0);
  const [isAway, setAway] = useState(false);

  const toEnd = () => {
    isAtEnd.current = true;
    setAway(false);
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useEffect(() => {
    const sizes = new ResizeObserver(() => {
      if (isAtEnd.current) toEnd();
    });
    for (const element of [log.current, column.current]) if (element) sizes.observe(element);
    return () => sizes.disconnect();
  }, []);
  const before = useRef(0);
  useEffect(() => {
    if (sent > before.current) toEnd();
    before.current = sent;
  }, [sent]);

  const onScroll = ({ currentTarget: at }: { currentTarget: HTMLDivElement }) => {
    const isNear = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
    // Only who goes up leaves the end: it also moves away by itself, while words come.
    if (isNear || at.scrollTop < last.current) isAtEnd.current = isNear;
    last.current = at.scrollTop;
    setAway(!isAtEnd.current);
  };
  return (
    <div class="cfo-transcript">
      <div class="cfo-log" role="log" aria-label="Messages" tabIndex={0} ref={log} onScroll={onScroll}
        onInput={({ target }) => (target as HTMLElement).matches("textarea, [type=text]") && onTyping(true)} onFocusOut={() => onTyping(false)}>
        <div class="cfo-column" ref={column}>{children}</div>
      </div>
      {isAway && (
        <button type="button" class="cfo-button cfo-jump" onClick={toEnd}>
          <svg viewBox="0 0 24 24" width="14" height="14" aria-hidden="true">
            <path d="M12 5v14m0 0 6-6m-6 6-6-6" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />
          </svg>
          Jump to latest
        </button>
      )}
    </div>
  );
}
