// On a narrow page, the side panel is a drawer over the conversation, which cannot be used until the drawer is closed.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const NARROW = 720; // px, as in frame.css

/** While the drawer is open, it has the focus, Escape closes it, and the conversation is inert. Closing it focuses the button. */
export function useDrawer(
  root: RefObject<HTMLElement | null>, button: RefObject<HTMLButtonElement | null>, isOpen: boolean, close: () => void,
): void {
  useEffect(() => {
    const workbench = root.current?.closest<HTMLElement>(".cfo-workbench");
    const side = workbench?.querySelector<HTMLElement>(".cfo-side");
    const covered = workbench?.querySelector<HTMLElement>(".cfo-chat-place");
    if (!isOpen || !workbench || !side || !covered) return undefined;
    workbench.classList.add("cfo-side-open");
    covered.inert = true;
    side.setAttribute("role", "dialog");
    side.setAttribute("aria-label", "Workspace, threads and data");
    side.querySelector<HTMLElement>("button, input, [tabindex='0']")?.focus();
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !usesEscape(event.target as HTMLElement)) close();
    };
    const sizes = new ResizeObserver(() => workbench.clientWidth >= NARROW && close());
    sizes.observe(workbench);
    workbench.addEventListener("keydown", keys, true); // in the capture phase: components stop the event from bubbling
    return () => {
      sizes.disconnect();
      workbench.removeEventListener("keydown", keys, true);
      workbench.classList.remove("cfo-side-open");
      covered.inert = false;
      side.removeAttribute("role");
      side.removeAttribute("aria-label");
      button.current?.focus();
    };
  }, [isOpen, close]);
}

/** Whether the focused element handles Escape itself: a menu, a dialog, or an input with text. */
function usesEscape(element: HTMLElement): boolean {
  if (element.closest("dialog, [role=menu]")) return true;
  return element instanceof HTMLInputElement && (element.type !== "search" || element.value !== "");
}
