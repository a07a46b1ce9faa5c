// How cells look: figures in the accounting way, from their digits and never through a double; dates without useless times.
import type { ResultColumn } from "../shared/wire_types";

/** A value of a result: a figure is a number if a double holds it exactly, else a text with all its digits; dates are ISO texts. */
export type Cell = unknown;

const NUMBERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^(DOUBLE|FLOAT)$|^DECIMAL(\(\d+,\s*\d+\))?$/;
const WHOLE = /INT$|INTEGER$|,\s*0\)$/;
const FIGURE = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const MIDNIGHT = /T00:00:00(\.0+)?(\+00:00)?$/;
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
export const NOTHING = "–";

/** How a column is shown; figures of a column have as many decimals as its longest, so that they stand in line. */
export interface Look {
  name: string;
  type: string;
  isNumber: boolean;
  isPlain: boolean; // years and keys have no thousands
  decimals: number;
  most: number; // a double of a later row, with more decimals than the first rows have, shows up to so many
  isDay: boolean;
}

export function looks(columns: ResultColumn[], rows: Cell[][]): Look[] {
  return columns.map(({ name, type }, i) => {
    const isNumber = NUMBERS.test(type);
    const cells = rows.map((row) => row[i]).filter((cell) => cell !== null && cell !== undefined);
    const isWhole = WHOLE.test(type);
    const most = isDouble(type) ? mostDecimals(cells as Cell[]) : 0;
    const isYear = /year/i.test(name) && cells.every((cell) => Number.isInteger(Number(cell)) && Math.abs(Number(cell)) < 10_000);
    return {
      name,
      type,
      isNumber,
      isPlain: isNumber && (isYear || (isWhole && /(key|_id|^id)$/i.test(name))),
      decimals: isNumber && !isYear ? decimals(type, isWhole, most, cells as Cell[]) : 0,
      most,
      isDay: type.startsWith("TIMESTAMP") && cells.every((cell) => MIDNIGHT.test(String(cell))),
    };
  });
}

function isDouble(type: string): boolean {
  return type === "DOUBLE" || type === "FLOAT";
}

/** Rates need more decimals than amounts, and those that are tiny as many as make them more than zero. */
function mostDecimals(cells: Cell[]): number {
  const largest = Math.max(0, ...cells.map((cell) => Math.abs(Number(cell))));
  if (largest >= 1000) return 2;
  return largest >= 0.01 || largest === 0 ? 4 : Math.min(12, 2 - Math.floor(Math.log10(largest)));
}

function decimals(type: string, isWhole: boolean, most: number, cells: Cell[]): number {
  if (isWhole) return 0;
  const used = Math.max(0, ...cells.map((cell) => significant(plainDigits(String(cell)))));
  if (isDouble(type)) return Math.min(used, most);
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

/** The digits of a double: as many decimals as the column shows, or more where this one needs them. */
function rounded(cell: number, { decimals, most }: Look): string {
  if (Math.abs(cell) >= 1e21) return String(cell); // hundreds of zeros that it does not have
  if (Math.abs(cell) >= 1e15) return plainDigits(String(cell));
  return cell.toFixed(Math.max(decimals, Math.min(most, significant(plainDigits(String(cell))))));
}

/** A figure with its thousands apart and its decimals in line; a negative one stands in parentheses. */
export function figure(cell: Cell, look: Look): string {
  const digits = typeof cell === "number" && isDouble(look.type) ? rounded(cell, look) : plainDigits(String(cell));
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
  return look.isDay && MIDNIGHT.test(text) ? text.slice(0, 10) : text.replace("T", " ").replace(/\+00:00$/, " UTC");
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

/**
 * A number as people write it, in the form that the engine reads: (1,234.50) is -1234.50. Where a comma does not stand
 * before thousands it may be the decimal one of other countries: it stays, and the engine asks for a plain number.
 */
export function plainNumber(text: string): string {
  const inner = /^\((.*)\)$/.exec(text);
  const digits = (inner ? `-${inner[1]}` : text).replace(/\s/g, "").replace("−", "-");
  return THOUSANDS.test(digits) ? digits.replaceAll(",", "") : digits;
}

export function counted(count: number, noun = "row"): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
