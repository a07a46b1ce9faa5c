// Shows all rows of a result in a dialog. The engine sorts and filters them.
import { useEffect, useRef, useState } from "preact/hooks";
import { DialogHeadSlot, useModalDialog } from "../shared/dialog";
import { useElementId } from "../shared/element_id";
import type { ResultTable, Sort } from "../shared/wire_types";
import { columnFormats, countLabel, plainFraction, plainNumber } from "./cell_format";
import { DownloadButton, type RowChoice } from "./download_button";
import { type Filter, useResultRows } from "./result_rows";
import { VirtualTable } from "./virtual_table";

const TYPING_PAUSE = 350; // milliseconds without a key before a filter is applied

export function FullResult({ file, table, onClose }: { file: string; table: ResultTable; onClose: () => void }) {
  const dialog = useModalDialog();
  const [sort, setSort] = useState<Sort[]>([]);
  const [filters, setFilters] = useState<Filter[]>([]);
  const [cleared, setCleared] = useState(0); // part of the inputs' keys, so that they are recreated empty
  const [problem, setProblem] = useState<string | null>(null);
  const [filterErrors, setFilterErrors] = useState<Record<string, string>>({}); // by column
  const rows = useResultRows(file, sort, filters);
  const formats = columnFormats(table.columns, table.rows);
  const lastCount = useRef(table.row_count);
  if (rows.count !== null) lastCount.current = rows.count;
  useEffect(() => {
    dialog.current?.querySelector<HTMLElement>(".cfo-scroll")?.focus(); // so that the arrow keys scroll at once
  }, []);
  const { invalidFilter } = rows;
  useEffect(() => {
    if (!invalidFilter) return;
    setFilterErrors((all) => ({ ...all, [invalidFilter.column]: invalidFilter.message }));
    setFilters((all) => withFilter(all, invalidFilter.column, null)); // the other filters still apply
  }, [invalidFilter]);
  const toggleSort = (column: string) => {
    const current = sort[0]?.column === column ? sort[0] : null;
    setSort(current?.descending ? [] : [{ column, descending: current !== null }]);
  };
  const clear = () => {
    setFilters([]);
    setFilterErrors({});
    setCleared(cleared + 1);
  };
  const isFiltered = filters.length > 0 || Object.keys(filterErrors).length > 0;
  const count = rows.count ?? lastCount.current;
  const countText = isFiltered ? `${count.toLocaleString("en-US")} of ${countLabel(rows.total ?? table.row_count)}` : countLabel(count);
  const choices = rowChoices(sort, filters, rows.count, rows.total ?? table.row_count);
  const size = { "--rows": table.row_count, "--columns": table.columns.length }; // makes the dialog only as large as needed
  return (
    <dialog ref={dialog} class="cfo-whole" style={size} aria-label="Full result" onClose={onClose}>
      <header class="cfo-bar">
        <h2>Full result</h2>
        <span class="cfo-mute" role="status">{rows.count === null && !rows.problem ? "Loading…" : countText}</span>
        {isFiltered && <button type="button" class="cfo-quiet" onClick={clear}>Clear filters</button>}
        <DialogHeadSlot />
        <div class="cfo-tools">
          <DownloadButton file={file} format="csv" label="CSV" choices={choices} onProblem={setProblem} />
          <DownloadButton file={file} format="xlsx" label="Excel" choices={choices} onProblem={setProblem} />
          <button type="button" class="cfo-quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 3.5l9 9M12.5 3.5l-9 9" /></svg>
            Close
          </button>
        </div>
      </header>
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      {rows.problem && (
        <p class="cfo-problem" role="alert">
          {rows.problem.message}
          {rows.problem.canRetry && <> <button type="button" class="cfo-quiet" onClick={() => rows.retry()}>Try again</button></>}
        </p>
      )}
      <VirtualTable
        rows={rows}
        count={rows.problem ? 0 : count}
        formats={formats}
        sample={table.rows}
        sort={sort[0] ?? null}
        onSort={toggleSort}
        filterOf={(format) => (
          <FilterInput
            key={`${format.name} ${cleared}`}
            column={format.name}
            isText={!format.isNumber}
            isPercent={format.number?.role === "percent"}
            error={filterErrors[format.name]}
            onChange={(filter) => {
              setFilterErrors(({ [format.name]: _, ...others }) => others);
              setFilters((all) => withFilter(all, format.name, filter));
            }}
          />
        )}
      />
    </dialog>
  );
}

/** What a download may contain: the rows as they are shown, or the whole result. Undefined if these are the same. */
function rowChoices(sort: Sort[], filters: Filter[], count: number | null, total: number): RowChoice[] | undefined {
  if (!filters.length && !sort.length) return undefined;
  const shown = [count !== null && countLabel(count), sort.length > 0 && "sorted"].filter(Boolean).join(", ");
  return [
    { label: "As shown", hint: shown, selection: { sort, filters } },
    { label: "Whole result", hint: countLabel(total), selection: {} },
  ];
}

function withFilter(filters: Filter[], column: string, filter: Filter | null): Filter[] {
  const others = filters.filter((other) => other.column !== column);
  return filter ? [...others, filter] : others;
}

type Op = "contains" | "=" | ">=" | "<=";

interface FilterInputProps {
  column: string;
  isText: boolean;
  isPercent: boolean;
  /** The reason why the last filter was refused. */
  error: string | undefined;
  onChange: (filter: Filter | null) => void;
}

function FilterInput({ column, isText, isPercent, error, onChange }: FilterInputProps) {
  const id = useElementId();
  const [op, setOp] = useState<Op>(isText ? "contains" : "=");
  const [text, setText] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const apply = (newOp: Op, newText: string, wait: number) => {
    clearTimeout(timer.current);
    const value = newText.trim();
    const wanted = isText ? value : isPercent ? plainFraction(value) : plainNumber(value);
    const filter = value ? { column, op: newOp, value: wanted } : null;
    timer.current = window.setTimeout(() => onChange(filter), wait);
  };
  return (
    <>
      <div class="cfo-filter">
        <select
          aria-label={`How to filter ${column}`}
          value={op}
          onChange={(event) => {
            const chosen = event.currentTarget.value as Op;
            setOp(chosen);
            if (text.trim()) apply(chosen, text, 0);
          }}
        >
          <option value="contains">has</option>
          <option value="=">=</option>
          <option value=">=">≥</option>
          <option value="<=">≤</option>
        </select>
        <input
          type="text"
          aria-label={`Filter ${column}`}
          aria-invalid={error !== undefined}
          aria-describedby={error ? id : undefined}
          placeholder={isPercent ? "Filter, in %" : "Filter"}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            apply(op, event.currentTarget.value, TYPING_PAUSE);
          }}
          onKeyDown={(event) => event.key === "Enter" && apply(op, text, 0)}
        />
      </div>
      {error && <p id={id} class="cfo-refusal" role="alert">{error}</p>}
    </>
  );
}
