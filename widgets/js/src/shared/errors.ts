import { CommandError } from "./kernel_channel";

/** Whether the connection failed rather than the command itself: a later attempt may succeed. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof CommandError) || /server|token|internal|no_answer/.test(error.problem.code);
}

/** The message to show for a command that failed. */
export function errorMessage(error: unknown, otherwise = "Something went wrong. Try again."): string {
  return error instanceof CommandError ? error.message : otherwise;
}
