// How a file was read: the decisions that a person could have made differently.
import type { ReadingSummary } from "../shared/wire_types";
import { count } from "./dataset_labels";

/** A folded list for a file or sheet. `notes` are about the file as a whole. */
export function ReadingNotes({ notes, reading }: { notes: string[]; reading: ReadingSummary[] }) {
  if (!notes.length && !reading.length) return null;
  const checks = reading.filter(({ needs_check }) => needs_check).length;
  return (
    <details class="cfo-notes">
      <summary>How it was read{checks > 0 && <b class="cfo-check">{count(checks, "point")} to check</b>}</summary>
      {notes.length > 0 && <ul>{notes.map((note) => <li key={note}>{note}</li>)}</ul>}
      <Reading reading={reading} />
    </details>
  );
}

/** A line for each kind of decision. A kind with several sentences unfolds to them. */
export function Reading({ reading }: { reading: ReadingSummary[] }) {
  return (
    <dl class="cfo-reading">
      {reading.map(({ label, line, texts, needs_check }) => (
        <div key={label}>
          <dt>{label}{needs_check && <b class="cfo-check">Check</b>}</dt>
          <dd>
            {texts.length > 1
              ? <details><summary>{line}</summary><ul>{texts.map((text) => <li key={text}>{text}</li>)}</ul></details>
              : line}
          </dd>
        </div>
      ))}
    </dl>
  );
}
