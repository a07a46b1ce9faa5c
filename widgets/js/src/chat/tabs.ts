// What happens to a countdown in one tab, or one view, happens in all of this browser.
import { useEffect, useRef, useState } from "preact/hooks";

type Did = "stop" | "continue";
interface Said {
  run_id: string;
  did: Did | "typing";
}

const CHANNEL = "cfo countdown";
const HOLD = 2500;

/** Hears what other tabs did about this run. While a person types in one, the clock is held in all. */
export function useTabs(runId: string, onDone: (did: Did) => void, isTyping: boolean) {
  const channel = useRef<BroadcastChannel | null>(null);
  const heard = useRef(onDone);
  heard.current = onDone;
  const [isHeld, setHeld] = useState(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = new BroadcastChannel(CHANNEL);
    channel.current = open;
    open.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data.run_id !== runId) return;
      if (data.did !== "typing") return heard.current(data.did);
      setHeld(true); // for a moment: a tab that is closed says nothing more
      clearTimeout(timer);
      timer = setTimeout(() => setHeld(false), HOLD);
    };
    return () => {
      clearTimeout(timer);
      open.close();
    };
  }, [runId]);

  const tell = (did: Said["did"]) => channel.current?.postMessage({ run_id: runId, did } satisfies Said);
  useEffect(() => {
    if (!isTyping) return;
    tell("typing");
    const timer = setInterval(() => tell("typing"), HOLD / 2);
    return () => clearInterval(timer);
  }, [isTyping, runId]);
  return { isHeld, tell: (did: Did) => tell(did) };
}
