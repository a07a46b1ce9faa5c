// A tool call in words.
import type { Step } from "./live";

type Words = (input: Record<string, unknown>) => [now: string, then: string];

const WORDS: Record<string, Words> = {
  list_datasets: () => ["Looking at the tables", "Looked at the tables"],
  get_dataset_schema: ({ dataset }) => [`Reading the schema of ${dataset}`, `Read the schema of ${dataset}`],
  execute_sql: () => ["Running SQL", "Ran SQL"],
  execute_query_plan: ({ plan }) => {
    const table = (plan as { table?: unknown } | null)?.table;
    return table ? [`Querying ${table}`, `Queried ${table}`] : ["Running a query plan", "Ran a query plan"];
  },
  execute_python: () => ["Running Python", "Ran Python"],
};
const whole = new Intl.NumberFormat("en-US");

export type StepState = "running" | "done" | "failed" | "unfinished";

/** A call has no result while it runs, and never gets one if its run ended first. */
export function stateOf({ output, failed }: Step, hasRunEnded: boolean): StepState {
  if (output === undefined) return hasRunEnded ? "unfinished" : "running";
  return failed ? "failed" : "done";
}

export function told(step: Step, state: StepState): string {
  const input = step.input !== null && typeof step.input === "object" ? (step.input as Record<string, unknown>) : {};
  const [now, then] = WORDS[step.name]?.(input) ?? [`Using ${step.name}`, `Used ${step.name}`];
  if (state === "running") return `${now}…`;
  if (state === "unfinished") return `${now} · not finished`;
  const parts = [then, state === "failed" ? "failed" : rows(step.output), time(step.elapsed_ms)];
  return parts.filter(Boolean).join(" · ");
}

function rows(output: unknown): string {
  const count = (output as { row_count?: unknown } | null)?.row_count;
  if (typeof count !== "number") return "";
  return count === 1 ? "1 row" : `${whole.format(count)} rows`;
}

function time(elapsed = 0): string {
  return elapsed >= 50 ? `${(elapsed / 1000).toFixed(1)} s` : "";
}
