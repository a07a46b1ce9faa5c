// Asking Python, which may be busy, or gone without a word.
import { useRef, useState } from "preact/hooks";
import { Refused, useLine } from "../shared/component";
import type { Numbered, Problem } from "../shared/values";
import type { Command } from "../shared/wire";

const PATIENCE = 8000;
const FIRST_PATIENCE = 5000;
const NO_ANSWER: Problem = {
  code: "no_answer",
  message: "No kernel answers this page, or it is busy. Run the cell again, or reload the page, then try again.",
};

/** Whether Python answers: it may have answered before, or never to this page. */
export type Link = "alive" | "lost" | "none";
export type Ask = <Value>(command: Command) => Promise<Value>;

export function problemOf(error: unknown): Problem {
  return error instanceof Refused ? error.problem : NO_ANSWER;
}

export function useAsk() {
  const line = useLine();
  const [link, setLink] = useState<Link>("alive");
  const hasAnswered = useRef(false);
  const heard = () => {
    hasAnswered.current = true;
    setLink("alive");
  };
  const missed = () => setLink(hasAnswered.current ? "lost" : "none");
  const answered = <Value,>(command: Command): Promise<Value> =>
    line
      .ask<Value>(command)
      .finally(heard)
      .then(({ value }) => value);
  const look = () => within(FIRST_PATIENCE, answered<Record<string, Numbered[]>>({ type: "look" }));

  /** Waits as long as Python is there: it may wait for a server. */
  const ask = async <Value,>(command: Command): Promise<Value> => {
    const answer = answered<Value>(command);
    for (;;) {
      const told = await Promise.race([answer.then((value) => ({ value })), pause(PATIENCE)]);
      if (told) return told.value;
      try {
        await Promise.race([answer, look()]);
      } catch (error) {
        if (error !== SILENCE) throw error;
        missed();
        throw new Refused(NO_ANSWER);
      }
    }
  };
  return { ask, look, link, heard, missed };
}

const SILENCE = new Error("no answer in time");

function pause(milliseconds: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), milliseconds));
}

async function within<Value>(milliseconds: number, work: Promise<Value>): Promise<Value> {
  const won = await Promise.race([work.then((value) => ({ value })), pause(milliseconds)]);
  if (!won) throw SILENCE;
  return won.value;
}
