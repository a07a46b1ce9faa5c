import { useRef, useState } from "preact/hooks";
import { loadItem, saveItem } from "../shared/browser_storage";
import { areFilesBeingAdded, filesAdded } from "../shared/added_files";
import { component, KernelNotice, useChannel, useTrait } from "../shared/component";
import { useElementId } from "../shared/element_id";
import { errorMessage } from "../shared/errors";
import { Chevron, Upload as UploadIcon } from "../shared/icons";
import { UndoToasts, useDeletion } from "../shared/undo";
import { useVisibilityReports } from "../shared/visibility";
import type { DatasetSummary, Glossary, TableSummary } from "../shared/wire_types";
import { count } from "./dataset_labels";
import { DatasetRow } from "./dataset_row";
import { droppedFiles, type OfferedFile } from "./file_checks";
import { TableDialog } from "./table_dialog";
import { UploadRow } from "./upload_row";
import { type Upload, useUploads } from "./uploads";
import "./data_panel.css";

const FOLDED = "data-folded";

function DataPanel() {
  const channel = useChannel();
  const [datasets] = useTrait<DatasetSummary[] | null>("datasets");
  const [glossary] = useTrait<Partial<Glossary>>("glossary");
  const [connection] = useTrait<string>("connection");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [suffixes] = useTrait<string[]>("suffixes");
  const [largest] = useTrait<number>("largest");
  const [isFolded, setIsFolded] = useState(() => loadItem(FOLDED, false));
  const [shownTable, setShownTable] = useState<{ table: TableSummary; file: string } | null>(null);
  const [problem, setProblem] = useState("");
  const [held, setHeld] = useState("");
  const id = useElementId();
  const body = useRef<HTMLDivElement>(null);
  useVisibilityReports(30);
  const deleteFile = (file: string) => channel.request({ type: "delete_file", workspace_id: workspaceId, file });
  const deletion = useDeletion(workspaceId, deleteFile);
  const exists = (name: string) => datasets && datasets.some(({ file }) => file === name) && !deletion.hidden.has(name);
  const uploads = useUploads(workspaceId, exists, suffixes, largest);
  const fold = (folded: boolean) => {
    setIsFolded(folded);
    saveItem(FOLDED, folded);
  };
  const addFiles = (files: Iterable<OfferedFile>) => {
    fold(false);
    uploads.add(files);
    body.current?.scrollTo({ top: 0 }); // where the uploads are
  };
  const drop = useDrop(addFiles);
  const ask = async (question: string) => {
    setProblem("");
    if (areFilesBeingAdded(workspaceId)) {
      setHeld(question);
      await filesAdded(workspaceId, () => false);
      setHeld("");
    }
    channel.request({ type: "ask", workspace_id: workspaceId, question }).catch((error: unknown) => setProblem(errorMessage(error)));
  };
  const shown = datasets?.filter(({ file }) => !deletion.hidden.has(file)) ?? [];
  const tables = new Set(shown.flatMap((dataset) => dataset.tables.map(({ name }) => name))).size;
  return (
    <section class={`cfo-data${drop.isOver ? " cfo-over" : ""}`} aria-label="Data" {...drop.listeners}>
      <header>
        <button type="button" class="cfo-fold" aria-expanded={!isFolded} aria-controls={id} onClick={() => fold(!isFolded)}>
          <Chevron /><span>Data{datasets && ` · ${count(tables, "table")}`}</span>
        </button>
        {workspaceId && <AddFiles suffixes={suffixes} onAdd={addFiles} />}
      </header>
      <div id={id} class="cfo-data-body" hidden={isFolded} ref={body}>
        <KernelNotice />
        {connection && <p class="cfo-away" role="status">{connection}</p>}
        {problem && <p class="cfo-problem" role="alert">{problem}</p>}
        {held && <p class="cfo-away" role="status">“{held}” is sent when the files are read.</p>}
        {uploads.all.length > 0 && (
          <ul class="cfo-uploads" aria-label="Uploads">{urgentFirst(uploads.all).map((upload) => <UploadRow key={upload.id} upload={upload} uploads={uploads} />)}</ul>
        )}
        <GlossaryFaults problems={glossary.problems ?? []} />
        <ul class="cfo-datasets" aria-label="Files">
          {shown.map((dataset) => (
            <DatasetRow key={dataset.file} dataset={dataset} glossary={glossary} workspaceId={workspaceId}
              deletion={deletion} show={(table) => setShownTable({ table, file: dataset.file })} />
          ))}
        </ul>
        {workspaceId && <NoData datasets={datasets} isEmpty={!shown.length} />}
      </div>
      <UndoToasts deletion={deletion} onUndo={() => undefined} />
      {drop.isOver && <p class="cfo-drop" aria-hidden="true">Drop files here</p>}
      {shownTable && <TableDialog {...shownTable} glossary={glossary} workspaceId={workspaceId} ask={ask} close={() => setShownTable(null)} />}
    </section>
  );
}

