// A file on its way to the reader's disk, a megabyte at a time.
import type { Command, Line } from "./line";
import type { DownloadChunk } from "./wire_types";

type Wanted<C = Command> = C extends { type: "download" } ? Omit<C, "key" | "from"> : never;

/** Fetches a file, then has the browser save it; `told` hears which part of it is here. */
export async function save(line: Line, wanted: Wanted, told: (part: number) => void = () => undefined): Promise<void> {
  const key = `${Date.now()}-${Math.random()}`;
  const pieces: Blob[] = [];
  let from = 0;
  for (;;) {
    const { value, buffers } = await line.ask<DownloadChunk>({ ...wanted, key, from } as Command);
    if (value.is_done) return hand(new Blob(pieces, { type: value.media_type }), value.name);
    pieces.push(new Blob(buffers as DataView<ArrayBuffer>[]));
    from += buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    told(value.size ? Math.min(1, from / value.size) : 0);
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
