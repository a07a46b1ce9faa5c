// The buttons below a reply for review: Continue, with a countdown, and Stop. Stays in sync across all tabs of this browser.
import { useEffect, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import { Portal, useDialogHeadSlot } from "../shared/dialog";
import type { Problem } from "../shared/wire_types";
import { useCountdownTimer } from "./countdown_timer";
import { problemOf } from "./requests";
import { useTabSync } from "./tab_sync";

/** `slept` means that the page was not running, so the countdown has stopped and waits for the user. */
type Phase = "waiting" | "stopped" | "continuing" | "slept";

interface CountdownProps {
  runId: string;
  isAlive: boolean;
  /** Whether the reply arrived while this page was open. Otherwise, the countdown does not run. */
  arrivedLive: boolean;
  isTyping: boolean;
  proceed: (untouched: boolean) => Promise<unknown>;
}

/** How many milliseconds after a Continue in another tab the button reappears if it had no effect. */
const CONTINUE_TIMEOUT = 10_000;
const SLEPT = "The countdown stopped because this page was asleep. Review the result, then continue.";
const STOPPED = "Stopped. Continue, or write a message.";

export function Countdown({ runId, isAlive, arrivedLive, isTyping, proceed }: CountdownProps) {
  const [seconds] = useTrait<number>("countdown");
  const [left] = useTrait<number>("continues_left");
  const [phase, setPhase] = useState<Phase>("waiting");
  const [problem, setProblem] = useState<Problem | null>(null);
  const hasCountdown = arrivedLive && seconds > 0 && left > 0;

  const onOtherTab = (action: "stop" | "continue") => setPhase(action === "stop" ? "stopped" : "continuing");
  const tabs = useTabSync(runId, onOtherTab, isTyping && phase === "waiting");
  const proceedNow = (untouched: boolean) => {
    tabs.send("continue");
    setPhase("continuing");
    setProblem(null);
    proceed(untouched).catch((error: unknown) => {
      setProblem(problemOf(error));
      setPhase("stopped");
    });
  };
  const stop = () => {
    tabs.send("stop");
    setPhase("stopped");
  };
  useEffect(() => {
    if (phase !== "continuing") return;
    const timer = setTimeout(() => setPhase("stopped"), CONTINUE_TIMEOUT);
    return () => clearTimeout(timer);
  }, [phase]);

  const runs = hasCountdown && isAlive && phase === "waiting";
  const isPaused = isTyping || tabs.isPaused;
  const remaining = useCountdownTimer({ seconds, runs, isPaused, onZero: () => proceedNow(true), onSleep: () => setPhase("slept") });

  const dialogHead = useDialogHeadSlot();
  if (!isAlive) return <p class="cfo-countdown cfo-mute">This reply was waiting for review.</p>;
  const review = { phase, runs, isPaused, remaining, seconds, problem, proceed: proceedNow, stop };
  return (
    <>
      <Review {...review} label="Review" />
      {dialogHead && <Portal into={dialogHead}><Review {...review} label="Review of the last reply" isSmall /></Portal>}
    </>
  );
}

interface ReviewProps extends CountdownState {
  label: string;
  isSmall?: boolean;
  isPaused: boolean;
  remaining: number;
  seconds: number;
  problem: Problem | null;
  proceed: (untouched: boolean) => void;
  stop: () => void;
}

/** The buttons with the countdown. They are small in the head of a dialog that covers the page. */
function Review({ label, isSmall, phase, runs, isPaused, remaining, seconds, problem, proceed, stop }: ReviewProps) {
  // Stop disappears when it is pressed, so the focus moves to Continue for keyboard users.
  const button = useRef<HTMLButtonElement>(null);
  const hint = hintFor({ phase, runs, isPaused });
  return (
    <div class={`cfo-countdown${isSmall ? " cfo-small" : ""}`} role="group" aria-label={label}>
      {phase === "continuing" ? (
        <span class="cfo-mute">Continuing…</span>
      ) : (
        <button ref={button} type="button" class="cfo-go" title={isSmall ? hint : undefined} onClick={() => proceed(false)}>
          {runs && <CountdownRing share={remaining / seconds} />}
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
      {!isSmall && <span class="cfo-mute" aria-hidden="true">{hint}</span>}
      <span class="cfo-hidden" role="status">{announcement({ phase, runs, seconds })}</span>
      {problem && <p class="cfo-problem" role="alert">{problem.message}</p>}
    </div>
  );
}

interface CountdownState {
  phase: Phase;
  runs: boolean;
}

function hintFor({ phase, runs, isPaused }: CountdownState & { isPaused: boolean }): string {
  if (phase === "stopped") return STOPPED;
  if (phase === "slept") return SLEPT;
  if (phase === "continuing") return "";
  if (!runs) return "Review it, then continue, or write what to change.";
  return isPaused ? "Paused while you type" : "Continues automatically unless you stop it";
}

/** Text for screen readers, announced once per phase instead of every second. */
function announcement({ phase, runs, seconds }: CountdownState & { seconds: number }): string {
  if (phase === "stopped") return STOPPED;
  if (phase === "slept") return SLEPT;
  if (!runs) return "";
  return `This reply is ready for review. It continues automatically in ${Math.ceil(seconds)} seconds unless you stop it.`;
}

function CountdownRing({ share }: { share: number }) {
  const circumference = 2 * Math.PI * 7;
  return (
    <svg class="cfo-ring" viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">
      <circle cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="2.5" opacity=".3" />
      <circle
        cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"
        stroke-dasharray={circumference} stroke-dashoffset={circumference * (1 - share)} transform="rotate(-90 9 9)"
      />
    </svg>
  );
}
