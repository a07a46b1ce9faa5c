// Formats cells. The engine decides how the numbers of a column are shown. Figures are formatted in accounting style from their
// digits, without converting them to doubles. Dates do not show midnight as a time.
import type { NumberFormat, ResultColumn } from "../shared/wire_types";

/** A value in a result. A figure is a number if a double is exact, otherwise a string with all its digits. Dates are ISO strings. */
export type Cell = unknown;

const NUMBERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^(DOUBLE|FLOAT)$|^DECIMAL(\(\d+,\s*\d+\))?$/;
const NUMBER = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const MIDNIGHT = /T00:00:00(\.0+)?(\+00:00)?$/;
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
export const EMPTY = "–";

/** The format of a column. All its figures have the same number of decimals, so that they line up. */
export interface ColumnFormat {
  name: string;
  type: string;
  isNumber: boolean;
  number: NumberFormat | null;
  isDay: boolean;
  isMonth: boolean;
}

export function columnFormats(columns: ResultColumn[], rows: Cell[][]): ColumnFormat[] {
  return columns.map(({ name, type, format }, i) => {
    const cells = rows.map((row) => row[i]).filter((cell) => cell !== null && cell !== undefined);
    const isMonth = format?.role === "month";
    const isDay = type.startsWith("TIMESTAMP") && cells.every((cell) => MIDNIGHT.test(String(cell)));
    return { name, type, isNumber: format !== null && !isMonth, number: isMonth ? null : format, isDay, isMonth };
  });
}

/** The format of a column of which only the role is known. A plain figure has no role. */
export function plainFormat(type: string, cells: Cell[], role?: NumberFormat["role"]): NumberFormat | null {
  if (role === "month") return { role, decimals: 0 };
  if (!NUMBERS.test(type)) return null;
  const used = Math.max(0, ...cells.map((cell) => significantDecimals(plainDigits(String(cell ?? "")))));
  if (role === "percent") return { role, decimals: 1 };
  if (role) return { role, decimals: Math.min(used, 4) };
  return { role: "number", decimals: /^DECIMAL.*[1-9]\)$/.test(type) ? Math.max(used, 2) : Math.min(used, 4) };
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

/** Moves the decimal point by two places, which is exact: multiplying by 100 would round. */
function percentage(digits: string): string {
  const parts = NUMBER.exec(digits);
  if (!parts) return digits;
  const [, sign, integer = "", fraction = ""] = parts;
  return `${sign}${integer}${fraction.slice(0, 2).padEnd(2, "0")}.${fraction.slice(2)}`.replace(/^([+-]?)0+(?=\d)/, "$1").replace(/\.$/, "");
}

/** Rounds the digits to this many decimals, with halves away from zero. */
function roundedTo(decimals: number, digits: string): string {
  const parts = NUMBER.exec(digits);
  const [, sign = "", integer = "0", fraction = ""] = parts ?? [];
  if (!parts || fraction.length <= decimals) return digits;
  const kept = BigInt(integer + fraction.slice(0, decimals)) + (fraction.charCodeAt(decimals) >= 53 ? 1n : 0n);
  const all = String(kept).padStart(decimals + 1, "0");
  return decimals ? `${sign}${all.slice(0, -decimals)}.${all.slice(-decimals)}` : sign + all;
}

/** Formats a figure: with thousands separators unless it is a code, as a percentage if it is one, in parentheses if negative. */
export function formatNumber(cell: Cell, { role, decimals }: NumberFormat): string {
  if (Math.abs(Number(cell)) >= 1e21 && typeof cell === "number") return String(cell); // plain digits would suggest more precision than it has
  const digits = plainDigits(String(cell));
  const shown = NUMBER.exec(roundedTo(decimals, role === "percent" ? percentage(digits) : digits));
  if (!shown || shown[4]) return String(cell);
  const [, sign, integer = "0", fraction = ""] = shown;
  const isPlain = role === "year" || role === "code";
  const grouped = isPlain ? integer : integer.replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+$)/g, ",");
  const padded = fraction.padEnd(decimals, "0");
  const text = (padded ? `${grouped}.${padded}` : grouped) + (role === "percent" || role === "points" ? "%" : "");
  const isNegative = sign === "-" && /[1-9]/.test(text);
  if (!isNegative) return text;
  return isPlain ? `-${text}` : `(${text})`;
}

/** Returns the text of a cell. */
export function cellText(cell: Cell | undefined, format: ColumnFormat): string {
  if (cell === null || cell === undefined) return EMPTY;
  if (format.number && typeof cell !== "object" && typeof cell !== "boolean") return formatNumber(cell, format.number);
  if (typeof cell === "object") return JSON.stringify(cell);
  const text = String(cell);
  if (format.isMonth) return text.slice(0, 7);
  if (!format.type.startsWith("TIMESTAMP")) return text;
  return format.isDay && MIDNIGHT.test(text) ? text.slice(0, 10) : text.replace("T", " ").replace(/\+00:00$/, " UTC");
}

/** Returns the complete value for a tooltip, if the cell does not show all of it. */
export function fullValue(cell: Cell | undefined, { number }: ColumnFormat): string | undefined {
  if (cell === null || cell === undefined) return undefined;
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  if (!number) return text.length > 40 ? text : undefined;
  const whole = exactText(cell, number);
  return significantDecimals(whole.replace("%", "")) > number.decimals ? whole : undefined;
}

/** A figure with all its digits: as in a CSV, a percentage is written as one. */
function exactText(cell: Cell, number: NumberFormat | null): string {
  if (number?.role !== "percent") return String(cell);
  const digits = plainDigits(String(cell));
  return NUMBER.test(digits) ? `${percentage(digits)}%` : digits;
}

/**
 * Formats the table for pasting into a spreadsheet, with unchanged figures and no text that could be read as a formula, as in a
 * CSV (csv_writer.py). Spreadsheets may also split at a separator that was used before, and drop quotation marks around text.
 */
export function tabSeparated(columns: ResultColumn[], rows: Cell[][]): string {
  const safe = (text: string) => {
    const line = text.replace(/[\t\r\n\v\f\x85\u2028\u2029]+/g, " ");
    if (NUMBER.test(line.replace(/%$/, ""))) return line;
    const harmless = line.replace(/(^[\p{Z}\p{C}]*|[;,؛،|][\p{Z}\p{C}"]*)([=+\-@＝＋－＠])/gu, (_, before, sign) => (before.trim() ? `${before}'${sign}` : `'${before}${sign}`));
    return harmless.includes('"') ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  };
  const cell = (value: Cell | undefined, i: number) =>
    value === null || value === undefined ? "" : safe(typeof value === "object" ? JSON.stringify(value) : exactText(value, columns[i]?.format ?? null));
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

/** Converts a percentage as people write it to the fraction that the engine stores: 12.5% and 12.5 become 0.125. */
export function plainFraction(text: string): string {
  const digits = plainNumber(text.replace(/\s*%(\)?)$/, "$1"));
  const parts = NUMBER.exec(digits);
  if (!parts || parts[4]) return digits;
  const [, sign, integer = "", fraction = ""] = parts;
  const padded = integer.padStart(3, "0");
  return `${sign}${padded.slice(0, -2)}.${padded.slice(-2)}${fraction}`;
}

export function countLabel(count: number, noun = "row"): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
