import { useEffect, useState } from "preact/hooks";
import { FirstRows } from "../result/table";
import { useLine } from "../shared/component";
import { words } from "../shared/failure";
import { Close } from "../shared/icons";
import { Above, useModal } from "../shared/modal";
import type { Glossary, GlossaryTable, ResultTable, TableSummary } from "../shared/wire_types";
import { count, notesOn, typeInWords } from "./dataset";

interface TableDialogProps {
  table: TableSummary;
  file: string;
  glossary: Partial<Glossary>;
  workspaceId: string;
  ask: (question: string) => void;
  close: () => void;
}

/** A table at a glance: what people wrote about it, questions to begin with, its first rows, its columns. */
export function TableDialog({ table, file, glossary, workspaceId, ask, close }: TableDialogProps) {
  const line = useLine();
  const dialog = useModal();
  const [rows, setRows] = useState<ResultTable | null>(null);
  const [problem, setProblem] = useState("");
  const notes = notesOn(glossary, table.name);
  const title = notes?.name ?? table.sheet ?? table.name;
  useEffect(() => {
    line.ask<ResultTable>({ type: "preview", workspace_id: workspaceId, table: table.name }).then(
      ({ value }) => setRows(value), (error: unknown) => setProblem(words(error)),
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
          <Above />
          <button type="button" class="cfo-icon" aria-label="Close" onClick={() => dialog.current?.close()}><Close /></button>
        </header>
        <div class="cfo-table-body">
          {notes?.description && <p>{notes.description}</p>}
          {!!notes?.synonyms.length && <p class="cfo-mute">Also called {notes.synonyms.join(", ")}.</p>}
          {!!notes?.questions.length && (
            <section aria-label="Example questions">
              <h3>Questions to begin with</h3>
              <ul class="cfo-questions">
                {notes.questions.map((question) => (
                  <li key={question}>
                    <button type="button" class="cfo-button" onClick={() => { dialog.current?.close(); ask(question); }}>{question}</button>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <section aria-label="First rows">
            <h3>First rows</h3>
            {problem && <p class="cfo-problem" role="alert">{problem}</p>}
            {rows ? <Preview rows={rows} /> : !problem && <p class="cfo-mute" role="status">Reading…</p>}
          </section>
          <section aria-label="Columns">
            <h3>Columns</h3>
            <Columns table={table} notes={notes} />
          </section>
          {table.notes.length > 0 && (
            <section aria-label="Notes">
              <h3>Notes from reading the file</h3>
              <ul>{table.notes.map((note) => <li key={note}>{note}</li>)}</ul>
            </section>
          )}
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
      {isPart && <p class="cfo-mute">The first {rows.rows.length} of {count(rows.row_count, "row")}.</p>}
    </>
  );
}

function Columns({ table, notes }: { table: TableSummary; notes: GlossaryTable | undefined }) {
  const rows = table.columns.map((column) => {
    const said = notes?.columns.find((one) => one.column.toLowerCase() === column.name.toLowerCase());
    const also = said?.synonyms.length ? `Also called ${said.synonyms.join(", ")}.` : "";
    return { ...column, said, text: [said?.description, said?.note, also].filter(Boolean).join(" ") };
  });
  const hasWords = rows.some(({ text }) => text);
  return (
    <div class="cfo-data-rows" tabIndex={0} role="group" aria-label="Columns">
      <table class={hasWords ? "cfo-columns" : ""}>
        <thead><tr><th scope="col">Column</th><th scope="col">Type</th>{hasWords && <th scope="col">What people say about it</th>}</tr></thead>
        <tbody>
          {rows.map(({ name, type, said, text }) => (
            <tr key={name}>
              <th scope="row"><bdi>{name}</bdi>{said?.name && <small>{said.name}</small>}</th>
              <td title={type}>{typeInWords(type)}</td>
              {hasWords && <td>{text}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
