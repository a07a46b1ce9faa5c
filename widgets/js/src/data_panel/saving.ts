import type { Line } from "../shared/component";

interface Begun {
  download_id: string;
  name: string;
  media_type: string;
}

/** Fetches a file piece by piece, then has the browser save it. */
export async function save(line: Line, workspaceId: string, file: string): Promise<void> {
  const begun = (await line.ask<Begun>({ type: "download", workspace_id: workspaceId, file })).value;
  const pieces: Blob[] = [];
  for (;;) {
    const { value, buffers } = await line.ask<{ is_whole: boolean }>({ type: "download_more", download_id: begun.download_id });
    if (value.is_whole) break;
    pieces.push(new Blob(buffers as DataView<ArrayBuffer>[]));
  }
  const url = URL.createObjectURL(new Blob(pieces, { type: begun.media_type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
