// What runs used, in a few words.
import type { Usage, UsageTotals } from "../shared/wire_types";

const whole = new Intl.NumberFormat("en-US");

/** Tokens and cost; nothing for what used no model. */
export function used(usage: Partial<UsageTotals & Usage> | null): string {
  const tokens = (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0);
  if (!usage || tokens === 0) return "";
  const said = `${whole.format(tokens)} tokens`;
  if (!usage.cost) return said; // unknown, or nothing beside what is unknown
  return `${said}, ${usage.unpriced_runs ? "at least " : ""}${money(usage.cost)}`;
}

function money(dollars: number): string {
  return dollars > 0 && dollars < 0.01 ? "less than $0.01" : `$${dollars.toFixed(2)}`;
}
