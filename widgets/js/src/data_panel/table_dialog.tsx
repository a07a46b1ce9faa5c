import { useEffect, useState } from "preact/hooks";
import { FirstRows } from "../result/first_rows";
import { useChannel } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { Close } from "../shared/icons";
import { DialogHeadSlot, useModalDialog } from "../shared/dialog";
import type { Glossary, GlossaryTable, ResultTable, TableSummary } from "../shared/wire_types";
import { count, glossaryOf, typeLabel } from "./dataset_labels";
import { Reading } from "./reading";

interface TableDialogProps {
  table: TableSummary;
  file: string;
  glossary: Partial<Glossary>;
  workspaceId: string;
  ask: (question: string) => Promise<void>;
  close: () => void;
}

/** Shows an overview of a table: its glossary entry, example questions, first rows and columns. */
export function TableDialog({ table, file, glossary, workspaceId, ask, close }: TableDialogProps) {
  const channel = useChannel();
  const dialog = useModalDialog();
  const [rows, setRows] = useState<ResultTable | null>(null);
  const [problem, setProblem] = useState("");
  const entry = glossaryOf(glossary, table.name);
  const title = entry?.name ?? table.sheet ?? table.name;
  useEffect(() => {
    channel.request<ResultTable>({ type: "preview", workspace_id: workspaceId, table: table.name }).then(
      ({ value }) => setRows(value), (error: unknown) => setProblem(errorMessage(error)),
    );
  }, []);
  return (
    <dialog ref={dialog} class="cfo-table-dialog" aria-label={`Table ${title}`} onClose={close}
      onClick={(event) => { if (event.target === event.currentTarget) event.currentTarget.close(); }}>
      <div class="cfo-table-card">
        <header>
          <div>
            <h2><bdi>{title}</bdi></h2>
            <p class="cfo-mute"><bdi>{file}</bdi> · <code>{table.name}</code> · {count(table.row_count, "row")} · {count(table.columns.length, "column")}</p>
          </div>
          <DialogHeadSlot />
          <button type="button" class="cfo-icon" aria-label="Close" onClick={() => dialog.current?.close()}><Close /></button>
        </header>
        <div class="cfo-table-body">
          {entry?.description && <p>{entry.description}</p>}
          {!!entry?.synonyms.length && <p class="cfo-mute">Also called {entry.synonyms.join(", ")}.</p>}
          {!!entry?.questions.length && (
            <section aria-label="Example questions">
              <h3>Example questions</h3>
              <ul class="cfo-questions">
                {entry.questions.map((question) => (
                  <li key={question}>
                    <button type="button" class="cfo-button" onClick={() => { dialog.current?.close(); void ask(question); }}>{question}</button>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <section aria-label="First rows">
            <h3>First rows</h3>
            {problem && <p class="cfo-problem" role="alert">{problem}</p>}
            {rows ? <Preview rows={rows} /> : !problem && <p class="cfo-mute" role="status">Loading…</p>}
          </section>
          {table.reading.length > 0 && (
            <section aria-label="How it was read">
              <h3>How it was read</h3>
              <Reading reading={table.reading} />
            </section>
          )}
          <section aria-label="Columns">
            <h3>Columns</h3>
            <Columns table={table} entry={entry} />
          </section>
        </div>
      </div>
    </dialog>
  );
}

function Preview({ rows }: { rows: ResultTable }) {
  if (!rows.rows.length) return <p class="cfo-mute">This table has no rows.</p>;
  const isPart = rows.row_count > rows.rows.length;
  return (
    <>
      <FirstRows table={rows} />
      {isPart && <p class="cfo-mute">First {rows.rows.length} of {count(rows.row_count, "row")}</p>}
    </>
  );
}

function Columns({ table, entry }: { table: TableSummary; entry: GlossaryTable | undefined }) {
  const rows = table.columns.map((column) => {
    const described = entry?.columns.find((one) => one.column.toLowerCase() === column.name.toLowerCase());
    const also = described?.synonyms.length ? `Also called ${described.synonyms.join(", ")}.` : "";
    return { ...column, described, text: [described?.description, described?.note, also].filter(Boolean).join(" ") };
  });
  const hasText = rows.some(({ text }) => text);
  return (
    <div class="cfo-data-rows" tabIndex={0} role="group" aria-label="Columns">
      <table class={hasText ? "cfo-columns" : ""}>
        <thead><tr><th scope="col">Column</th><th scope="col">Type</th>{hasText && <th scope="col">Description</th>}</tr></thead>
        <tbody>
          {rows.map(({ name, type, described, text }) => (
            <tr key={name}>
              <th scope="row"><bdi>{name}</bdi>{described?.name && <small>{described.name}</small>}</th>
              <td title={type}>{typeLabel(type)}</td>
              {hasText && <td>{text}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
