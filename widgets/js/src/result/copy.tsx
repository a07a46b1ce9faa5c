// A button that puts a text on the clipboard, and says that it did.
import { useEffect, useState } from "preact/hooks";

async function put(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const held = document.createElement("textarea"); // a page without TLS has no clipboard of its own
    held.value = text;
    held.style.cssText = "position:fixed;opacity:0";
    near.append(held);
    held.select();
    const done = document.execCommand("copy");
    held.remove();
    return done;
  }
}

export function Copy({ text, label }: { text: () => string; label: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(null), 1600);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLElement;
    const done = await put(text(), button.parentElement ?? document.body);
    button.focus();
    setSaid(done ? "Copied" : "Not copied: select the text instead");
  };
  return (
    <button type="button" class="cfo-quiet" onClick={copy}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M6 5.5h7.5V14H6zM3 11H2.5V2.5H10V3" /></svg>
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
}
