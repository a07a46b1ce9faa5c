// A button that downloads a file in the thread.
import { useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { downloadFile } from "../shared/file_download";
import { Menu } from "../shared/menu";
import type { DownloadResult } from "../shared/wire_types";
import { useOpenThread } from "./open_thread";

type Format = "csv" | "xlsx" | null;
type Selection = Pick<DownloadResult, "sort" | "filters">;

/** The rows that a download may contain. */
export interface RowChoice {
  label: string;
  hint: string;
  selection: Selection;
}

interface DownloadButtonProps {
  file: string;
  format: Format;
  label: string;
  /** With these, the button opens a menu in which the user chooses the rows. Without, the download has all of them. */
  choices?: RowChoice[] | undefined;
  /** Gets an error message, or null when a download starts. */
  onProblem: (message: string | null) => void;
}

/** Shows the progress on the button. */
export function DownloadButton({ file, format, label, choices, onProblem }: DownloadButtonProps) {
  const channel = useChannel();
  const thread = useOpenThread();
  const [share, setShare] = useState<number | null>(null);
  const start = async (selection: Selection) => {
    onProblem(null);
    setShare(0);
    try {
      await downloadFile(channel, { type: "download", ...thread, file, format, ...selection }, setShare);
    } catch (error) {
      onProblem(errorMessage(error, "The download failed. Try again."));
    }
    setShare(null);
  };
  const progress = share === null ? null : share === 0 ? "Preparing…" : `${Math.floor(share * 100)}%`;
  const content = (
    <>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2v8m0 0L5 7m3 3 3-3M3 13h10" /></svg>
      {label}
      {progress && <span role="status"> {progress}</span>}
    </>
  );
  const name = `Download as ${label}`;
  if (choices) {
    const items = choices.map(({ selection, ...item }) => ({ ...item, choose: () => void start(selection) }));
    return <Menu label={name} class="cfo-quiet cfo-choose-rows" items={items} disabled={progress !== null}>{content}</Menu>;
  }
  return (
    <button type="button" class="cfo-quiet" disabled={progress !== null} onClick={() => void start({})} aria-label={name}>
      {content}
    </button>
  );
}
