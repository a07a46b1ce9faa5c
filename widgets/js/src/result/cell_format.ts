// Formats cells. Figures are formatted in accounting style from their digits, without converting them to doubles. Dates do not
// show midnight as a time.
import type { ResultColumn } from "../shared/wire_types";

/** A value in a result. A figure is a number if a double is exact, otherwise a string with all its digits. Dates are ISO strings. */
export type Cell = unknown;

const NUMBERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^(DOUBLE|FLOAT)$|^DECIMAL(\(\d+,\s*\d+\))?$/;
const WHOLE = /INT$|INTEGER$|,\s*0\)$/;
const NUMBER = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const MIDNIGHT = /T00:00:00(\.0+)?(\+00:00)?$/;
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
export const EMPTY = "–";

/** The format of a column. All its figures have as many decimals as the longest one, so that they line up. */
export interface ColumnFormat {
  name: string;
  type: string;
  isNumber: boolean;
  isPlain: boolean; // years and keys have no thousands separators
  decimals: number;
  maxDecimals: number; // for a double in a later row with more decimals than the first rows have
  isDay: boolean;
}

export function columnFormats(columns: ResultColumn[], rows: Cell[][]): ColumnFormat[] {
  return columns.map(({ name, type }, i) => {
    const isNumber = NUMBERS.test(type);
    const cells = rows.map((row) => row[i]).filter((cell) => cell !== null && cell !== undefined);
    const isWhole = WHOLE.test(type);
    const maxDecimals = isDouble(type) ? maxDecimalsOf(cells as Cell[]) : 0;
    const isYear = /year/i.test(name) && cells.every((cell) => Number.isInteger(Number(cell)) && Math.abs(Number(cell)) < 10_000);
    return {
      name,
      type,
      isNumber,
      isPlain: isNumber && (isYear || (isWhole && /(key|_id|^id)$/i.test(name))),
      decimals: isNumber && !isYear ? decimals(type, isWhole, maxDecimals, cells as Cell[]) : 0,
      maxDecimals,
      isDay: type.startsWith("TIMESTAMP") && cells.every((cell) => MIDNIGHT.test(String(cell))),
    };
  });
}

function isDouble(type: string): boolean {
  return type === "DOUBLE" || type === "FLOAT";
}

/** Rates need more decimals than amounts, and tiny values need enough decimals not to be shown as zero. */
function maxDecimalsOf(cells: Cell[]): number {
  const largest = Math.max(0, ...cells.map((cell) => Math.abs(Number(cell))));
  if (largest >= 1000) return 2;
  return largest >= 0.01 || largest === 0 ? 4 : Math.min(12, 2 - Math.floor(Math.log10(largest)));
}

function decimals(type: string, isWhole: boolean, maxDecimals: number, cells: Cell[]): number {
  if (isWhole) return 0;
  const used = Math.max(0, ...cells.map((cell) => significantDecimals(plainDigits(String(cell)))));
  if (isDouble(type)) return Math.min(used, maxDecimals);
  const scale = Number(/,\s*(\d+)\)/.exec(type)?.[1] ?? 2);
  return Math.max(Math.min(scale, 2), used);
}

function significantDecimals(digits: string): number {
  return (digits.split(".")[1] ?? "").replace(/0+$/, "").length;
}

