import { Close } from "../shared/icons";
import { fileSize } from "./dataset_labels";
import type { Upload, Uploads } from "./uploads";

/** Shows an upload: its progress, its question, or why it failed. */
export function UploadRow({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const { id, name, state, sent, file, problem, canRetry } = upload;
  const percent = file.size ? Math.floor((sent / file.size) * 100) : 0;
  const canRemove = state === "waiting" || state === "sending" || state === "failed";
  return (
    <li class="cfo-upload" data-state={state}>
      <div class="cfo-upload-line">
        <bdi title={name}>{name}</bdi>
        <span class="cfo-mute">{{
          waiting: "Waiting", conflict: "", sending: `${percent}% of ${fileSize(file.size)}`, reading: "Reading…", failed: "", done: "✓ Added",
        }[state]}</span>
        {canRemove && (
          <button type="button" class="cfo-icon" aria-label={`${state === "failed" ? "Dismiss" : "Cancel the upload of"} ${name}`}
            title={state === "failed" ? "Dismiss" : "Cancel"} onClick={() => uploads.remove(id)}><Close /></button>
        )}
      </div>
      {state === "sending" && <progress max={100} value={percent} aria-label={`Upload of ${name}`} />}
      {state === "reading" && <progress aria-label={`Reading ${name}`} />}
      {state === "failed" && <p class="cfo-problem" role="alert">{problem}</p>}
      {canRetry && <button type="button" class="cfo-button" onClick={() => uploads.retry(id)}>Try again</button>}
      {state === "conflict" && (
        <div class="cfo-asks" role="group" aria-label={`Replace ${name}?`}>
          <p>A file with this name already exists. Replace it?</p>
          <button type="button" class="cfo-button cfo-primary" onClick={() => uploads.replace(id)}>Replace</button>
          <button type="button" class="cfo-button" onClick={() => uploads.remove(id)}>Keep existing</button>
        </div>
      )}
    </li>
  );
}
