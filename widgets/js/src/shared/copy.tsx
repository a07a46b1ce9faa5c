// A button that puts a text on the clipboard, and says so.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

interface CopyProps {
  text: () => string;
  label: string;
  class: string;
  sign?: ComponentChildren;
}

export function Copy({ text, label, class: name, sign }: CopyProps) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (button: HTMLElement) => {
    const isDone = await put(text(), button.parentElement ?? document.body);
    button.focus();
    setSaid(isDone ? "Copied" : "Not copied: select the text instead");
  };
  return (
    <button type="button" class={name} onClick={(event) => void copy(event.currentTarget)}>
      {sign}
      <span aria-live="polite">{said || label}</span>
    </button>
  );
}

export function CopySign() {
  return <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M6 5.5h7.5V14H6zM3 11H2.5V2.5H10V3" /></svg>;
}

/** A page that came over plain HTTP from another machine has only the old way; in a dialog, the box must be in it. */
async function put(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.style.cssText = "position:fixed;opacity:0";
    near.append(box);
    box.select();
    const isDone = document.execCommand("copy");
    box.remove();
    return isDone;
  }
}
