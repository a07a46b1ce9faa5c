// Shows the sheet that a reply wrote, with a download button.
import { useState } from "preact/hooks";
import type { SheetWritten } from "../shared/wire_types";
import { countLabel } from "./cell_format";
import { DownloadButton } from "./download_button";
import "./result.css";

export function SheetCard({ written }: { written: SheetWritten }) {
  const [problem, setProblem] = useState<string | null>(null);
  const name = written.file.split("/").pop() ?? written.file;
  return (
    <section class="cfo-sheet" aria-label={`Sheet ${written.sheet} of ${name}`}>
      <span class="cfo-sheet-icon" aria-hidden="true">
        <svg viewBox="0 0 24 24"><path d="M4 4h16v16H4zM4 9.5h16M4 15h16M10 4v16" /></svg>
      </span>
      <div class="cfo-sheet-text">
        <strong title={name}>{name}</strong>
        <span class="cfo-mute">
          Sheet “{written.sheet}” · {written.range} · {countLabel(written.rows)}, {countLabel(written.columns, "column")}
        </span>
        {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      </div>
      <DownloadButton file={written.file} format={null} label="Download" onProblem={setProblem} />
    </section>
  );
}
