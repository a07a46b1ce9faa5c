// Groups threads by the day of their last use, in the browser's time zone.
import type { ThreadRow } from "../shared/wire_types";

export interface Group {
  name: string;
  threads: ThreadRow[];
}

const DAY = 86_400_000;
const month = new Intl.DateTimeFormat("en", { month: "long" });
const monthAndYear = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short" });

/** Returns the days between the dates of `at` and `now`. Compares them at noon, because clock changes alter a day's length. */
function daysBetween(at: Date, now: Date): number {
  const noon = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12).getTime();
  return Math.round((noon(now) - noon(at)) / DAY);
}

function groupOf(at: Date, now: Date): string {
  const days = daysBetween(at, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= (now.getDay() + 6) % 7) return "This week"; // since Monday
  return (at.getFullYear() === now.getFullYear() ? month : monthAndYear).format(at);
}

/** Returns the groups in the order of the list, which is sorted by last use. */
export function grouped(threads: ThreadRow[], now: Date): Group[] {
  const groups = new Map<string, ThreadRow[]>();
  for (const thread of threads) {
    const name = groupOf(new Date(thread.updated_at), now);
    const group = groups.get(name);
    if (group) group.push(thread);
    else groups.set(name, [thread]);
  }
  return [...groups].map(([name, found]) => ({ name, threads: found }));
}

/** Returns a short relative time. */
export function shortTime(at: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - at.getTime()) / 60_000);
  const days = daysBetween(at, now);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes}m`;
  if (days <= 0) return `${Math.floor(minutes / 60)}h`;
  return days < 7 ? weekday.format(at) : day.format(at);
}

export const exactTime = (at: Date): string => exact.format(at);
