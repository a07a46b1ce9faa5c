// Keeps the countdown of a reply in sync across all tabs and views in this browser.
import { useEffect, useRef, useState } from "preact/hooks";

type Action = "stop" | "continue";
interface TabMessage {
  run_id: string;
  did: Action | "typing";
}

const CHANNEL = "cfo countdown";
const PAUSE_MS = 2500;

/** Calls `onAction` with actions on this run in other tabs. While the user types in one tab, all countdowns pause. */
export function useTabSync(runId: string, onAction: (action: Action) => void, isTyping: boolean) {
  const channel = useRef<BroadcastChannel | null>(null);
  const latestOnAction = useRef(onAction);
  latestOnAction.current = onAction;
  const [isPaused, setPaused] = useState(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const opened = new BroadcastChannel(CHANNEL);
    channel.current = opened;
    opened.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if (data.run_id !== runId) return;
      if (data.did !== "typing") return latestOnAction.current(data.did);
      setPaused(true); // only briefly, because a tab that is closed sends nothing more
      clearTimeout(timer);
      timer = setTimeout(() => setPaused(false), PAUSE_MS);
    };
    return () => {
      clearTimeout(timer);
      opened.close();
    };
  }, [runId]);

  const send = (did: TabMessage["did"]) => channel.current?.postMessage({ run_id: runId, did } satisfies TabMessage);
  useEffect(() => {
    if (!isTyping) return;
    send("typing");
    const timer = setInterval(() => send("typing"), PAUSE_MS / 2);
    return () => clearInterval(timer);
  }, [isTyping, runId]);
  return { isPaused, send: (action: Action) => send(action) };
}
