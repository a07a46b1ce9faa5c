/** Day and time, for who asks. */
export function whenever(at: string): string {
  return at ? new Date(at).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" }) : "";
}
