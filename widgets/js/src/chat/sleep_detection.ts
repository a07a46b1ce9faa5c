// Milliseconds between two ticks while a page is running. Browsers wake a hidden page only once a minute.
const LONGEST_GAP = { visible: 5_000, hidden: 90_000 };

/** Whether a gap this long between two ticks means that the page was not running, because of sleep or a frozen page. */
export function hasSlept(milliseconds: number, visibility: "visible" | "hidden"): boolean {
  return milliseconds > LONGEST_GAP[visibility];
}
