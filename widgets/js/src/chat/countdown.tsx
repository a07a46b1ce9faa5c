// Under a reply that waits for review: Continue, which a clock may press, and Stop, in all tabs of this browser at once.
import { useEffect, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import { InPlace, useAbove } from "../shared/modal";
import type { Problem } from "../shared/wire_types";
import { problemOf } from "./asking";
import { useClock } from "./clock";
import { useTabs } from "./tabs";

/** `slept` is a clock that would have run down while nobody could see it: it waits for the person. */
type Phase = "waiting" | "stopped" | "going" | "slept";

interface Properties {
  runId: string;
  isAlive: boolean;
  /** The clock runs only where the reply was seen to come. */
  cameLive: boolean;
  isTyping: boolean;
  proceed: (untouched: boolean) => Promise<unknown>;
}

/** Nothing came of a Continue in another tab: the button returns. */
const PATIENCE = 10_000;
const SLEPT = "This page was asleep, so the clock stopped. Look it over, then continue.";

export function Countdown({ runId, isAlive, cameLive, isTyping, proceed }: Properties) {
  const [seconds] = useTrait<number>("countdown");
  const [left] = useTrait<number>("continues_left");
  const [phase, setPhase] = useState<Phase>("waiting");
  const [problem, setProblem] = useState<Problem | null>(null);
  const hasClock = cameLive && seconds > 0 && left > 0;

  const tabs = useTabs(runId, (did) => setPhase(did === "stop" ? "stopped" : "going"), isTyping && phase === "waiting");
  const go = (untouched: boolean) => {
    tabs.tell("continue");
    setPhase("going");
    setProblem(null);
    proceed(untouched).catch((error: unknown) => {
      setProblem(problemOf(error));
      setPhase("stopped");
    });
  };
  const stop = () => {
    tabs.tell("stop");
    setPhase("stopped");
  };
  useEffect(() => {
    if (phase !== "going") return;
    const timer = setTimeout(() => setPhase("stopped"), PATIENCE);
    return () => clearTimeout(timer);
  }, [phase]);

  const runs = hasClock && isAlive && phase === "waiting";
  const isHeld = isTyping || tabs.isHeld;
  const remaining = useClock({ seconds, runs, isHeld, onZero: () => go(true), onSleep: () => setPhase("slept") });

  const above = useAbove();
  if (!isAlive) return <p class="cfo-countdown cfo-mute">This reply waited for review.</p>;
  const review = { phase, runs, isHeld, remaining, seconds, problem, go, stop };
  return (
    <>
      <Review {...review} label="Review" />
      {above && <InPlace place={above}><Review {...review} label="Review of the last reply" isSmall /></InPlace>}
    </>
  );
}

interface ReviewProperties extends Now {
  label: string;
  isSmall?: boolean;
  isHeld: boolean;
  remaining: number;
  seconds: number;
  problem: Problem | null;
  go: (untouched: boolean) => void;
  stop: () => void;
}

/** The buttons with the clock; small ones in the head of a dialog that covers the others. */
function Review({ label, isSmall, phase, runs, isHeld, remaining, seconds, problem, go, stop }: ReviewProperties) {
  // The button that had the focus is gone; the next one takes it, for who works with keys.
  const button = useRef<HTMLButtonElement>(null);
  const said = aside({ phase, runs, isHeld });
  return (
    <div class={`cfo-countdown${isSmall ? " cfo-small" : ""}`} role="group" aria-label={label}>
      {phase === "going" ? (
        <span class="cfo-mute">Continuing…</span>
      ) : (
        <button ref={button} type="button" class="cfo-go" title={isSmall ? said : undefined} onClick={() => go(false)}>
          {runs && <Ring part={remaining / seconds} />}
          Continue
          {runs && <span class="cfo-seconds" aria-hidden="true">{Math.ceil(remaining)} s</span>}
        </button>
      )}
      {runs && (
        <button
          type="button"
          class="cfo-button"
          onClick={() => {
            stop();
            button.current?.focus();
          }}
        >
          Stop
        </button>
      )}
      {!isSmall && <span class="cfo-mute" aria-hidden="true">{said}</span>}
      <span class="cfo-hidden" role="status">{announced({ phase, runs, seconds })}</span>
      {problem && <p class="cfo-problem" role="alert">{problem.message}</p>}
    </div>
  );
}

interface Now {
  phase: Phase;
  runs: boolean;
}

function aside({ phase, runs, isHeld }: Now & { isHeld: boolean }): string {
  if (phase === "stopped") return "Stopped. Write, or continue.";
  if (phase === "slept") return SLEPT;
  if (phase === "going") return "";
  if (!runs) return "Look it over, then continue, or write what should change.";
  return isHeld ? "The clock waits while you write." : "Goes on by itself unless you stop it.";
}

/** Told once for each phase, not for each second. */
function announced({ phase, runs, seconds }: Now & { seconds: number }): string {
  if (phase === "stopped") return "Stopped. Write, or continue.";
  if (phase === "slept") return SLEPT;
  return runs ? `This reply waits for review. It continues by itself in ${Math.ceil(seconds)} seconds unless you stop it.` : "";
}

function Ring({ part }: { part: number }) {
  const around = 2 * Math.PI * 7;
  return (
    <svg class="cfo-ring" viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">
      <circle cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="2.5" opacity=".3" />
      <circle
        cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"
        stroke-dasharray={around} stroke-dashoffset={around * (1 - part)} transform="rotate(-90 9 9)"
      />
    </svg>
  );
}
