// The data of a workspace as Python tells it (cfo_widgets/data_panel.py), and how it is said in words.

export interface Column {
  name: string;
  type: string;
}
export interface Table {
  name: string;
  sheet: string | null;
  row_count: number;
  notes: string[];
  columns: Column[];
}
export interface Dataset {
  file: string;
  size: number;
  problem: string | null;
  tables: Table[];
}
export interface GlossaryColumn {
  column: string;
  name: string | null;
  description: string | null;
  synonyms: string[];
  note: string | null;
}
export interface GlossaryTable {
  table: string;
  name: string | null;
  description: string | null;
  synonyms: string[];
  questions: string[];
  columns: GlossaryColumn[];
}
export interface Glossary {
  company?: string | null;
  tables?: GlossaryTable[];
}

export function notesOn(glossary: Glossary, table: string): GlossaryTable | undefined {
  return glossary.tables?.find((notes) => notes.table.toLowerCase() === table.toLowerCase());
}

const whole = new Intl.NumberFormat("en");
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${whole.format(number)} ${number === 1 ? one : many}`;

export function bytes(size: number): string {
  const unit = [["GB", 1 << 30], ["MB", 1 << 20], ["KB", 1 << 10]] as const;
  const found = unit.find(([, of]) => size >= of);
  return found ? `${(size / found[1]).toFixed(size / found[1] < 10 ? 1 : 0)} ${found[0]}` : count(size, "byte");
}

/** A column's type as a reader calls it. */
export function typeInWords(type: string): string {
  const decimals = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (decimals) return decimals === "0" ? "whole number" : `number, ${count(Number(decimals), "decimal")}`;
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return "whole number";
  if (/^(DOUBLE|FLOAT|REAL)$/.test(type)) return "number";
  if (type.startsWith("TIMESTAMP")) return "date and time";
  return { VARCHAR: "text", DATE: "date", TIME: "time", BOOLEAN: "yes or no" }[type] ?? type.toLowerCase();
}
