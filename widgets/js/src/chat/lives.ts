// The runs of the thread as far as this page saw their events.
import { useEffect, useRef, useState } from "preact/hooks";
import { useLine } from "../shared/component";
import type { Numbered } from "../shared/wire_types";
import type { useAsk } from "./asking";
import { after, type Live, NOTHING } from "./live";

interface Came {
  run_id: string;
  events: Numbered[];
  asTheyHappen: boolean;
}

/** Drawn at most once in a frame. */
export function useLives({ look, link }: ReturnType<typeof useAsk>): ReadonlyMap<string, Live> {
  const line = useLine();
  const [lives, setLives] = useState<ReadonlyMap<string, Live>>(new Map());
  const waiting = useRef<Came[]>([]);

  const draw = () => {
    const all = waiting.current.splice(0);
    if (all.length === 0) return;
    setLives((before) => {
      const now = new Map(before);
      for (const { run_id, events, asTheyHappen } of all) {
        now.set(run_id, after(now.get(run_id) ?? NOTHING, events, asTheyHappen));
      }
      return now;
    });
  };
  const take = (came: Came) => {
    if (waiting.current.push(came) > 1) return;
    requestAnimationFrame(draw);
    setTimeout(draw, 250); // a page that nobody sees gets no frames
  };
  useEffect(
    () =>
      line.listen((told) => {
        if (told.type === "events") take({ ...told, asTheyHappen: true });
      }),
    [line],
  );
  useEffect(() => {
    if (link !== "alive") return; // and once more when it is again
    look().then(
      (told) => Object.entries(told).forEach(([run_id, events]) => take({ run_id, events, asTheyHappen: false })),
      () => undefined, // the link tells it
    );
  }, [link]);
  return lives;
}
