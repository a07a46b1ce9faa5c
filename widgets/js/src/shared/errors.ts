import { CommandError } from "./kernel_channel";

/** Whether the connection failed, not the command itself, so that a later attempt may succeed. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof CommandError) || /server|token|internal|no_answer/.test(error.problem.code);
}

/** Returns the message to show for a failed command. */
export function errorMessage(error: unknown, otherwise = "Something went wrong. Try again."): string {
  return error instanceof CommandError ? error.message : otherwise;
}
