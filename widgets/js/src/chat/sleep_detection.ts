// Milliseconds between two ticks of a page that is running; browsers wake a hidden page only once a minute.
const LONGEST_GAP = { visible: 5_000, hidden: 90_000 };

/** Whether so long a gap between two ticks means that the page was not running: the machine slept, or the page was frozen. */
export function hasSlept(milliseconds: number, visibility: "visible" | "hidden"): boolean {
  return milliseconds > LONGEST_GAP[visibility];
}
