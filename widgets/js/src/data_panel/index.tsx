import { useRef, useState } from "preact/hooks";
import { component, Lost, useLine, useTrait } from "../shared/component";
import { words } from "../shared/failure";
import { Chevron, Upload } from "../shared/icons";
import { useLooking } from "../shared/looking";
import { remember, remembered } from "../shared/remembered";
import { UndoToasts, useDeletion } from "../shared/undo";
import { dropped, type Offered } from "./acceptable";
import type { DatasetSummary, Glossary, TableSummary } from "../shared/wire_types";
import { count } from "./dataset";
import { DatasetRow } from "./dataset_row";
import { TableDialog } from "./table_dialog";
import { UploadRow } from "./upload_row";
import { type Sending, useUploads } from "./uploads";
import { useOwnId } from "../shared/own_id";
import "./data_panel.css";

const FOLDED = "data-folded";

function DataPanel() {
  const line = useLine();
  const [datasets] = useTrait<DatasetSummary[] | null>("datasets");
  const [glossary] = useTrait<Partial<Glossary>>("glossary");
  const [glossaryProblem] = useTrait<string>("glossary_problem");
  const [connection] = useTrait<string>("connection");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [suffixes] = useTrait<string[]>("suffixes");
  const [largest] = useTrait<number>("largest");
  const [isFolded, setIsFolded] = useState(() => remembered(FOLDED, false));
  const [looked, setLooked] = useState<{ table: TableSummary; file: string } | null>(null);
  const [problem, setProblem] = useState("");
  const id = useOwnId();
  useLooking(30);
  const really = (file: string) => line.ask({ type: "delete_file", workspace_id: workspaceId, file });
  const deletion = useDeletion(workspaceId, really);
  const there = (name: string) => !!datasets?.some(({ file }) => file === name) && !deletion.hidden.has(name);
  const uploads = useUploads(workspaceId, there, suffixes, largest);
  const fold = (folded: boolean) => {
    setIsFolded(folded);
    remember(FOLDED, folded);
  };
  const take = (files: Iterable<Offered>) => {
    fold(false);
    uploads.add(files);
  };
  const drop = useDrop(take);
  const ask = (question: string) => {
    setProblem("");
    line.ask({ type: "ask", workspace_id: workspaceId, question }).catch((error: unknown) => setProblem(words(error)));
  };
  const shown = datasets?.filter(({ file }) => !deletion.hidden.has(file)) ?? [];
  const tables = shown.reduce((sum, dataset) => sum + dataset.tables.length, 0);
  return (
    <section class={`cfo-data${drop.isOver ? " cfo-over" : ""}`} aria-label="Data" {...drop.listeners}>
      <header>
        <button type="button" class="cfo-fold" aria-expanded={!isFolded} aria-controls={id} onClick={() => fold(!isFolded)}>
          <Chevron /><span>Data{datasets && ` · ${count(tables, "table")}`}</span>
        </button>
        {workspaceId && <AddFiles suffixes={suffixes} take={take} />}
      </header>
      <div id={id} class="cfo-data-body" hidden={isFolded}>
        <Lost />
        {connection && <p class="cfo-away" role="status">{connection}</p>}
        {glossaryProblem && <p class="cfo-problem">{glossaryProblem}</p>}
        {problem && <p class="cfo-problem" role="alert">{problem}</p>}
        {uploads.all.length > 0 && (
          <ul class="cfo-uploads" aria-label="Uploads">{told(uploads.all).map((one) => <UploadRow key={one.id} sending={one} uploads={uploads} />)}</ul>
        )}
        <ul class="cfo-datasets" aria-label="Files">
          {shown.map((dataset) => (
            <DatasetRow key={dataset.file} dataset={dataset} glossary={glossary} workspaceId={workspaceId}
              deletion={deletion} look={(table) => setLooked({ table, file: dataset.file })} />
          ))}
        </ul>
        {workspaceId && <Nothing datasets={datasets} isEmpty={!shown.length} />}
      </div>
      <UndoToasts deletion={deletion} back={() => undefined} />
      {drop.isOver && <p class="cfo-drop" aria-hidden="true">Drop the files here</p>}
      {looked && <TableDialog {...looked} glossary={glossary} workspaceId={workspaceId} ask={ask} close={() => setLooked(null)} />}
    </section>
  );
}

/** What wants something of a person stands first, where it is seen. */
function told(all: Sending[]): Sending[] {
  const wants = ({ state }: Sending) => state === "refused" || state === "asks";
  return [...all.filter(wants), ...all.filter((one) => !wants(one))];
}

function Nothing({ datasets, isEmpty }: { datasets: DatasetSummary[] | null; isEmpty: boolean }) {
  if (datasets === null) return <p class="cfo-nothing" role="status">Reading the files…</p>;
  return isEmpty ? <p class="cfo-nothing">No data yet. Drop CSV, Excel or Parquet files here, or choose Add files.</p> : null;
}

function AddFiles({ suffixes, take }: { suffixes: string[]; take: (files: Iterable<Offered>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="cfo-button cfo-add" onClick={() => input.current?.click()}><Upload /> Add files</button>
      <input
        ref={input} type="file" multiple hidden accept={suffixes.join(",")} aria-label="Add files"
        onChange={(event) => {
          take([...(event.currentTarget.files ?? [])].map((file) => ({ file, isFolder: false })));
          event.currentTarget.value = ""; // the same file may be chosen again
        }}
      />
    </>
  );
}

/** Files that are dragged over the panel and dropped on it. Each element below tells of it too, so they are counted. */
function useDrop(take: (files: Iterable<Offered>) => void) {
  const [isOver, setIsOver] = useState(false);
  const depth = useRef(0);
  const go = (step: number) => {
    depth.current = Math.max(0, depth.current + step);
    setIsOver(depth.current > 0);
  };
  const ofFiles = (then: (event: DragEvent) => void) => (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook would take the file for its own
    then(event);
  };
  const listeners = {
    onDragEnter: ofFiles(() => go(1)),
    onDragLeave: ofFiles(() => go(-1)),
    onDragOver: ofFiles(() => undefined),
    onDrop: ofFiles((event) => {
      depth.current = 0;
      setIsOver(false);
      take(dropped(event.dataTransfer));
    }),
  };
  return { isOver, listeners };
}

export default component(() => <DataPanel />);
