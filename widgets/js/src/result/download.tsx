// A file of the thread, for the reader's disk.
import { useState } from "preact/hooks";
import { useLine } from "../shared/component";
import { words } from "../shared/failure";
import { save } from "../shared/saving";
import { useOpening } from "./opening";

type Format = "csv" | "xlsx" | null;

/** A button that downloads; it shows how far it is, and tells its owner what went wrong. */
export function Download(props: { file: string; format: Format; label: string; failed: (message: string | null) => void }) {
  const line = useLine();
  const opening = useOpening();
  const [part, setPart] = useState<number | null>(null);
  const start = async () => {
    props.failed(null);
    setPart(0);
    try {
      await save(line, { type: "download", ...opening, file: props.file, format: props.format }, setPart);
    } catch (error) {
      props.failed(words(error, "The file could not be saved. Try again."));
    }
    setPart(null);
  };
  const busy = part === null ? null : part === 0 ? "preparing…" : `${Math.floor(part * 100)}%`;
  return (
    <button type="button" class="cfo-quiet" disabled={busy !== null} onClick={start} aria-label={`Download as ${props.label}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2v8m0 0L5 7m3 3 3-3M3 13h10" /></svg>
      {props.label}
      {busy && <span role="status"> {busy}</span>}
    </button>
  );
}
