// Draws Vega-Lite charts. A bundle of its own, for it is ten times the rest; it loads nothing from any address.
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
const refused = () => Promise.reject(new Error("A chart loads nothing from elsewhere."));
const noLoader = { load: refused, sanitize: refused, http: refused, file: refused, options: {} };

/** Draws the chart into the element, as wide as that is; `finalize` of what it gives ends it. */
export async function draw(
  element: HTMLElement,
  spec: Record<string, unknown>,
  rows: Record<string, unknown>[],
  palette: Palette,
): Promise<{ finalize(): void }> {
  const withRows = { ...spec, data: { name: "rows", values: rows } };
  const drawn = await embed(element, withRows as never, {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true,
    expr: expressionInterpreter,
    loader: noLoader as never,
    tooltip: { theme: palette.isDark ? "dark" : "light", formatTooltip: tip },
    config: look(palette, element.clientWidth) as never,
  });
  return { finalize: () => drawn.finalize() };
}

/** What a mark tells, as a table; Vega's own way takes a column called `image` for the address of one, and fetches it. */
function tip(told: unknown, escaped: (value: unknown) => string): string {
  if (typeof told !== "object" || told === null) return escaped(told);
  const rows = Object.entries(told).filter(([, value]) => value !== undefined);
  return `<table>${rows.map(([name, value]) => `<tr><td class="key">${escaped(name)}</td><td class="value">${escaped(value)}</td></tr>`).join("")}</table>`;
}

function look({ ink, mute, line, accent, font }: Palette, width: number) {
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
