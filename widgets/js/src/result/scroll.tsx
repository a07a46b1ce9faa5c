// A table of any length in a window: only the rows in sight are drawn.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Sort } from "../shared/wire_types";
import { type Cell, type Look, shown, whole } from "./cells";
import type { Book } from "./pages";
import { CellText, markAside } from "./table";

const ROW = 30;
const TALLEST = 8_000_000; // px; browsers end between 17 and 33 million
const STILL = 90; // milliseconds of rest, after which rows are fetched
const NARROWEST = 13; // its filter must be of use
const WIDEST = 44;
const WIDEST_WHERE_NARROW = 18;

interface ScrollProps {
  book: Book;
  count: number;
  looks: Look[];
  sample: Cell[][];
  sort: Sort | null;
  onSort: (column: string) => void;
  filterOf: (look: Look) => ComponentChildren;
}

export function Scroll({ book, count, looks, sample, sort, onSort, filterOf }: ScrollProps) {
  const box = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [sight, setSight] = useState({ view: 600, above: 74, isNarrow: false });
  const all = count * ROW;
  const tall = Math.min(all, TALLEST);
  const view = Math.max(ROW, sight.view - sight.above);
  const scale = all > TALLEST ? (all - view) / (TALLEST - view) : 1;
  const from = top * scale; // where the window stands among all rows, in px
  const first = Math.max(0, Math.floor(from / ROW) - 4);
  const last = Math.min(count - 1, Math.ceil((from + view) / ROW) + 4);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () =>
      setSight({ view: element.clientHeight, above: head.current?.offsetHeight ?? 0, isNarrow: element.clientWidth < 560 });
    const sizes = new ResizeObserver(measure);
    sizes.observe(element);
    if (head.current) sizes.observe(head.current);
    measure();
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
  }, [book]);
  useEffect(() => {
    if (book.count === null) return book.want(0, 0);
    const timer = setTimeout(() => last >= 0 && book.want(first, last), STILL);
    return () => clearTimeout(timer);
  });

  const move = (rows: number) => box.current?.scrollBy({ top: (rows * ROW) / scale });
  const keys = (event: KeyboardEvent) => {
    if (event.target !== box.current) return;
    const page = Math.max(1, Math.floor(view / ROW) - 1);
    const steps: Record<string, () => void> = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      PageDown: () => move(page),
      PageUp: () => move(-page),
      Home: () => box.current?.scrollTo({ top: 0 }),
      End: () => box.current?.scrollTo({ top: tall }),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };
  const widest = sight.isNarrow ? WIDEST_WHERE_NARROW : WIDEST;
  const widths = looks.map((look, i) => Math.min(widest, width(look, i, sample)));
  const across = `max(100%, ${widths.reduce((sum, one) => sum + one, 0)}ch)`;
  const columns = { gridTemplateColumns: widths.map((one) => `minmax(0, ${one}fr)`).join(" ") };
  const rows: number[] = [];
  for (let i = first; i <= last; i++) rows.push(i);
  return (
    <div
      ref={box}
      class="cfo-scroll"
      role="table"
      aria-label="All rows. Arrows, Page Up and Down, Home and End move through them."
      aria-rowcount={count + 1}
      aria-colcount={looks.length}
      tabIndex={0}
      onScroll={(event) => {
        setTop(event.currentTarget.scrollTop);
        markAside(event);
      }}
      onKeyDown={keys}
    >
      <div class="cfo-scroll-head" role="rowgroup" ref={head} style={{ width: across }}>
        <div role="row" aria-rowindex={1} class="cfo-grid" style={columns}>
          {looks.map((look) => (
            <div role="columnheader" aria-sort={sorted(sort, look)} class={look.isNumber ? "cfo-number" : ""}>
              <button type="button" onClick={() => onSort(look.name)} title={`${look.name} (${look.type}): sort`}>
                <span>{look.name}</span>
                <i aria-hidden="true">{sort?.column === look.name ? (sort.descending ? "↓" : "↑") : "↕"}</i>
              </button>
              {filterOf(look)}
            </div>
          ))}
        </div>
      </div>
      <div class="cfo-scroll-body" role="rowgroup" style={{ height: `${tall}px`, width: across }}>
        {rows.map((i) => (
          <Row key={i} row={book.row(i)} looks={looks} at={i} y={top + i * ROW - from} columns={columns} />
        ))}
        {book.count === 0 && <p class="cfo-no-rows">No row passes these filters. Change one of them, or clear them.</p>}
      </div>
    </div>
  );
}

interface RowProps {
  row: Cell[] | undefined;
  looks: Look[];
  at: number;
  y: number;
  columns: { gridTemplateColumns: string };
}

function Row({ row, looks, at, y, columns }: RowProps) {
  return (
    <div role="row" aria-rowindex={at + 2} class={`cfo-grid cfo-line${at % 2 ? " cfo-odd" : ""}`} style={{ ...columns, transform: `translateY(${y}px)` }}>
      {looks.map((look, i) => (
        <div role="cell" class={look.isNumber ? "cfo-number" : ""} title={row && whole(row[i], look)}>
          {row ? <CellText cell={row[i]} look={look} /> : <span class="cfo-coming" />}
        </div>
      ))}
    </div>
  );
}

function sorted(sort: Sort | null, look: Look): "ascending" | "descending" | "none" {
  if (sort?.column !== look.name) return "none";
  return sort.descending ? "descending" : "ascending";
}

/** The width of a column, in characters, as the first rows and its name need it. */
function width(look: Look, i: number, sample: Cell[][]): number {
  const cells = sample.slice(0, 60).map((row) => shown(row[i], look).length);
  return Math.max(NARROWEST, look.name.length + 5, ...cells.map((length) => length + 4));
}
