/** Returns the full date and time, for a tooltip. */
export function fullDateTime(at: string): string {
  return at ? new Date(at).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" }) : "";
}
