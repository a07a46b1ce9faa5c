// Labels for the data in a workspace.
import type { Glossary, GlossaryTable } from "../shared/wire_types";

export function glossaryOf(glossary: Partial<Glossary>, table: string): GlossaryTable | undefined {
  return glossary.tables?.find((entry) => entry.table.toLowerCase() === table.toLowerCase());
}

const integer = new Intl.NumberFormat("en");
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${integer.format(number)} ${number === 1 ? one : many}`;

export function fileSize(size: number): string {
  const unit = [["GB", 1 << 30], ["MB", 1 << 20], ["KB", 1 << 10]] as const;
  const found = unit.find(([, of]) => size >= of);
  return found ? `${(size / found[1]).toFixed(size / found[1] < 10 ? 1 : 0)} ${found[0]}` : count(size, "byte");
}

/** Returns a column's type in everyday words. */
export function typeLabel(type: string): string {
  const decimals = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (decimals) return decimals === "0" ? "whole number" : `number, ${count(Number(decimals), "decimal")}`;
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return "whole number";
  if (/^(DOUBLE|FLOAT|REAL)$/.test(type)) return "number";
  if (type.startsWith("TIMESTAMP")) return "date and time";
  return { VARCHAR: "text", DATE: "date", TIME: "time", BOOLEAN: "yes or no" }[type] ?? type.toLowerCase();
}
