// Downloads a file from Python one megabyte at a time, and saves it with the browser.
import type { Command, KernelChannel } from "./kernel_channel";
import type { DownloadChunk } from "./wire_types";

type FileToDownload<C = Command> = C extends { type: "download" } ? Omit<C, "key" | "from"> : never;

/** Downloads a file. Calls `onProgress` with the fraction that has arrived, from 0 to 1. */
export async function downloadFile(
  channel: KernelChannel, file: FileToDownload, onProgress: (share: number) => void = () => undefined,
): Promise<void> {
  const key = `${Date.now()}-${Math.random()}`;
  const chunks: Blob[] = [];
  let from = 0;
  for (;;) {
    const { value, buffers } = await channel.request<DownloadChunk>({ ...file, key, from } as Command);
    if (value.is_done) return saveBlob(new Blob(chunks, { type: value.media_type }), value.name);
    chunks.push(new Blob(buffers as DataView<ArrayBuffer>[]));
    from += buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    onProgress(value.size ? Math.min(1, from / value.size) : 0);
  }
}

function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
