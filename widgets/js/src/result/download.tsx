// A file of the thread on its way to the reader's disk, a megabyte at a time.
import { useState } from "preact/hooks";
import type { Line } from "../shared/component";
import { Refused, useLine } from "../shared/component";

export type Format = "csv" | "xlsx" | null;
interface Part {
  name: string;
  size: number;
  media_type: string;
  is_done: boolean;
}

/** Fetches the file and saves it; `told` hears which part of it is here. */
async function save(line: Line, file: string, format: Format, told: (part: number) => void): Promise<void> {
  const key = `${Date.now()}-${Math.random()}`;
  const parts: BlobPart[] = [];
  let from = 0;
  for (;;) {
    const { value, buffers } = await line.ask<Part>({ type: "download", key, file, format, from });
    for (const { buffer, byteOffset, byteLength } of buffers) {
      parts.push((buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength));
      from += byteLength;
    }
    told(value.size ? from / value.size : 1);
    if (value.is_done) return hand(new Blob(parts, { type: value.media_type }), value.name);
  }
}

function hand(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A button that downloads; it shows how far it is, and tells its owner what went wrong. */
export function Download(props: { file: string; format: Format; label: string; failed: (message: string | null) => void }) {
  const line = useLine();
  const [part, setPart] = useState<number | null>(null);
  const start = async () => {
    props.failed(null);
    setPart(0);
    try {
      await save(line, props.file, props.format, setPart);
    } catch (error) {
      props.failed(error instanceof Refused ? error.message : "The file could not be saved. Try again.");
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
