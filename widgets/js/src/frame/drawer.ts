// On a narrow page the side is a drawer over the conversation: nobody gets behind it but by closing it.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const NARROW = 720; // px, as in frame.css

/** While it is open the conversation is inert, the focus is in the drawer, and Escape closes; then the button has it again. */
export function useDrawer(
  root: RefObject<HTMLElement | null>, button: RefObject<HTMLButtonElement | null>, isOpen: boolean, close: () => void,
): void {
  useEffect(() => {
    const workbench = root.current?.closest<HTMLElement>(".cfo-workbench");
    const side = workbench?.querySelector<HTMLElement>(".cfo-side");
    const behind = workbench?.querySelector<HTMLElement>(".cfo-chat-place");
    if (!isOpen || !workbench || !side || !behind) return undefined;
    workbench.classList.add("cfo-side-open");
    behind.inert = true;
    side.setAttribute("role", "dialog");
    side.setAttribute("aria-label", "Workspace, threads and data");
    side.querySelector<HTMLElement>("button, input, [tabindex='0']")?.focus();
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !isTaken(event.target as HTMLElement)) close();
    };
    const sizes = new ResizeObserver(() => workbench.clientWidth >= NARROW && close());
    sizes.observe(workbench);
    workbench.addEventListener("keydown", keys, true); // each component keeps its keys to itself
    return () => {
      sizes.disconnect();
      workbench.removeEventListener("keydown", keys, true);
      workbench.classList.remove("cfo-side-open");
      behind.inert = false;
      side.removeAttribute("role");
      side.removeAttribute("aria-label");
      button.current?.focus();
    };
  }, [isOpen, close]);
}

/** Whether Escape means something to what has the focus: a menu, a dialog over the page, a box with something in it. */
function isTaken(element: HTMLElement): boolean {
  if (element.closest("dialog, [role=menu]")) return true;
  return element instanceof HTMLInputElement && (element.type !== "search" || element.value !== "");
}
