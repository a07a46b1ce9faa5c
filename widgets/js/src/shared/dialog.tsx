// Modal dialogs. Content that must stay visible while a dialog covers the page is shown in the dialog's head.
import { type ComponentChildren, render as mount, type RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

// Each bundle has its own Preact, so the bundles notify each other through the document.
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

/** The slot for such content in a dialog's head. */
export function DialogHeadSlot() {
  return <div class="cfo-above" data-cfo-above="" />;
}

/** Returns the slot of the dialog that covers the page, or null if there is none. */
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

/** Renders its children in another element, which may belong to another bundle. */
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
