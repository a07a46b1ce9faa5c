// The chart of a result. What draws it is loaded with the first one, once for the page.
import { useEffect, useRef, useState } from "preact/hooks";
import { useLine } from "../shared/component";
import type { Line } from "../shared/line";
import type { ResultTable } from "../shared/wire_types";
import type { Palette } from "../vega/index";

type Library = typeof import("../vega/index");
export type Spec = { description?: string } & Record<string, unknown>;
const PLACE = Symbol.for("cfo-widgets.vega");
const page = globalThis as unknown as { [PLACE]?: Promise<Library> };

async function fetched(line: Line): Promise<Library> {
  const { buffers } = await line.ask<null>({ type: "library" });
  const url = URL.createObjectURL(new Blob(buffers as unknown as BlobPart[], { type: "text/javascript" }));
  try {
    return (await import(/* @vite-ignore */ url)) as Library;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function library(line: Line): Promise<Library> {
  page[PLACE] ??= fetched(line).catch((error) => {
    delete page[PLACE]; // the next chart tries again
    throw error;
  });
  return page[PLACE];
}

/** The rows as Vega has them: an object for each, by the names of the columns. */
function records(table: ResultTable): Record<string, unknown>[] {
  return table.rows.map((row) => Object.fromEntries(table.columns.map(({ name }, i) => [name, row[i]])));
}

function palette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  const isDark = document.body.dataset.jpThemeLight === "false";
  return { isDark, ink: of("--ink"), mute: of("--mute"), line: of("--line"), accent: of("--accent"), font: style.fontFamily };
}

export function ChartView({ spec, table }: { spec: Spec; table: ResultTable }) {
  const line = useLine();
  const place = useRef<HTMLDivElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isReady, setReady] = useState(false);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let isGone = false;
    let width = 0;
    let timer = 0;
    let drawn: { finalize(): void } | null = null;
    const draw = async () => {
      width = element.clientWidth;
      if (isGone || width === 0) return;
      try {
        const made = await (await library(line)).draw(element, spec, records(table), palette(element));
        drawn?.finalize();
        if (isGone) return made.finalize();
        drawn = made;
        setReady(true);
        setProblem(null);
      } catch {
        if (!isGone) setProblem("The chart could not be drawn. The table has the same figures.");
      }
    };
    const soon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(draw, 120);
    };
    const sizes = new ResizeObserver(() => Math.abs(element.clientWidth - width) > 1 && soon());
    sizes.observe(element);
    const theme = new MutationObserver(soon);
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
    void draw();
    return () => {
      isGone = true;
      clearTimeout(timer);
      sizes.disconnect();
      theme.disconnect();
      drawn?.finalize();
    };
  }, [line, spec, table, tries]);
  return (
    <div class="cfo-chart">
      {!isReady && !problem && <p class="cfo-mute" role="status">Drawing the chart…</p>}
      {problem && (
        <p class="cfo-problem" role="alert">
          {problem} <button type="button" class="cfo-quiet" onClick={() => setTries(tries + 1)}>Try again</button>
        </p>
      )}
      <div role="img" aria-label={`Chart: ${spec.description ?? "the result"}. The table has the same figures.`}>
        <div ref={place} class="cfo-drawing" aria-hidden="true" />
      </div>
    </div>
  );
}
