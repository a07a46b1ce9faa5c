// Modal dialogs, and content that must stay visible while one covers the page: it is shown in the dialog's head.
import { type ComponentChildren, render as mount, type RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

// Each bundle has a Preact of its own, so they notify each other through the document.
const CHANGED = "cfo-modal";
const notify = () => document.dispatchEvent(new Event(CHANGED));

/** A dialog that covers the page for as long as its component is mounted. */
export function useModalDialog(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    notify();
    return () => queueMicrotask(notify);
  }, []);
  return dialog;
}

/** The place in a dialog's head for such content. */
export function DialogHeadSlot() {
  return <div class="cfo-above" data-cfo-above="" />;
}

/** The slot of the dialog that covers the page; null if there is none. */
export function useDialogHeadSlot(): Element | null {
  const [slot, setSlot] = useState<Element | null>(null);
  useEffect(() => {
    const find = () => setSlot(document.querySelector("dialog:modal [data-cfo-above]"));
    find();
    document.addEventListener(CHANGED, find);
    return () => document.removeEventListener(CHANGED, find);
  }, []);
  return slot;
}

/** Draws its children in another element, which may belong to another bundle. */
export function Portal({ into, children }: { into: Element; children: ComponentChildren }) {
  const own = useMemo(() => document.createElement("div"), [into]);
  useLayoutEffect(() => {
    into.append(own);
    return () => {
      mount(null, own);
      own.remove();
    };
  }, [into, own]);
  useLayoutEffect(() => mount(<>{children}</>, own));
  return null;
}
