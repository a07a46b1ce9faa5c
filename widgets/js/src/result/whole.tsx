// The whole result over the page: sorted and filtered by the engine.
import { useEffect, useRef, useState } from "preact/hooks";
import { Above, useModal } from "../shared/modal";
import { useOwnId } from "../shared/own_id";
import type { ResultTable, Sort } from "../shared/wire_types";
import { counted, looks, plainNumber } from "./cells";
import { Download } from "./download";
import { type Filter, useBook } from "./pages";
import { Scroll } from "./scroll";

const TYPING = 350; // milliseconds without a key, after which a filter is asked for

export function WholeResult({ file, table, onClose }: { file: string; table: ResultTable; onClose: () => void }) {
  const dialog = useModal();
  const [sort, setSort] = useState<Sort[]>([]);
  const [filters, setFilters] = useState<Filter[]>([]);
  const [cleared, setCleared] = useState(0); // the boxes are made anew, and thus empty
  const [problem, setProblem] = useState<string | null>(null);
  const [refusals, setRefusals] = useState<Record<string, string>>({}); // why a filter does not hold, by its column
  const book = useBook(file, sort, filters);
  const shownAs = looks(table.columns, table.rows);
  const known = useRef(table.row_count);
  if (book.count !== null) known.current = book.count;
  useEffect(() => {
    dialog.current?.querySelector<HTMLElement>(".cfo-scroll")?.focus(); // so that the arrows move the rows at once
  }, []);
  const { refused } = book;
  useEffect(() => {
    if (!refused) return;
    setRefusals((all) => ({ ...all, [refused.column]: refused.message }));
    setFilters((all) => replaced(all, refused.column, null)); // the rows stay as the others have them
  }, [refused]);
  const order = (column: string) => {
    const now = sort[0]?.column === column ? sort[0] : null;
    setSort(now?.descending ? [] : [{ column, descending: now !== null }]);
  };
  const clear = () => {
    setFilters([]);
    setRefusals({});
    setCleared(cleared + 1);
  };
  const isFiltered = filters.length > 0 || Object.keys(refusals).length > 0;
  const count = book.count ?? known.current;
  const said = isFiltered ? `${count.toLocaleString("en-US")} of ${counted(book.total ?? table.row_count)}` : counted(count);
  const size = { "--rows": table.row_count, "--columns": table.columns.length }; // no larger than it has to be
  return (
    <dialog ref={dialog} class="cfo-whole" style={size} aria-label="The whole result" onClose={onClose}>
      <header class="cfo-bar">
        <h2>Whole result</h2>
        <span class="cfo-mute" role="status">{book.count === null && !book.problem ? "Reading…" : said}</span>
        {isFiltered && <button type="button" class="cfo-quiet" onClick={clear}>Clear filters</button>}
        <Above />
        <div class="cfo-tools">
          <Download file={file} format="csv" label="CSV" failed={setProblem} />
          <Download file={file} format="xlsx" label="Excel" failed={setProblem} />
          <button type="button" class="cfo-quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 3.5l9 9M12.5 3.5l-9 9" /></svg>
            Close
          </button>
        </div>
      </header>
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      {book.problem && (
        <p class="cfo-problem" role="alert">
          {book.problem.message}
          {book.problem.mayRetry && <> <button type="button" class="cfo-quiet" onClick={() => book.retry()}>Try again</button></>}
        </p>
      )}
      <Scroll
        book={book}
        count={book.problem ? 0 : count}
        looks={shownAs}
        sample={table.rows}
        sort={sort[0] ?? null}
        onSort={order}
        filterOf={(look) => (
          <FilterBox
            key={`${look.name} ${cleared}`}
            column={look.name}
            isText={!look.isNumber}
            refusal={refusals[look.name]}
            onChange={(filter) => {
              setRefusals(({ [look.name]: _, ...others }) => others);
              setFilters((all) => replaced(all, look.name, filter));
            }}
          />
        )}
      />
    </dialog>
  );
}

function replaced(filters: Filter[], column: string, filter: Filter | null): Filter[] {
  const others = filters.filter((other) => other.column !== column);
  return filter ? [...others, filter] : others;
}

type Op = "contains" | "=" | ">=" | "<=";

interface FilterBoxProps {
  column: string;
  isText: boolean;
  /** Why the last one was not taken. */
  refusal: string | undefined;
  onChange: (filter: Filter | null) => void;
}

function FilterBox({ column, isText, refusal, onChange }: FilterBoxProps) {
  const id = useOwnId();
  const [op, setOp] = useState<Op>(isText ? "contains" : "=");
  const [text, setText] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const ask = (newOp: Op, newText: string, wait: number) => {
    clearTimeout(timer.current);
    const value = newText.trim();
    const filter = value ? { column, op: newOp, value: isText ? value : plainNumber(value) } : null;
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
            if (text.trim()) ask(chosen, text, 0);
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
          aria-invalid={refusal !== undefined}
          aria-describedby={refusal ? id : undefined}
          placeholder="Filter"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            ask(op, event.currentTarget.value, TYPING);
          }}
          onKeyDown={(event) => event.key === "Enter" && ask(op, text, 0)}
        />
      </div>
      {refusal && <p id={id} class="cfo-refusal" role="alert">{refusal}</p>}
    </>
  );
}
