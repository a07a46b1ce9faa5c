const AWAKE = { visible: 5_000, hidden: 90_000 }; // milliseconds; a browser wakes a hidden page once in a minute

/** Whether so long a time between two ticks means that the page did not run: the machine slept, or the browser froze it. */
export function hasSlept(milliseconds: number, visibility: "visible" | "hidden"): boolean {
  return milliseconds > AWAKE[visibility];
}