/** Writes a number without an exponent: `1e-7` becomes 0.0000001. */
function plainDigits(text: string): string {
  const parts = NUMBER.exec(text);
  if (!parts?.[4]) return text;
  const [, sign, integer = "", fraction = "", exponent] = parts;
  const shift = Number(exponent);
  if (Math.abs(shift) > 400) return text;
  const digits = integer + fraction;
  const point = integer.length + shift;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Returns the digits of a double, with as many decimals as the column shows, or more if this value needs them. */
function rounded(cell: number, { decimals, maxDecimals }: ColumnFormat): string {
  if (Math.abs(cell) >= 1e21) return String(cell); // plain digits would suggest more precision than it has
  if (Math.abs(cell) >= 1e15) return plainDigits(String(cell));
  return cell.toFixed(Math.max(decimals, Math.min(maxDecimals, significantDecimals(plainDigits(String(cell))))));
}

/** Formats a figure with thousands separators and aligned decimals, and in parentheses if it is negative. */
export function formatNumber(cell: Cell, format: ColumnFormat): string {
  const digits = typeof cell === "number" && isDouble(format.type) ? rounded(cell, format) : plainDigits(String(cell));
  const parts = NUMBER.exec(digits);
  if (!parts || parts[4]) return String(cell);
  const [, sign, integer = "0", fraction = ""] = parts;
  const grouped = format.isPlain ? integer : integer.replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+$)/g, ",");
  const padded = fraction.replace(/0+$/, "").padEnd(format.decimals, "0");
  const text = padded ? `${grouped}.${padded}` : grouped;
  const isNegative = sign === "-" && /[1-9]/.test(text);
  if (!isNegative) return text;
  return format.isPlain ? `-${text}` : `(${text})`;
}

/** Returns the text of a cell. */
export function cellText(cell: Cell | undefined, format: ColumnFormat): string {
  if (cell === null || cell === undefined) return EMPTY;
  if (format.isNumber && typeof cell !== "object" && typeof cell !== "boolean") return formatNumber(cell, format);
  if (typeof cell === "object") return JSON.stringify(cell);
  const text = String(cell);
  if (!format.type.startsWith("TIMESTAMP")) return text;
  return format.isDay && MIDNIGHT.test(text) ? text.slice(0, 10) : text.replace("T", " ").replace(/\+00:00$/, " UTC");
}

/** Returns the complete value for a tooltip, if the cell does not show all of it. */
export function fullValue(cell: Cell | undefined, format: ColumnFormat): string | undefined {
  if (cell === null || cell === undefined) return undefined;
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  const isCut = format.isNumber ? /DOUBLE|FLOAT/.test(format.type) && significantDecimals(plainDigits(text)) > format.decimals : text.length > 40;
  return isCut ? text : undefined;
}

/**
 * Formats the table for pasting into a spreadsheet, with unchanged figures and no text that could be read as a formula, as in a
 * CSV (csv_writer.py). Spreadsheets may also split at a separator that was used before, and drop quotation marks around text.
 */
export function tabSeparated(columns: ResultColumn[], rows: Cell[][]): string {
  const safe = (text: string) => {
    const line = text.replace(/[\t\r\n\v\f\x85\u2028\u2029]+/g, " ");
    if (NUMBER.test(line)) return line;
    const harmless = line.replace(/(^[\p{Z}\p{C}]*|[;,؛،|][\p{Z}\p{C}"]*)([=+\-@＝＋－＠])/gu, (_, before, sign) => (before.trim() ? `${before}'${sign}` : `'${before}${sign}`));
    return harmless.includes('"') ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  };
  const cell = (value: Cell | undefined) =>
    value === null || value === undefined ? "" : safe(typeof value === "object" ? JSON.stringify(value) : String(value));
  return [columns.map(({ name }) => safe(name)), ...rows.map((row) => row.map(cell))].map((row) => row.join("\t")).join("\n");
}

/**
 * Converts a number as people write it to the engine's format: (1,234.50) becomes -1234.50. A comma that does not separate
 * thousands may be a decimal comma, as in other countries, so it is kept, and the engine asks for a plain number.
 */
export function plainNumber(text: string): string {
  const inner = /^\((.*)\)$/.exec(text);
  const digits = (inner ? `-${inner[1]}` : text).replace(/\s/g, "").replace("−", "-");
  return THOUSANDS.test(digits) ? digits.replaceAll(",", "") : digits;
}

export function countLabel(count: number, noun = "row"): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
