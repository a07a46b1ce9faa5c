// A countdown in the browser. It never reaches zero while the page is not running (because the machine is asleep or the browser
// has frozen the page), since the user cannot have seen the result.
import { useEffect, useRef, useState } from "preact/hooks";
import { hasSlept } from "./sleep_detection";

interface CountdownTimer {
  seconds: number;
  runs: boolean;
  /** Whether it is paused. It then continues from where it stopped. */
  isPaused: boolean;
  onZero: () => void;
  onSleep: () => void;
}

/** Returns the remaining seconds. Calls either `onZero` or `onSleep`, once. */
export function useCountdownTimer({ seconds, runs, isPaused, onZero, onSleep }: CountdownTimer): number {
  const [remaining, setRemaining] = useState(seconds);
  const left = useRef(seconds);
  const callbacks = useRef({ onZero, onSleep });
  callbacks.current = { onZero, onSleep };
  useEffect(() => {
    if (!runs || isPaused) return;
    // Uses two clocks: on some systems, performance.now() stops while the machine sleeps, and Date.now() may be adjusted.
    let lastTick = performance.now();
    let lastDate = Date.now();
    const sleep = () => callbacks.current.onSleep();
    const tick = () => {
      const now = performance.now();
      const date = Date.now();
      if (hasSlept(Math.max(date - lastDate, now - lastTick), document.visibilityState)) return sleep();
      lastDate = date;
      left.current = Math.max(0, left.current - (now - lastTick) / 1000);
      lastTick = now;
      setRemaining(left.current);
      if (left.current > 0) return;
      clearInterval(timer);
      callbacks.current.onZero();
    };
    const timer = setInterval(tick, 100);
    document.addEventListener("freeze", sleep);
    return () => {
      clearInterval(timer);
      document.removeEventListener("freeze", sleep);
    };
  }, [runs, isPaused]);
  return remaining;
}
