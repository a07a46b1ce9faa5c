// Returns the labels of steps.
import type { Step } from "./run_state";

type Labels = (input: Record<string, unknown>) => [running: string, done: string];

const LABELS: Record<string, Labels> = {
  list_datasets: () => ["Listing the tables", "Listed the tables"],
  get_dataset_schema: ({ dataset }) => [`Reading the schema of ${dataset}`, `Read the schema of ${dataset}`],
  execute_sql: () => ["Running SQL", "Ran SQL"],
  execute_query_plan: ({ plan }) => {
    const table = (plan as { table?: unknown } | null)?.table;
    return table ? [`Querying ${table}`, `Queried ${table}`] : ["Running a query plan", "Ran a query plan"];
  },
  execute_python: () => ["Running Python", "Ran Python"],
};
const integer = new Intl.NumberFormat("en-US");

export type StepState = "running" | "done" | "failed" | "unfinished";

/** The state of a step. If its run ended first, a step never gets a result, and is "unfinished". */
export function stepState({ output, failed }: Step, hasRunEnded: boolean): StepState {
  if (output === undefined) return hasRunEnded ? "unfinished" : "running";
  return failed ? "failed" : "done";
}

export function stepLabel(step: Step, state: StepState): string {
  const input = step.input !== null && typeof step.input === "object" ? (step.input as Record<string, unknown>) : {};
  const [running, done] = LABELS[step.name]?.(input) ?? [`Using ${step.name}`, `Used ${step.name}`];
  if (state === "running") return `${running}…`;
  if (state === "unfinished") return `${running} · not finished`;
  const parts = [done, state === "failed" ? "failed" : rowCount(step.output), duration(step.elapsed_ms)];
  return parts.filter(Boolean).join(" · ");
}

function rowCount(output: unknown): string {
  const count = (output as { row_count?: unknown } | null)?.row_count;
  if (typeof count !== "number") return "";
  return count === 1 ? "1 row" : `${integer.format(count)} rows`;
}

function duration(milliseconds = 0): string {
  return milliseconds >= 50 ? `${(milliseconds / 1000).toFixed(1)} s` : "";
}
