// Sends the chat's requests to Python, which may be busy or may have ended without notice.
import { useChannel, useKernelState } from "../shared/component";
import { type Command, CommandError, kernelProblem } from "../shared/kernel_channel";
import type { Numbered, Problem } from "../shared/wire_types";

/** Whether Python is responding: "lost" if it no longer is, "none" if it never responded to this page. */
export type Connection = "alive" | "lost" | "none";
export type Ask = <Value>(command: Command) => Promise<Value>;

export function problemOf(error: unknown): Problem {
  return error instanceof CommandError ? error.problem : kernelProblem("silent");
}

export function useRequests() {
  const channel = useChannel();
  const isAlive = useKernelState() === "alive";
  const connection: Connection = isAlive ? "alive" : channel.hasAnswered ? "lost" : "none";
  const ask: Ask = <Value,>(command: Command) => channel.request<Value>(command).then(({ value }) => value);
  const sync = () => ask<Record<string, Numbered[]>>({ type: "look" });
  return { ask, sync, connection };
}
