// A clock that runs down in the browser, by its own time. It never runs down while nothing runs: where the machine slept
// or the browser froze the page, nobody can have seen it.
import { useEffect, useRef, useState } from "preact/hooks";
import { hasSlept } from "./sleep";

interface Clock {
  seconds: number;
  runs: boolean;
  /** It stands still, and goes on from there. */
  isHeld: boolean;
  onZero: () => void;
  onSleep: () => void;
}

/** The seconds that remain; `onZero` is called once, or `onSleep` instead. */
export function useClock({ seconds, runs, isHeld, onZero, onSleep }: Clock): number {
  const [remaining, setRemaining] = useState(seconds);
  const left = useRef(seconds);
  const told = useRef({ onZero, onSleep });
  told.current = { onZero, onSleep };
  useEffect(() => {
    if (!runs || isHeld) return;
    let before = performance.now();
    let date = Date.now(); // goes on while the machine sleeps, which the other clock does not everywhere
    const sleep = () => told.current.onSleep();
    const tick = () => {
      const now = performance.now();
      const today = Date.now();
      if (hasSlept(Math.max(today - date, now - before), document.visibilityState)) return sleep();
      date = today;
      left.current = Math.max(0, left.current - (now - before) / 1000);
      before = now;
      setRemaining(left.current);
      if (left.current > 0) return;
      clearInterval(timer);
      told.current.onZero();
    };
    const timer = setInterval(tick, 100);
    document.addEventListener("freeze", sleep);
    return () => {
      clearInterval(timer);
      document.removeEventListener("freeze", sleep);
    };
  }, [runs, isHeld]);
  return remaining;
}