/** Puts uploads that need the user's attention first, where they are visible. */
function urgentFirst(all: Upload[]): Upload[] {
  const isUrgent = ({ state }: Upload) => state === "failed" || state === "conflict";
  return [...all.filter(isUrgent), ...all.filter((upload) => !isUrgent(upload))];
}

/** Shows what is wrong in the company's glossary. Each of the engine's messages repeats the file and the advice; here they appear once. */
function GlossaryFaults({ problems }: { problems: string[] }) {
  if (!problems.length) return null;
  const faults = problems.map((problem) => problem.replace(/^datasets\.yaml, l/, "L").replace(/ Correct the line and ask again\.$/, ""));
  return (
    <details class="cfo-faults">
      <summary>{count(problems.length, "fault")} in datasets.yaml</summary>
      <p>These parts are not used until they are corrected. All others are.</p>
      <ul>{faults.map((fault) => <li key={fault}>{fault}</li>)}</ul>
    </details>
  );
}

function NoData({ datasets, isEmpty }: { datasets: DatasetSummary[] | null; isEmpty: boolean }) {
  if (datasets === null) return <p class="cfo-nothing" role="status">Reading files…</p>;
  return isEmpty ? <p class="cfo-nothing">No data yet. Drop CSV, Excel, JSON or Parquet files here, or click Add files.</p> : null;
}

function AddFiles({ suffixes, onAdd }: { suffixes: string[]; onAdd: (files: Iterable<OfferedFile>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="cfo-button cfo-add" onClick={() => input.current?.click()}><UploadIcon /> Add files</button>
      <input
        ref={input} type="file" multiple hidden accept={suffixes.join(",")} aria-label="Add files"
        onChange={(event) => {
          onAdd([...(event.currentTarget.files ?? [])].map((file) => ({ file, isFolder: false })));
          event.currentTarget.value = ""; // so that the same file can be selected again
        }}
      />
    </>
  );
}

/** Handles files that are dragged onto the panel. Counts enter and leave events, because those of child elements bubble. */
function useDrop(onDrop: (files: Iterable<OfferedFile>) => void) {
  const [isOver, setIsOver] = useState(false);
  const depth = useRef(0);
  const changeDepth = (step: number) => {
    depth.current = Math.max(0, depth.current + step);
    setIsOver(depth.current > 0);
  };
  const forFiles = (then: (event: DragEvent) => void) => (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation(); // otherwise a notebook would handle the file
    then(event);
  };
  const listeners = {
    onDragEnter: forFiles(() => changeDepth(1)),
    onDragLeave: forFiles(() => changeDepth(-1)),
    onDragOver: forFiles(() => undefined),
    onDrop: forFiles((event) => {
      depth.current = 0;
      setIsOver(false);
      onDrop(droppedFiles(event.dataTransfer));
    }),
  };
  return { isOver, listeners };
}

export default component(() => <DataPanel />);
