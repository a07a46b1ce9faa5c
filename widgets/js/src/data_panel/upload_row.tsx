import { Close } from "../shared/icons";
import { bytes } from "./dataset";
import type { Sending, Uploads } from "./uploads";

/** A file on its way: how far it is, what it asks, or why it was refused. */
export function UploadRow({ sending, uploads }: { sending: Sending; uploads: Uploads }) {
  const { id, name, state, sent, file, problem, mayRetry } = sending;
  const share = file.size ? Math.floor((sent / file.size) * 100) : 0;
  const mayEnd = state === "waiting" || state === "sending" || state === "refused";
  return (
    <li class="cfo-upload" data-state={state}>
      <div class="cfo-upload-line">
        <bdi title={name}>{name}</bdi>
        <span class="cfo-mute">{{
          waiting: "Waiting", asks: "", sending: `${share} % of ${bytes(file.size)}`, reading: "Reading…", refused: "", done: "✓ Added",
        }[state]}</span>
        {mayEnd && (
          <button type="button" class="cfo-icon" aria-label={`${state === "refused" ? "Dismiss" : "Cancel the upload of"} ${name}`}
            title={state === "refused" ? "Dismiss" : "Cancel"} onClick={() => uploads.remove(id)}><Close /></button>
        )}
      </div>
      {state === "sending" && <progress max={100} value={share} aria-label={`Upload of ${name}`} />}
      {state === "reading" && <progress aria-label={`Reading ${name}`} />}
      {state === "refused" && <p class="cfo-problem" role="alert">{problem}</p>}
      {mayRetry && <button type="button" class="cfo-button" onClick={() => uploads.retry(id)}>Try again</button>}
      {state === "asks" && (
        <div class="cfo-asks" role="group" aria-label={`Replace ${name}?`}>
          <p>A file of this name is here already. Replace it?</p>
          <button type="button" class="cfo-button cfo-primary" onClick={() => uploads.replace(id)}>Replace</button>
          <button type="button" class="cfo-button" onClick={() => uploads.remove(id)}>Keep the old one</button>
        </div>
      )}
    </li>
  );
}
