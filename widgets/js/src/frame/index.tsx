// The frame of the workbench: its layout (frame.css), the button that opens the side on a narrow page, words about a lost
// connection, and the open thread: on a page of its own in the address, so that a reload brings the same conversation back, and
// in a notebook in the browser, so that running the cell again does.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { component, useLine, useTrait } from "../shared/component";
import { Close } from "../shared/icons";
import { forget, remember, remembered } from "../shared/remembered";
import { bringOver } from "../shared/unsent";
import type { RestoredThread } from "../shared/wire_types";
import { useDrawer } from "./drawer";
import "./frame.css";

/** Milliseconds until a thread that could not be brought back is asked for again. */
const PAUSE = 3000;

/** In a notebook the address belongs to the notebook. */
const isOwnPage = () => "voila" in document.body.dataset;
const inAddress = () => new URLSearchParams(location.hash.slice(1)).get("thread") ?? "";

/** The thread that was open here; `cell` names the cell of a notebook, where it is known. */
function lastThread(cell: string): string {
  if (isOwnPage()) return inAddress();
  return cell ? remembered(`thread in ${cell}`, "") : "";
}

function rememberThread(cell: string, thread: string): void {
  if (isOwnPage()) {
    if (thread === inAddress()) return;
    history.replaceState(null, "", thread ? `#thread=${encodeURIComponent(thread)}` : location.pathname + location.search);
  } else if (cell && thread) remember(`thread in ${cell}`, thread);
  else if (cell) forget(`thread in ${cell}`);
}

function Frame() {
  const line = useLine();
  const [thread] = useTrait<string>("thread");
  const [cell] = useTrait<string>("cell");
  const [opened] = useTrait<string>("opened");
  const [trouble] = useTrait<string>("trouble");
  const [isOpen, setOpen] = useState(false);
  const [hasEntered, setEntered] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);
  useDrawer(root, button, isOpen, close);

  useEffect(() => {
    let again: ReturnType<typeof setTimeout>;
    const enter = async () => {
      clearTimeout(again);
      try {
        const last = lastThread(line.model.get("cell") as string);
        const { value } = await line.ask<RestoredThread>({ type: "enter", thread: last });
        setMissing(isOwnPage() && !value.is_found);
        if (isOwnPage() && !value.is_found) bringOver(last);
        setEntered(true);
        rememberThread(line.model.get("cell") as string, line.model.get("thread") as string); // in place of one that is gone
      } catch {
        if (line.link !== "gone") again = setTimeout(enter, PAUSE); // the server is away, which the parts tell
      }
    };
    const moved = () => inAddress() !== (line.model.get("thread") as string) && void enter();
    void enter();
    if (isOwnPage()) addEventListener("hashchange", moved);
    return () => {
      clearTimeout(again);
      removeEventListener("hashchange", moved);
    };
  }, [line]);

  useEffect(() => {
    if (hasEntered) rememberThread(cell, thread);
    if (thread) setMissing(false); // one that is there was opened, or has begun
  }, [thread, hasEntered]);

  useEffect(() => {
    const mayUndo = root.current?.closest(".cfo-workbench")?.querySelector(".cfo-undo");
    if (!mayUndo) setOpen(false); // else the way back stays in sight
  }, [opened]);

  return (
    <div class="cfo-frame-root" ref={root}>
      <button
        ref={button}
        type="button"
        class="cfo-drawer-button"
        aria-expanded={isOpen}
        aria-label={isOpen ? "Close the list of threads" : "Open the list of threads"}
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
          <span>The thread of this address was not found; it may have been deleted. Open another one, or ask a question here.</span>
          <button type="button" aria-label="Dismiss" title="Dismiss" onClick={() => setMissing(false)}><Close /></button>
        </div>
      )}
    </div>
  );
}

export default component(() => <Frame />);
