import { useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { Close, Dots, Sheet } from "../shared/icons";
import { Menu } from "../shared/menu";
import { downloadFile } from "../shared/file_download";
import { type Deletion, DeletionProblem } from "../shared/undo";
import { ReadingNotes } from "./reading";
import type { DatasetSummary, Glossary, TableSummary } from "../shared/wire_types";
import { count, fileSize, glossaryOf } from "./dataset_labels";

interface DatasetRowProps {
  dataset: DatasetSummary;
  glossary: Partial<Glossary>;
  workspaceId: string;
  deletion: Deletion;
  show: (table: TableSummary) => void;
}

/** A file with its tables. Clicking a table shows it. */
export function DatasetRow({ dataset, glossary, workspaceId, deletion, show }: DatasetRowProps) {
  const channel = useChannel();
  const [state, setState] = useState("");
  const [problem, setProblem] = useState("");
  const { file, tables } = dataset;
  const download = async () => {
    setProblem("");
    setState("Downloading…");
    await downloadFile(channel, { type: "download", workspace_id: workspaceId, file }).catch((error: unknown) => setProblem(errorMessage(error)));
    setState("");
  };
  const unite = (name: string, files: string[]) => {
    setProblem("");
    channel.request({ type: "unite", workspace_id: workspaceId, name, files }).catch((error: unknown) => setProblem(errorMessage(error)));
  };
  const command = (type: "stop_reading" | "read_again") => {
    setProblem("");
    channel.request({ type, workspace_id: workspaceId, file }).catch((error: unknown) => setProblem(errorMessage(error)));
  };
  const { proposal } = dataset;
  const items = [
    ...(dataset.can_stop ? [{ label: "Stop reading", choose: () => command("stop_reading") }] : []),
    ...(dataset.problem ? [{ label: "Read again", choose: () => command("read_again") }] : []),
    ...(proposal ? [{ label: `Put ${count(proposal.files.length, "part")} together as ${proposal.name}`, choose: () => unite(proposal.name, proposal.files) }] : []),
    ...tables.filter((table) => table.files.length).map((table) => ({ label: `Keep the parts of ${table.name} apart`, choose: () => unite(table.name, []) })),
    { label: "Download", choose: () => void download() },
    { label: "Delete", danger: true, choose: () => deletion.remove(file, file) },
  ];
  const only = tables.length === 1 ? tables[0] : undefined;
  return (
    <li class="cfo-dataset">
      <div class="cfo-dataset-head">
        {only
          ? <TableButton table={only} name={file} glossary={glossary} show={show} hint={state} />
          : (
            <div class="cfo-file">
              {dataset.problem && !dataset.is_stopped ? <span class="cfo-bad-mark" aria-hidden="true">!</span> : <Sheet />}
              <span><bdi title={file}>{file}</bdi>
                <small role={dataset.reading ? "status" : undefined}>{state || summary(dataset)}</small></span>
            </div>
          )}
        {dataset.can_stop && (
          <button type="button" class="cfo-icon" aria-label={`Stop reading ${file}`} title="Stop reading" onClick={() => command("stop_reading")}><Close /></button>
        )}
        <Menu label={`More for ${file}`} class="cfo-icon" items={items}><Dots /></Menu>
      </div>
      {dataset.reading && <progress class="cfo-being-read" aria-label={`Reading ${file}`} />}
      {!only && tables.length > 0 && (
        <ul class="cfo-tables">
          {tables.map((table) => (
            <li key={table.name}>
              <TableButton table={table} name={table.sheet ?? table.name} glossary={glossary} show={show} hint="" />
              <ReadingNotes notes={[]} reading={table.reading} />
            </li>
          ))}
        </ul>
      )}
      <ReadingNotes notes={dataset.notes} reading={only?.reading ?? []} />
      {dataset.problem && <p class={dataset.is_stopped ? "cfo-stopped" : "cfo-problem"}>{dataset.problem}</p>}
      {dataset.is_stopped && <button type="button" class="cfo-button cfo-read-again" onClick={() => command("read_again")}>Read again</button>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <DeletionProblem deletion={deletion} id={file} />
    </li>
  );
}

function summary({ problem, reading, is_stopped, document, tables, size }: DatasetSummary): string {
  if (is_stopped) return `Stopped · ${fileSize(size)}`;
  if (problem) return "Cannot be read";
  if (reading) return `Being read: ${reading} · ${fileSize(size)}`;
  return document ? `${document[0]!.toUpperCase()}${document.slice(1)} · ${fileSize(size)} · not read` : `${count(tables.length, "table")} · ${fileSize(size)}`;
}

function extent({ name, files, row_count, columns }: TableSummary): string {
  const rows = count(row_count, "row");
  return files.length ? `${rows} of ${count(files.length, "file")}, as ${name}` : `${rows} · ${count(columns.length, "column")}`;
}

function TableButton({ table, name, glossary, show, hint }: {
  table: TableSummary; name: string; glossary: Partial<Glossary>; show: (table: TableSummary) => void; hint: string;
}) {
  const title = glossaryOf(glossary, table.name)?.name;
  return (
    <button type="button" class="cfo-file" title={`${name}\nShow ${table.name}`} onClick={() => show(table)}>
      <Sheet />
      <span><bdi>{title ?? name}</bdi>
        <small>{hint || extent(table)}</small></span>
    </button>
  );
}
