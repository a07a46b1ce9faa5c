// A clock that runs down in the browser, by its own time.
import { useEffect, useRef, useState } from "preact/hooks";

interface Clock {
  seconds: number;
  runs: boolean;
  /** It stands still, and goes on from there. */
  isHeld: boolean;
  onZero: () => void;
}

/** The seconds that remain; `onZero` is called once. */
export function useClock({ seconds, runs, isHeld, onZero }: Clock): number {
  const [remaining, setRemaining] = useState(seconds);
  const left = useRef(seconds);
  const zero = useRef(onZero);
  zero.current = onZero;
  useEffect(() => {
    if (!runs || isHeld) return;
    let before = performance.now();
    const tick = () => {
      const now = performance.now();
      left.current = Math.max(0, left.current - (now - before) / 1000);
      before = now;
      setRemaining(left.current);
      if (left.current > 0) return;
      clearInterval(timer);
      zero.current();
    };
    const timer = setInterval(tick, 100);
    return () => clearInterval(timer);
  }, [runs, isHeld]);
  return remaining;
}
