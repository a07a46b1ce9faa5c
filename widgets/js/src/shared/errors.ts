import { CommandError } from "./kernel_channel";

const TRANSIENT = new Set([
  "internal_error", "no_answer", "server_error", "server_unavailable", "storage_failed", "token_rejected", "too_many_streams", "workbench_closed",
  "worker_lost",
]);

/** Whether the reason lies outside the command, such as a lost connection or a full disk, so that a later attempt may succeed. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof CommandError) || TRANSIENT.has(error.problem.code);
}

/** Whether the server is at its limit, so that it cannot accept the command at the moment. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof CommandError && error.problem.code === "too_many_streams";
}

/** Returns the message to show for a failed command. */
export function errorMessage(error: unknown, otherwise = "Something went wrong. Try again."): string {
  return error instanceof CommandError ? error.message : otherwise;
}
