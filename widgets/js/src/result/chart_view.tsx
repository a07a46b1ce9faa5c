// Shows the chart of a result. The library that draws it is loaded once per page, with the first chart.
import { useEffect, useRef, useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import type { KernelChannel } from "../shared/kernel_channel";
import type { ResultTable } from "../shared/wire_types";
import type { Palette } from "../vega/index";

type Library = typeof import("../vega/index");
export type ChartSpec = { description?: string } & Record<string, unknown>;
const KEY = Symbol.for("cfo-widgets.vega"); // global, because several bundles draw charts
const page = globalThis as unknown as { [KEY]?: Promise<Library> };

async function fetchLibrary(channel: KernelChannel): Promise<Library> {
  const { buffers } = await channel.request<null>({ type: "library" });
  const url = URL.createObjectURL(new Blob(buffers as unknown as BlobPart[], { type: "text/javascript" }));
  try {
    return (await import(/* @vite-ignore */ url)) as Library;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function library(channel: KernelChannel): Promise<Library> {
  page[KEY] ??= fetchLibrary(channel).catch((error) => {
    delete page[KEY]; // the next chart tries again
    throw error;
  });
  return page[KEY];
}

/** Converts the rows to Vega's format: objects keyed by column name. */
function records(table: ResultTable): Record<string, unknown>[] {
  return table.rows.map((row) => Object.fromEntries(table.columns.map(({ name }, i) => [name, row[i]])));
}

function palette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const isDark = document.body.dataset.jpThemeLight === "false";
  return { isDark, ink: color("--ink"), mute: color("--mute"), line: color("--line"), accent: color("--accent"), font: style.fontFamily };
}

export function ChartView({ spec, table }: { spec: ChartSpec; table: ResultTable }) {
  const channel = useChannel();
  const container = useRef<HTMLDivElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isReady, setReady] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const element = container.current;
    if (!element) return;
    let isUnmounted = false;
    let width = 0;
    let timer = 0;
    let drawn: { finalize(): void } | null = null;
    const draw = async () => {
      width = element.clientWidth;
      if (isUnmounted || width === 0) return;
      try {
        const result = await (await library(channel)).draw(element, spec, records(table), palette(element));
        drawn?.finalize();
        if (isUnmounted) return result.finalize();
        drawn = result;
        setReady(true);
        setProblem(null);
      } catch {
        if (!isUnmounted) setProblem("The chart could not be drawn. The table has the same figures.");
      }
    };
    const drawSoon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(draw, 120);
    };
    const sizes = new ResizeObserver(() => Math.abs(element.clientWidth - width) > 1 && drawSoon());
    sizes.observe(element);
    const theme = new MutationObserver(drawSoon);
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
    void draw();
    return () => {
      isUnmounted = true;
      clearTimeout(timer);
      sizes.disconnect();
      theme.disconnect();
      drawn?.finalize();
    };
  }, [channel, spec, table, attempt]);
  return (
    <div class="cfo-chart">
      {!isReady && !problem && <p class="cfo-mute" role="status">Drawing the chart…</p>}
      {problem && (
        <p class="cfo-problem" role="alert">
          {problem} <button type="button" class="cfo-quiet" onClick={() => setAttempt(attempt + 1)}>Try again</button>
        </p>
      )}
      <div role="img" aria-label={`Chart: ${spec.description ?? "the result"}. The table has the same figures.`}>
        <div ref={container} class="cfo-drawing" aria-hidden="true" />
      </div>
    </div>
  );
}
