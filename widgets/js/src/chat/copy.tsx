// A button that puts a text on the clipboard, and says so.
import { useEffect, useState } from "preact/hooks";

export function Copy({ text, label }: { text: () => string; label: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () =>
    put(text()).then(
      () => setSaid("Copied"),
      () => setSaid("Not allowed here"),
    );
  return (
    <button type="button" class="cfo-link cfo-copy" onClick={() => void copy()}>
      <span aria-live="polite">{said || label}</span>
    </button>
  );
}

async function put(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // A page that came over plain HTTP from another machine has only the old way.
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  const isDone = document.execCommand("copy");
  box.remove();
  if (!isDone) throw new Error("not allowed");
}
