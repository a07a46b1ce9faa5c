// How cells look: figures in the accounting way, from their digits and never through a double; dates without useless times.
import type { Cell, ResultColumn } from "../shared/values";

const NUMBERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^(DOUBLE|FLOAT)$|^DECIMAL(\(\d+,\s*\d+\))?$/;
const WHOLE = /INT$|INTEGER$|,\s*0\)$/;
const FIGURE = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
export const NOTHING = "–";

/** How a column is shown; figures of a column have as many decimals as its longest, so that they stand in line. */
export interface Look {
  name: string;
  type: string;
  isNumber: boolean;
  isPlain: boolean; // years and keys have no thousands
  decimals: number;
  isDay: boolean;
}

export function looks(columns: ResultColumn[], rows: Cell[][]): Look[] {
  return columns.map(({ name, type }, i) => {
    const isNumber = NUMBERS.test(type);
    const cells = rows.map((row) => row[i]).filter((cell) => cell !== null && cell !== undefined);
    const isWhole = WHOLE.test(type);
    const isYear = /year/i.test(name) && cells.every((cell) => Number.isInteger(Number(cell)) && Math.abs(Number(cell)) < 10_000);
    return {
      name,
      type,
      isNumber,
      isPlain: isNumber && (isYear || (isWhole && /(key|_id|^id)$/i.test(name))),
      decimals: isNumber && !isYear ? decimals(type, isWhole, cells as Cell[]) : 0,
      isDay: type.startsWith("TIMESTAMP") && cells.every((cell) => /T00:00:00(\.0+)?(\+00:00)?$/.test(String(cell))),
    };
  });
}

function decimals(type: string, isWhole: boolean, cells: Cell[]): number {
  if (isWhole) return 0;
  const used = Math.max(0, ...cells.map((cell) => significant(plainDigits(String(cell)))));
  if (type === "DOUBLE" || type === "FLOAT") {
    const largest = Math.max(0, ...cells.map((cell) => Math.abs(Number(cell))));
    return Math.min(used, largest >= 1000 ? 2 : 4);
  }
  const scale = Number(/,\s*(\d+)\)/.exec(type)?.[1] ?? 2);
  return Math.max(Math.min(scale, 2), used);
}

function significant(digits: string): number {
  return (digits.split(".")[1] ?? "").replace(/0+$/, "").length;
}

/** A number's text without an exponent: `1e-7` becomes 0.0000001. */
function plainDigits(text: string): string {
  const parts = FIGURE.exec(text);
  if (!parts?.[4]) return text;
  const [, sign, whole = "", fraction = "", exponent] = parts;
  const shift = Number(exponent);
  if (Math.abs(shift) > 400) return text;
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A figure with its thousands apart and its decimals in line; a negative one stands in parentheses. */
export function figure(cell: Cell, look: Look): string {
  const rounded = typeof cell === "number" && /^(DOUBLE|FLOAT)$/.test(look.type) && Math.abs(cell) < 1e15;
  const digits = rounded ? (cell as number).toFixed(look.decimals) : plainDigits(String(cell));
  const parts = FIGURE.exec(digits);
  if (!parts || parts[4]) return String(cell);
  const [, sign, whole = "0", fraction = ""] = parts;
  const grouped = look.isPlain ? whole : whole.replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+$)/g, ",");
  const padded = fraction.replace(/0+$/, "").padEnd(look.decimals, "0");
  const shown = padded ? `${grouped}.${padded}` : grouped;
  const isNegative = sign === "-" && /[1-9]/.test(shown);
  if (!isNegative) return shown;
  return look.isPlain ? `-${shown}` : `(${shown})`;
}

/** What stands in a cell. */
export function shown(cell: Cell | undefined, look: Look): string {
  if (cell === null || cell === undefined) return NOTHING;
  if (look.isNumber && typeof cell !== "object" && typeof cell !== "boolean") return figure(cell, look);
  if (typeof cell === "object") return JSON.stringify(cell);
  const text = String(cell);
  if (!look.type.startsWith("TIMESTAMP")) return text;
  return look.isDay ? text.slice(0, 10) : text.replace("T", " ").replace(/\+00:00$/, " UTC");
}

/** The whole value for who hovers over it, where the cell does not show it whole. */
export function whole(cell: Cell | undefined, look: Look): string | undefined {
  if (cell === null || cell === undefined) return undefined;
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  const isCut = look.isNumber ? /DOUBLE|FLOAT/.test(look.type) && significant(plainDigits(text)) > look.decimals : text.length > 40;
  return isCut ? text : undefined;
}

/** The table for a spreadsheet: figures as they are, no text that would be a formula there. */
export function tabbed(columns: ResultColumn[], rows: Cell[][]): string {
  const safe = (text: string) => {
    const line = text.replace(/[\t\r\n]+/g, " ");
    return /^\s*[=+\-@＝＋－＠]/.test(line) && !FIGURE.test(line) ? `'${line}` : line;
  };
  const cell = (value: Cell | undefined) =>
    value === null || value === undefined ? "" : safe(typeof value === "object" ? JSON.stringify(value) : String(value));
  return [columns.map(({ name }) => safe(name)), ...rows.map((row) => row.map(cell))].map((row) => row.join("\t")).join("\n");
}

export function counted(count: number, noun = "row"): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
