import { Refused } from "./line";

/** What to tell a person of a command that failed. */
export function words(error: unknown, otherwise = "This did not work. Try again."): string {
  return error instanceof Refused ? error.message : otherwise;
}
