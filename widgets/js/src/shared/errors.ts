import { CommandError } from "./kernel_channel";

const TRANSIENT = new Set(["internal_error", "no_answer", "server_error", "server_unavailable", "token_rejected", "too_many_streams"]);

/** Whether the connection failed, not the command itself, so that a later attempt may succeed. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof CommandError) || TRANSIENT.has(error.problem.code);
}

/** Returns the message to show for a failed command. */
export function errorMessage(error: unknown, otherwise = "Something went wrong. Try again."): string {
  return error instanceof CommandError ? error.message : otherwise;
}
