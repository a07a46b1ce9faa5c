// Formats the usage of runs as a short text.
import type { Usage, UsageTotals } from "../shared/wire_types";

const integer = new Intl.NumberFormat("en-US");

/** Returns the tokens and cost, or an empty string if no model was used. */
export function usageLabel(usage: Partial<UsageTotals & Usage> | null): string {
  const tokens = (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0);
  if (!usage || tokens === 0) return "";
  const label = `${integer.format(tokens)} tokens`;
  if (!usage.cost) return label; // the known cost is zero, or nothing is known
  return `${label}, ${usage.unpriced_runs ? "at least " : ""}${money(usage.cost)}`;
}

function money(dollars: number): string {
  return dollars > 0 && dollars < 0.01 ? "less than $0.01" : `$${dollars.toFixed(2)}`;
}
