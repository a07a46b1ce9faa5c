// Asking Python, which may be busy, or gone without a word.
import { useLine, useLink } from "../shared/component";
import { type Command, Refused, trouble } from "../shared/line";
import type { Numbered, Problem } from "../shared/wire_types";

/** Whether Python answers: it may have answered before, or never to this page. */
export type Link = "alive" | "lost" | "none";
export type Ask = <Value>(command: Command) => Promise<Value>;

export function problemOf(error: unknown): Problem {
  return error instanceof Refused ? error.problem : trouble("silent");
}

export function useAsk() {
  const line = useLine();
  const isAlive = useLink() === "alive";
  const link: Link = isAlive ? "alive" : line.hasAnswered ? "lost" : "none";
  const ask: Ask = <Value,>(command: Command) => line.ask<Value>(command).then(({ value }) => value);
  const look = () => ask<Record<string, Numbered[]>>({ type: "look" });
  return { ask, look, link };
}
