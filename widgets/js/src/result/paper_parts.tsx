// A table that is wider than a page is printed in parts one below the other, as spreadsheets do: each has the first column, and as
// many others as fit.
import { render as mount, type RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Cell, cellText, type ColumnFormat } from "./cell_format";
import { RowsTable } from "./rows_table";

// Widths in characters.
const PAGE = 100;
const WRAPS_AT = 24; // longer texts wrap
const PADDING = 2;

/** Some columns of a table, and the width that they need. */
export interface TablePart {
  columns: number[];
  characters: number;
}

/** The whole table, as it is shown on the screen. */
export function wholeTable(formats: ColumnFormat[], rows: Cell[][]): TablePart {
  const columns = formats.map((_, i) => i);
  return { columns, characters: columns.reduce((sum, i) => sum + width(formats[i] as ColumnFormat, i, rows), 0) };
}

/** The parts of the table, each at most as wide as a page if it has more than two columns. */
export function paperParts(formats: ColumnFormat[], rows: Cell[][]): TablePart[] {
  const widths = formats.map((format, i) => width(format, i, rows));
  const parts: TablePart[] = [];
  let last: TablePart | undefined;
  for (const [i, characters] of widths.entries()) {
    if (!last || (last.columns.length > 1 && last.characters + characters > PAGE)) {
      last = i === 0 ? { columns: [], characters: 0 } : { columns: [0], characters: widths[0] ?? 0 };
      parts.push(last);
    }
    last.columns.push(i);
    last.characters += characters;
  }
  return parts;
}

function width(format: ColumnFormat, i: number, rows: Cell[][]): number {
  const longest = Math.max(1, ...rows.map((row) => cellText(row[i], format).length));
  const name = Math.min(format.name.length, WRAPS_AT);
  return Math.max(name, format.isNumber ? longest : Math.min(longest, WRAPS_AT)) + PADDING;
}

/** Fills the element with the parts of a table that is wider than a page, for as long as the browser prints. */
export function usePaperParts(formats: ColumnFormat[], rows: Cell[][]): RefObject<HTMLDivElement | null> {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const fill = () => {
      const parts = paperParts(formats, rows);
      if (parts.length > 1) mount(parts.map((part) => <Part formats={formats} rows={rows} part={part} />), element);
    };
    const empty = () => mount(null, element);
    addEventListener("beforeprint", fill);
    addEventListener("afterprint", empty);
    return () => {
      removeEventListener("beforeprint", fill);
      removeEventListener("afterprint", empty);
      empty();
    };
  }, [rows]);
  return place;
}

function Part(props: { formats: ColumnFormat[]; rows: Cell[][]; part: TablePart }) {
  const [first, last] = [props.part.columns[1] ?? 0, props.part.columns.at(-1) ?? 0];
  const span = first === last ? `Column ${first + 1}` : `Columns ${first + 1} to ${last + 1}`;
  return (
    <>
      <p class="cfo-mute">{`${span} of ${props.formats.length}`}</p>
      <RowsTable {...props} />
    </>
  );
}
