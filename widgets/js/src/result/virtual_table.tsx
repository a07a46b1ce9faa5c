// Shows a table of any length in a scrolling window. Only the visible rows are rendered.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Sort } from "../shared/wire_types";
import { type Cell, cellText, type ColumnFormat, fullValue } from "./cell_format";
import { markScrolled } from "./first_rows";
import type { ResultRows } from "./result_rows";
import { CellView } from "./rows_table";

const ROW_HEIGHT = 30; // px
const MAX_HEIGHT = 8_000_000; // px; browsers support at most 17 to 33 million
const SCROLL_PAUSE = 90; // milliseconds without scrolling before rows are loaded
// Widths in characters.
const MIN_WIDTH = 13; // leaves room for the filter
const MAX_WIDTH = 44;
const MAX_WIDTH_IF_NARROW = 18;

interface VirtualTableProps {
  rows: ResultRows;
  count: number;
  formats: ColumnFormat[];
  sample: Cell[][];
  sort: Sort | null;
  onSort: (column: string) => void;
  filterOf: (format: ColumnFormat) => ComponentChildren;
}

export function VirtualTable({ rows, count, formats, sample, sort, onSort, filterOf }: VirtualTableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [size, setSize] = useState({ height: 600, headHeight: 74, isNarrow: false });
  const fullHeight = count * ROW_HEIGHT;
  const scrollHeight = Math.min(fullHeight, MAX_HEIGHT);
  const view = Math.max(ROW_HEIGHT, size.height - size.headHeight);
  // If the rows exceed the maximum height, a pixel of scrolling corresponds to several pixels of rows.
  const scale = fullHeight > MAX_HEIGHT ? (fullHeight - view) / (MAX_HEIGHT - view) : 1;
  const offset = top * scale; // px of rows above the window
  const first = Math.max(0, Math.floor(offset / ROW_HEIGHT) - 4);
  const last = Math.min(count - 1, Math.ceil((offset + view) / ROW_HEIGHT) + 4);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () =>
      setSize({ height: element.clientHeight, headHeight: head.current?.offsetHeight ?? 0, isNarrow: element.clientWidth < 560 });
    const sizes = new ResizeObserver(measure);
    sizes.observe(element);
    if (head.current) sizes.observe(head.current);
    measure();
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [rows]);
  useEffect(() => {
    if (rows.count === null) return rows.load(0, 0);
    const timer = setTimeout(() => last >= 0 && rows.load(first, last), SCROLL_PAUSE);
    return () => clearTimeout(timer);
  });

  const scrollRows = (n: number) => scroller.current?.scrollBy({ top: (n * ROW_HEIGHT) / scale });
  const keys = (event: KeyboardEvent) => {
    if (event.target !== scroller.current) return;
    const page = Math.max(1, Math.floor(view / ROW_HEIGHT) - 1);
    const actions: Record<string, () => void> = {
      ArrowDown: () => scrollRows(1),
      ArrowUp: () => scrollRows(-1),
      PageDown: () => scrollRows(page),
      PageUp: () => scrollRows(-page),
      Home: () => scroller.current?.scrollTo({ top: 0 }),
      End: () => scroller.current?.scrollTo({ top: scrollHeight }),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const maxWidth = size.isNarrow ? MAX_WIDTH_IF_NARROW : MAX_WIDTH;
  const widths = formats.map((format, i) => Math.min(maxWidth, columnWidth(format, i, sample)));
  const totalWidth = `max(100%, ${widths.reduce((sum, one) => sum + one, 0)}ch)`;
  const columns = { gridTemplateColumns: widths.map((one) => `minmax(0, ${one}fr)`).join(" ") };
  const visible: number[] = [];
  for (let i = first; i <= last; i++) visible.push(i);
  return (
    <div
      ref={scroller}
      class="cfo-scroll"
      role="table"
      aria-label="All rows. Arrows, Page Up and Down, Home and End move through them."
      aria-rowcount={count + 1}
      aria-colcount={formats.length}
      tabIndex={0}
      onScroll={(event) => {
        setTop(event.currentTarget.scrollTop);
        markScrolled(event);
      }}
      onKeyDown={keys}
    >
      <div class="cfo-scroll-head" role="rowgroup" ref={head} style={{ width: totalWidth }}>
        <div role="row" aria-rowindex={1} class="cfo-grid" style={columns}>
          {formats.map((format) => (
            <div role="columnheader" aria-sort={sortDirection(sort, format)} class={format.isNumber ? "cfo-number" : ""}>
              <button type="button" onClick={() => onSort(format.name)} title={`${format.name} (${format.type}): sort`}>
                <span>{format.name}</span>
                <i aria-hidden="true">{sort?.column === format.name ? (sort.descending ? "↓" : "↑") : "↕"}</i>
              </button>
              {filterOf(format)}
            </div>
          ))}
        </div>
      </div>
      <div class="cfo-scroll-body" role="rowgroup" style={{ height: `${scrollHeight}px`, width: totalWidth }}>
        {visible.map((i) => (
          <Row key={i} row={rows.row(i)} formats={formats} index={i} y={top + i * ROW_HEIGHT - offset} columns={columns} />
        ))}
        {rows.count === 0 && <p class="cfo-no-rows">No rows match these filters. Change or clear them.</p>}
      </div>
    </div>
  );
}

interface RowProps {
  row: Cell[] | undefined;
  formats: ColumnFormat[];
  index: number;
  y: number;
  columns: { gridTemplateColumns: string };
}

function Row({ row, formats, index, y, columns }: RowProps) {
  return (
    <div role="row" aria-rowindex={index + 2} class={`cfo-grid cfo-line${index % 2 ? " cfo-odd" : ""}`} style={{ ...columns, transform: `translateY(${y}px)` }}>
      {formats.map((format, i) => (
        <div role="cell" class={format.isNumber ? "cfo-number" : ""} title={row && fullValue(row[i], format)}>
          {row ? <CellView cell={row[i]} format={format} /> : <span class="cfo-coming" />}
        </div>
      ))}
    </div>
  );
}

function sortDirection(sort: Sort | null, format: ColumnFormat): "ascending" | "descending" | "none" {
  if (sort?.column !== format.name) return "none";
  return sort.descending ? "descending" : "ascending";
}

/** Returns the width of a column in characters, based on its name and the first rows. */
function columnWidth(format: ColumnFormat, i: number, sample: Cell[][]): number {
  const cells = sample.slice(0, 60).map((row) => cellText(row[i], format).length);
  return Math.max(MIN_WIDTH, format.name.length + 5, ...cells.map((length) => length + 4));
}
