// Keeps the states of the thread's runs whose events this page has received.
import { useEffect, useRef, useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import type { Numbered } from "../shared/wire_types";
import type { useRequests } from "./requests";
import { applyEvents, INITIAL, type RunState } from "./run_state";

interface Batch {
  run_id: string;
  events: Numbered[];
  isLive: boolean;
}

/** Returns the states by run id, which are updated at most once per frame. */
export function useRunStates({ sync, connection }: ReturnType<typeof useRequests>): ReadonlyMap<string, RunState> {
  const channel = useChannel();
  const [states, setStates] = useState<ReadonlyMap<string, RunState>>(new Map());
  const waiting = useRef<Batch[]>([]);

  const applyWaiting = () => {
    const batches = waiting.current.splice(0);
    if (batches.length === 0) return;
    setStates((before) => {
      const now = new Map(before);
      for (const { run_id, events, isLive } of batches) {
        now.set(run_id, applyEvents(now.get(run_id) ?? INITIAL, events, isLive));
      }
      return now;
    });
  };
  const add = (batch: Batch) => {
    if (waiting.current.push(batch) > 1) return;
    requestAnimationFrame(applyWaiting);
    setTimeout(applyWaiting, 250); // a hidden page gets no frames
  };
  useEffect(() => channel.onEvents(({ run_id, events }) => add({ run_id, events, isLive: true })), [channel]);
  useEffect(() => {
    if (connection !== "alive") return; // the effect runs again once it is
    sync().then(
      (runs) => Object.entries(runs).forEach(([run_id, events]) => add({ run_id, events, isLive: false })),
      () => undefined, // a lost connection is reported elsewhere
    );
  }, [connection]);
  return states;
}
