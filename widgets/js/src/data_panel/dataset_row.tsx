import { useState } from "preact/hooks";
import { useLine } from "../shared/component";
import { words } from "../shared/failure";
import { Dots, Sheet } from "../shared/icons";
import { Menu } from "../shared/menu";
import { save } from "../shared/saving";
import { type Deletion, NotDeleted } from "../shared/undo";
import type { DatasetSummary, Glossary, TableSummary } from "../shared/wire_types";
import { bytes, count, notesOn } from "./dataset";

interface DatasetRowProps {
  dataset: DatasetSummary;
  glossary: Partial<Glossary>;
  workspaceId: string;
  deletion: Deletion;
  look: (table: TableSummary) => void;
}

/** A file with its tables; a click on a table shows it. */
export function DatasetRow({ dataset, glossary, workspaceId, deletion, look }: DatasetRowProps) {
  const line = useLine();
  const [state, setState] = useState("");
  const [problem, setProblem] = useState("");
  const { file, tables, size } = dataset;
  const download = async () => {
    setProblem("");
    setState("Downloading…");
    await save(line, { type: "download", workspace_id: workspaceId, file }).catch((error: unknown) => setProblem(words(error)));
    setState("");
  };
  const items = [
    { label: "Download", choose: () => void download() },
    { label: "Delete", danger: true, choose: () => deletion.remove(file, file) },
  ];
  const only = tables.length === 1 ? tables[0] : undefined;
  return (
    <li class="cfo-dataset">
      <div class="cfo-dataset-head">
        {only
          ? <TableButton table={only} name={file} glossary={glossary} look={look} hint={state} />
          : (
            <div class="cfo-file">
              {dataset.problem ? <span class="cfo-bad-mark" aria-hidden="true">!</span> : <Sheet />}
              <span><bdi title={file}>{file}</bdi>
                <small>{state || (dataset.problem ? "Cannot be used" : `${count(tables.length, "table")} · ${bytes(size)}`)}</small></span>
            </div>
          )}
        <Menu label={`More for ${file}`} class="cfo-icon" items={items}><Dots /></Menu>
      </div>
      {!only && tables.length > 0 && (
        <ul class="cfo-tables">
          {tables.map((table) => (
            <li key={table.name}>
              <TableButton table={table} name={table.sheet ?? table.name} glossary={glossary} look={look} hint="" />
              <Notes notes={table.notes} />
            </li>
          ))}
        </ul>
      )}
      {only && <Notes notes={only.notes} />}
      {dataset.problem && <p class="cfo-problem">{dataset.problem}</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <NotDeleted deletion={deletion} id={file} />
    </li>
  );
}

function TableButton({ table, name, glossary, look, hint }: {
  table: TableSummary; name: string; glossary: Partial<Glossary>; look: (table: TableSummary) => void; hint: string;
}) {
  const said = notesOn(glossary, table.name)?.name;
  return (
    <button type="button" class="cfo-file" title={`${name}\nShow ${table.name}`} onClick={() => look(table)}>
      <Sheet />
      <span><bdi>{said ?? name}</bdi>
        <small>{hint || `${count(table.row_count, "row")} · ${count(table.columns.length, "column")}`}</small></span>
    </button>
  );
}

/** What reading the file had to decide. */
function Notes({ notes }: { notes: string[] }) {
  if (!notes.length) return null;
  return (
    <details class="cfo-notes">
      <summary>{count(notes.length, "note")} from reading the file</summary>
      <ul>{notes.map((note) => <li key={note}>{note}</li>)}</ul>
    </details>
  );
}
