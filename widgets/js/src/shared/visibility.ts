import { useEffect } from "preact/hooks";
import { useChannel } from "./component";

/** Reports to Python that the page is visible, now and every few seconds. A closed page reports nothing. */
export function useVisibilityReports(everySeconds = 10): void {
  const channel = useChannel();
  useEffect(() => {
    const report = () => {
      if (document.visibilityState === "visible") channel.request({ type: "look" }).catch(() => undefined);
    };
    report();
    const timer = setInterval(report, everySeconds * 1000);
    document.addEventListener("visibilitychange", report);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", report);
    };
  }, [channel, everySeconds]);
}
