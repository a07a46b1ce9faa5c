// A button that downloads a file in the thread.
import { useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { downloadFile } from "../shared/file_download";
import { useOpenThread } from "./open_thread";

type Format = "csv" | "xlsx" | null;

/** Shows the progress on the button. `onProblem` gets an error message, or null when a download starts. */
export function DownloadButton(props: { file: string; format: Format; label: string; onProblem: (message: string | null) => void }) {
  const channel = useChannel();
  const thread = useOpenThread();
  const [share, setShare] = useState<number | null>(null);
  const start = async () => {
    props.onProblem(null);
    setShare(0);
    try {
      await downloadFile(channel, { type: "download", ...thread, file: props.file, format: props.format }, setShare);
    } catch (error) {
      props.onProblem(errorMessage(error, "The download failed. Try again."));
    }
    setShare(null);
  };
  const progress = share === null ? null : share === 0 ? "Preparing…" : `${Math.floor(share * 100)}%`;
  return (
    <button type="button" class="cfo-quiet" disabled={progress !== null} onClick={start} aria-label={`Download as ${props.label}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2v8m0 0L5 7m3 3 3-3M3 13h10" /></svg>
      {props.label}
      {progress && <span role="status"> {progress}</span>}
    </button>
  );
}
