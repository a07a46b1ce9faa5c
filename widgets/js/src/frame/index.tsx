// The frame of the workbench: its layout (frame.css), the button that opens the side panel on a narrow page, and the message
// about a lost connection. It also remembers the open thread: on a standalone page in the address, so that a reload restores it,
// and in a notebook in the browser's storage, so that running the cell again restores it.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { loadItem, removeItem, saveItem } from "../shared/browser_storage";
import { component, useChannel, useTrait } from "../shared/component";
import { rescueText } from "../shared/drafts";
import { Close } from "../shared/icons";
import type { RestoredThread } from "../shared/wire_types";
import { useDrawer } from "./drawer";
import "./frame.css";

/** Milliseconds before another attempt to restore a thread. */
const RETRY_MS = 3000;

/** Whether this is a standalone page. In a notebook, the address belongs to the notebook. */
const isOwnPage = () => "voila" in document.body.dataset;
const threadInAddress = () => new URLSearchParams(location.hash.slice(1)).get("thread") ?? "";

/** Returns the thread that was last open here. `cell` names the notebook cell, if it is known. */
function lastThread(cell: string): string {
  if (isOwnPage()) return threadInAddress();
  return cell ? loadItem(`thread in ${cell}`, "") : "";
}

function rememberThread(cell: string, thread: string): void {
  if (isOwnPage()) {
    if (thread === threadInAddress()) return;
    history.replaceState(null, "", thread ? `#thread=${encodeURIComponent(thread)}` : location.pathname + location.search);
  } else if (cell && thread) saveItem(`thread in ${cell}`, thread);
  else if (cell) removeItem(`thread in ${cell}`);
}

function Frame() {
  const channel = useChannel();
  const [thread] = useTrait<string>("thread");
  const [cell] = useTrait<string>("cell");
  const [opened] = useTrait<string>("opened");
  const [trouble] = useTrait<string>("trouble");
  const [isOpen, setOpen] = useState(false);
  const [isRestored, setRestored] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);
  useDrawer(root, button, isOpen, close);

  useEffect(() => {
    let retry: ReturnType<typeof setTimeout>;
    const restore = async () => {
      clearTimeout(retry);
      try {
        const last = lastThread(channel.model.get("cell") as string);
        const { value } = await channel.request<RestoredThread>({ type: "enter", thread: last });
        setMissing(isOwnPage() && !value.is_found);
        if (isOwnPage() && !value.is_found) rescueText(last);
        setRestored(true);
        rememberThread(channel.model.get("cell") as string, channel.model.get("thread") as string); // replaces a deleted thread
      } catch {
        if (channel.state !== "gone") retry = setTimeout(restore, RETRY_MS); // the components report a lost server
      }
    };
    const onAddressChange = () => threadInAddress() !== (channel.model.get("thread") as string) && void restore();
    void restore();
    if (isOwnPage()) addEventListener("hashchange", onAddressChange);
    return () => {
      clearTimeout(retry);
      removeEventListener("hashchange", onAddressChange);
    };
  }, [channel]);

  // A layout effect, because a page that is reloaded before the next frame must already know the thread.
  useLayoutEffect(() => {
    if (isRestored) rememberThread(cell, thread);
    if (thread) setMissing(false); // another thread was opened, or a new thread got its id
  }, [thread, isRestored]);

  useEffect(() => {
    const undoToast = root.current?.closest(".cfo-workbench")?.querySelector(".cfo-undo");
    if (!undoToast) setOpen(false); // otherwise Undo must stay visible
  }, [opened]);

  return (
    <div class="cfo-frame-root" ref={root}>
      <button
        ref={button}
        type="button"
        class="cfo-drawer-button"
        aria-expanded={isOpen}
        aria-label={isOpen ? "Close the side panel" : "Open the side panel"}
        onClick={() => setOpen(!isOpen)}
      >
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
          <path
            d={isOpen ? "M5 5l10 10M15 5L5 15" : "M3 5.5h14M3 10h14M3 14.5h9"}
            stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
          />
        </svg>
      </button>
      {isOpen && <div class="cfo-scrim" onClick={close} />}
      {trouble && <div class="cfo-connection" role="status">{trouble}</div>}
      {isMissing && !trouble && (
        <div class="cfo-connection cfo-missing" role="alert">
          <span>The thread at this address was not found. It may have been deleted. Open another thread, or ask a question here.</span>
          <button type="button" aria-label="Dismiss" title="Dismiss" onClick={() => setMissing(false)}><Close /></button>
        </div>
      )}
    </div>
  );
}

export default component(() => <Frame />);
