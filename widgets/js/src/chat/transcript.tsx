// Shows the messages. The view follows the end while the user is scrolled to it, and otherwise stays where it is.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const NEAR_END = 48; // pixels

interface TranscriptProps {
  /** How many messages are being sent. When this grows, the view scrolls to the end to show them. */
  sent: number;
  /** Called while the user edits the SQL of a reply, or types a filter for its result. */
  onTyping: (isTyping: boolean) => void;
  children: ComponentChildren;
}

export function Transcript({ sent, onTyping, children }: TranscriptProps) {
  const log = useRef<HTMLDivElement>(null);
  const column = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const lastTop = useRef(0);
  const [isAway, setAway] = useState(false);

  const scrollToEnd = () => {
    isAtEnd.current = true;
    setAway(false);
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useEffect(() => {
    const sizes = new ResizeObserver(() => {
      if (isAtEnd.current) scrollToEnd();
    });
    for (const element of [log.current, column.current]) if (element) sizes.observe(element);
    return () => sizes.disconnect();
  }, []);
  const lastSent = useRef(0);
  useEffect(() => {
    if (sent > lastSent.current) scrollToEnd();
    lastSent.current = sent;
  }, [sent]);

  const onScroll = ({ currentTarget: at }: { currentTarget: HTMLDivElement }) => {
    const isNear = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END;
    // Only scrolling up counts as leaving the end, because arriving text also moves the end away.
    if (isNear || at.scrollTop < lastTop.current) isAtEnd.current = isNear;
    lastTop.current = at.scrollTop;
    setAway(!isAtEnd.current);
  };
  return (
    <div class="cfo-transcript">
      <div class="cfo-log" role="log" aria-label="Messages" tabIndex={0} ref={log} onScroll={onScroll}
        onInput={({ target }) => (target as HTMLElement).matches("textarea, [type=text]") && onTyping(true)} onFocusOut={() => onTyping(false)}>
        <div class="cfo-column" ref={column}>{children}</div>
      </div>
      {isAway && (
        <button type="button" class="cfo-button cfo-jump" onClick={scrollToEnd}>
          <svg viewBox="0 0 24 24" width="14" height="14" aria-hidden="true">
            <path d="M12 5v14m0 0 6-6m-6 6-6-6" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />
          </svg>
          Jump to latest
        </button>
      )}
    </div>
  );
}
