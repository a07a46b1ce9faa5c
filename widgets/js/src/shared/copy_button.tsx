// A button that copies text to the clipboard and shows whether this worked.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

interface CopyButtonProps {
  text: () => string;
  label: string;
  class: string;
  icon?: ComponentChildren;
}

export function CopyButton({ text, label, class: name, icon }: CopyButtonProps) {
  const [feedback, setFeedback] = useState("");
  useEffect(() => {
    if (!feedback) return;
    const timer = setTimeout(() => setFeedback(""), 2000);
    return () => clearTimeout(timer);
  }, [feedback]);
  const copy = async (button: HTMLElement) => {
    const isCopied = await writeClipboard(text(), button.parentElement ?? document.body);
    button.focus();
    setFeedback(isCopied ? "Copied" : "Copying failed. Select the text instead.");
  };
  return (
    <button type="button" class={name} onClick={(event) => void copy(event.currentTarget)}>
      {icon}
      <span aria-live="polite">{feedback || label}</span>
    </button>
  );
}

export function CopyIcon() {
  return <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M6 5.5h7.5V14H6zM3 11H2.5V2.5H10V3" /></svg>;
}

/** Pages served over plain HTTP have no clipboard API, so this falls back to a selection, which must be inside an open dialog. */
async function writeClipboard(text: string, parent: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.style.cssText = "position:fixed;opacity:0";
    parent.append(box);
    box.select();
    const isCopied = document.execCommand("copy");
    box.remove();
    return isCopied;
  }
}
