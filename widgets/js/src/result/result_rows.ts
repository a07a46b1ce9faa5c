// Loads the rows of a full result from the engine one page at a time, and keeps those near the visible ones.
import { useEffect, useMemo, useReducer } from "preact/hooks";
import { useChannel } from "../shared/component";
import { errorMessage, isTransient } from "../shared/errors";
import { CommandError, type KernelChannel } from "../shared/kernel_channel";
import type { GetResultRows, ResultPage, Sort } from "../shared/wire_types";
import type { Cell } from "./cell_format";
import { useOpenThread } from "./open_thread";

export type Filter = NonNullable<GetResultRows["filters"]>[number];

const PAGE = 200;
const MAX_PAGES = 40;

/** The rows in one order, after one set of filters. */
export class ResultRows {
  count: number | null = null;
  total: number | null = null;
  problem: { message: string; canRetry: boolean } | null = null;
  /** A filter that is not valid for its column, and the reason. */
  invalidFilter: { column: string; message: string } | null = null;
  private pages = new Map<number, Cell[][] | "loading">();
  private isClosed = false;

  constructor(
    private channel: KernelChannel,
    private thread: { opened?: string },
    private file: string,
    private sort: Sort[],
    private filters: Filter[],
    private onChange: () => void,
  ) {}

  /** The row, or undefined while it is loading. */
  row(i: number): Cell[] | undefined {
    const page = this.pages.get(Math.floor(i / PAGE));
    return page === "loading" ? undefined : page?.[i % PAGE];
  }

  /** Loads the rows between these indexes, unless they are already loaded or loading. */
  load(first: number, last: number): void {
    if (this.problem || this.invalidFilter) return;
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
      if (!this.pages.has(page)) void this.loadPage(page);
    }
  }

  retry(): void {
    this.problem = null;
    this.onChange();
  }

  close(): void {
    this.isClosed = true;
  }

  private async loadPage(page: number): Promise<void> {
    this.pages.set(page, "loading");
    const rows: Cell[][] = [];
    try {
      for (let hasMore = true; hasMore; ) {
        const offset = page * PAGE + rows.length; // a response with long rows contains fewer of them
        const wanted = { offset, limit: PAGE - rows.length, sort: this.sort, filters: this.filters };
        const { value } = await this.channel.request<ResultPage>({ type: "page", ...this.thread, file: this.file, ...wanted });
        rows.push(...value.rows);
        this.count = value.row_count;
        this.total = value.total;
        hasMore = value.rows.length > 0 && rows.length < PAGE && page * PAGE + rows.length < value.row_count;
      }
      this.pages.set(page, rows);
      this.dropFarPages(page);
    } catch (error) {
      this.pages.delete(page);
      await this.fail(error);
    }
    if (!this.isClosed) this.onChange();
  }

  /** Finds the invalid filter, to report it at its input. The error does not name it, so each filter is tried separately. */
  private async fail(error: unknown): Promise<void> {
    const message = errorMessage(error, "The rows could not be read. Try again.");
    if (isInvalidFilter(error)) {
      for (const filter of this.filters) {
        const wanted = { offset: 0, limit: 1, sort: [], filters: [filter] };
        const reason = await this.channel
          .request({ type: "page", ...this.thread, file: this.file, ...wanted })
          .then(() => null, (e: unknown) => e);
        if (isInvalidFilter(reason)) {
          this.invalidFilter = { column: filter.column, message: errorMessage(reason) };
          return;
        }
      }
    }
    this.problem = { message, canRetry: isTransient(error) };
  }

  private dropFarPages(near: number): void {
    if (this.pages.size <= MAX_PAGES) return;
    const far = [...this.pages.keys()].filter((page) => this.pages.get(page) !== "loading");
    far.sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const page of far.slice(0, this.pages.size - MAX_PAGES)) this.pages.delete(page);
  }
}

function isInvalidFilter(error: unknown): boolean {
  return error instanceof CommandError && error.problem.code === "plan_invalid";
}

export function useResultRows(file: string, sort: Sort[], filters: Filter[]): ResultRows {
  const channel = useChannel();
  const thread = useOpenThread();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const wanted = JSON.stringify([file, sort, filters]);
  const rows = useMemo(() => new ResultRows(channel, thread, file, sort, filters, () => redraw(undefined)), [channel, wanted]);
  useEffect(() => () => rows.close(), [rows]);
  return rows;
}
