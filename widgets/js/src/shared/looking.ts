import { useEffect } from "preact/hooks";
import { useLine } from "./component";

/** Tells Python that somebody looks at this page, now and every ten seconds: a page that is closed tells nothing. */
export function useLooking(everySeconds = 10): void {
  const line = useLine();
  useEffect(() => {
    const tell = () => {
      if (document.visibilityState === "visible") line.ask({ type: "look" }).catch(() => undefined);
    };
    tell();
    const timer = setInterval(tell, everySeconds * 1000);
    document.addEventListener("visibilitychange", tell);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tell);
    };
  }, [line, everySeconds]);
}
