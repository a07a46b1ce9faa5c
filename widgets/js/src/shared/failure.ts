import { Refused } from "./line";

/** Whether it was the way to the server, and not what was asked, that failed: another time it may come through. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof Refused) || /server|token|internal|no_answer/.test(error.problem.code);
}

/** What to tell a person of a command that failed. */
export function words(error: unknown, otherwise = "This did not work. Try again."): string {
  return error instanceof Refused ? error.message : otherwise;
}
