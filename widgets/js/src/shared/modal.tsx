// Dialogs that cover the page, and what must be seen all the same: it stands in the head of the one that is open.
import { type ComponentChildren, render as mount, type RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

const CHANGED = "cfo-modal"; // each bundle has a Preact of its own: they meet in the document
const changed = () => document.dispatchEvent(new Event(CHANGED));

/** A dialog that covers the page for as long as its component is there. */
export function useModal(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    changed();
    return () => queueMicrotask(changed);
  }, []);
  return dialog;
}

/** Where in a dialog's head it stands. */
export function Above() {
  return <div class="cfo-above" data-cfo-above="" />;
}

/** That place in the dialog that covers the page; null while none does. */
export function useAbove(): Element | null {
  const [place, setPlace] = useState<Element | null>(null);
  useEffect(() => {
    const look = () => setPlace(document.querySelector("dialog:modal [data-cfo-above]"));
    look();
    document.addEventListener(CHANGED, look);
    return () => document.removeEventListener(CHANGED, look);
  }, []);
  return place;
}

/** Draws its children there. */
export function InPlace({ place, children }: { place: Element; children: ComponentChildren }) {
  const own = useMemo(() => document.createElement("div"), [place]);
  useLayoutEffect(() => {
    place.append(own);
    return () => {
      mount(null, own);
      own.remove();
    };
  }, [place, own]);
  useLayoutEffect(() => mount(<>{children}</>, own));
  return null;
}
