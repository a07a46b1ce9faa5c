// Draws Vega-Lite charts. This is a separate bundle, because it is ten times as large as the others. It never loads data from an
// address.
import embed from "vega-embed";
import { expressionInterpreter } from "vega-interpreter";

export interface Palette {
  isDark: boolean;
  ink: string;
  mute: string;
  line: string;
  accent: string;
  font: string;
}

const SERIES = ["#e08b3e", "#2f9e8f", "#b0589f", "#8a9a2f", "#c9504f", "#7a6fd0", "#4a9ac9", "#a57c52", "#7f8896"];
const refuse = () => Promise.reject(new Error("A chart may not load anything from an address."));
const noLoader = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {} };

/** Draws the chart in the element, using its full width. Call `finalize` to remove it. */
export async function draw(
  element: HTMLElement,
  spec: Record<string, unknown>,
  rows: Record<string, unknown>[],
  palette: Palette,
): Promise<{ finalize(): void }> {
  const withRows = { ...spec, data: { name: "rows", values: rows } };
  const result = await embed(element, withRows as never, {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true,
    expr: expressionInterpreter,
    loader: noLoader as never,
    tooltip: { theme: palette.isDark ? "dark" : "light", formatTooltip: tooltip },
    config: theme(palette, element.clientWidth) as never,
  });
  return { finalize: () => result.finalize() };
}

/** Formats the tooltip of a mark as a table. Vega's own tooltip would load an image from the value of a column named `image`. */
function tooltip(value: unknown, escape: (value: unknown) => string): string {
  if (typeof value !== "object" || value === null) return escape(value);
  const rows = Object.entries(value).filter(([, cell]) => cell !== undefined);
  return `<table>${rows.map(([name, cell]) => `<tr><td class="key">${escape(name)}</td><td class="value">${escape(cell)}</td></tr>`).join("")}</table>`;
}

function theme({ ink, mute, line, accent, font }: Palette, width: number) {
  return {
    background: "transparent",
    font,
    padding: 4,
    autosize: { type: "fit-x", contains: "padding" },
    view: { stroke: null, continuousHeight: 260, discreteHeight: 260 },
    axis: { maxExtent: 280, labelColor: mute, titleColor: mute, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11.5, titleFontSize: 11.5, titleFontWeight: 500, titlePadding: 10 },
    axisX: { grid: false },
    axisQuantitative: { tickCount: 6, grid: true },
    axisY: { domain: false, ticks: false },
    legend: { labelColor: ink, titleColor: mute, labelFontSize: 12, titleFontSize: 11.5, orient: "top", titleFontWeight: 500, symbolType: "circle", columns: Math.max(1, Math.min(5, Math.floor((width - 60) / 160))), labelLimit: 150 },
    range: { category: [accent, ...SERIES] },
    mark: { color: accent },
    bar: { cornerRadiusEnd: 2 },
    line: { strokeWidth: 2.25 },
    point: { size: 34, filled: true },
    rule: { color: mute },
    text: { color: mute },
  };
}
