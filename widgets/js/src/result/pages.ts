// The rows of a whole result, fetched from the engine a page at a time and kept while they are near.
import { useEffect, useMemo, useReducer } from "preact/hooks";
import { useLine } from "../shared/component";
import type { Line } from "../shared/line";
import { Refused } from "../shared/line";
import { isPassing, words } from "../shared/failure";
import type { GetResultRows, ResultPage, Sort } from "../shared/wire_types";
import type { Cell } from "./cells";
import { useOpening } from "./opening";

export type Filter = NonNullable<GetResultRows["filters"]>[number];

const PAGE = 200;
const KEPT = 40;

/** One order and choice of the rows; another one is another book. */
export class Book {
  count: number | null = null;
  total: number | null = null;
  problem: { message: string; mayRetry: boolean } | null = null;
  /** A filter that does not fit its column, and why. */
  refused: { column: string; message: string } | null = null;
  private pages = new Map<number, Cell[][] | "coming">();
  private isClosed = false;

  constructor(
    private line: Line,
    private opening: { opened?: string },
    private file: string,
    private sort: Sort[],
    private filters: Filter[],
    private changed: () => void,
  ) {}

  /** The row, or undefined while it is on its way. */
  row(i: number): Cell[] | undefined {
    const page = this.pages.get(Math.floor(i / PAGE));
    return page === "coming" ? undefined : page?.[i % PAGE];
  }

  /** Has the rows between these fetched, unless they are here or coming. */
  want(first: number, last: number): void {
    if (this.problem || this.refused) return;
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
      if (!this.pages.has(page)) void this.fetch(page);
    }
  }

  retry(): void {
    this.problem = null;
    this.changed();
  }

  close(): void {
    this.isClosed = true;
  }

  private async fetch(page: number): Promise<void> {
    this.pages.set(page, "coming");
    const rows: Cell[][] = [];
    try {
      for (let more = true; more; ) {
        const offset = page * PAGE + rows.length; // long rows come fewer at a time
        const wanted = { offset, limit: PAGE - rows.length, sort: this.sort, filters: this.filters };
        const { value } = await this.line.ask<ResultPage>({ type: "page", ...this.opening, file: this.file, ...wanted });
        rows.push(...value.rows);
        this.count = value.row_count;
        this.total = value.total;
        more = value.rows.length > 0 && rows.length < PAGE && page * PAGE + rows.length < value.row_count;
      }
      this.pages.set(page, rows);
      this.forget(page);
    } catch (error) {
      this.pages.delete(page);
      await this.fail(error);
    }
    if (!this.isClosed) this.changed();
  }

  /** A filter that does not fit its column is told at its box; which one it is, the engine says of each alone. */
  private async fail(error: unknown): Promise<void> {
    const message = words(error, "The rows could not be read. Try again.");
    if (isUnfit(error)) {
      for (const filter of this.filters) {
        const wanted = { offset: 0, limit: 1, sort: [], filters: [filter] };
        const why = await this.line.ask({ type: "page", ...this.opening, file: this.file, ...wanted }).then(() => null, (e: unknown) => e);
        if (isUnfit(why)) {
          this.refused = { column: filter.column, message: words(why) };
          return;
        }
      }
    }
    this.problem = { message, mayRetry: isPassing(error) };
  }

  /** Lets go of the pages that are furthest away. */
  private forget(near: number): void {
    if (this.pages.size <= KEPT) return;
    const far = [...this.pages.keys()].filter((page) => this.pages.get(page) !== "coming");
    far.sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const page of far.slice(0, this.pages.size - KEPT)) this.pages.delete(page);
  }
}

function isUnfit(error: unknown): boolean {
  return error instanceof Refused && error.problem.code === "plan_invalid";
}

export function useBook(file: string, sort: Sort[], filters: Filter[]): Book {
  const line = useLine();
  const opening = useOpening();
  const [, draw] = useReducer((n: number) => n + 1, 0);
  const wanted = JSON.stringify([file, sort, filters]);
  const book = useMemo(() => new Book(line, opening, file, sort, filters, () => draw(undefined)), [line, wanted]);
  useEffect(() => () => book.close(), [book]);
  return book;
}
