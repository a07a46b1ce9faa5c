// The frame of the workbench: its layout (frame.css), the button that opens the side on a narrow page, words about a lost
// connection, and the open thread: on a page of its own in the address, so that a reload brings the same conversation back, and
// in a notebook in the browser, so that running the cell again does.
import { useEffect, useRef, useState } from "preact/hooks";
import { component, useLine, useTrait } from "../shared/component";
import { forget, remember, remembered } from "../shared/remembered";
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
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    let again: ReturnType<typeof setTimeout>;
    const enter = async () => {
      clearTimeout(again);
      try {
        await line.ask({ type: "enter", thread: lastThread(line.model.get("cell") as string) });
        setEntered(true);
      } catch {
        again = setTimeout(enter, PAUSE); // the server is away, which the parts tell
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
  }, [thread, hasEntered]);

  useEffect(() => setOpen(false), [opened]);

  useEffect(() => {
    const workbench = root.current?.closest(".cfo-workbench");
    const side = workbench?.querySelector<HTMLElement>(".cfo-side");
    workbench?.classList.toggle("cfo-side-open", isOpen);
    if (!isOpen || !side) return;
    side.querySelector<HTMLElement>("button, input, [tabindex='0']")?.focus();
    const close = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    workbench?.addEventListener("keydown", close as EventListener, true);
    return () => workbench?.removeEventListener("keydown", close as EventListener, true);
  }, [isOpen]);

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
      {isOpen && <div class="cfo-scrim" onClick={() => setOpen(false)} />}
      {trouble && <div class="cfo-connection" role="status">{trouble}</div>}
    </div>
  );
}

export default component(() => <Frame />);
