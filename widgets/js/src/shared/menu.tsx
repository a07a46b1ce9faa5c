// A menu below its button. Arrows, Home, End, first letters and Escape work as in any menu.
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useElementId } from "./element_id";
import "./menu.css";

export interface Item {
  label: string;
  /** Whether this is the current choice, if the items are choices. */
  checked?: boolean;
  danger?: boolean;
  /** Whether a line separates it from the items before it. */
  apart?: boolean;
  hint?: string;
  choose: () => void;
}

interface MenuProps {
  /** The purpose of the menu, for screen readers. */
  label: string;
  items: Item[];
  class?: string;
  children: ComponentChildren;
  tabIndex?: number;
  disabled?: boolean;
  button?: RefObject<HTMLButtonElement | null>;
  onOpen?: () => void;
}

export function Menu({ label, items, class: name, children, tabIndex, disabled, button, onOpen }: MenuProps) {
  const own = useRef<HTMLButtonElement>(null);
  const opener = button ?? own;
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const id = useElementId();
  const show = () => {
    place(opener.current, list.current);
    list.current?.showPopover();
    onOpen?.();
  };
  useEffect(() => {
    if (!open) return;
    const entries = entriesOf(list.current);
    (entries.find((entry) => entry.getAttribute("aria-checked") === "true") ?? entries[0])?.focus();
  }, [open]);
  const choose = (item: Item) => {
    list.current?.hidePopover();
    opener.current?.focus();
    item.choose();
  };
  return (
    <>
      <button
        ref={opener} type="button" class={name} tabIndex={tabIndex ?? 0} disabled={disabled} aria-label={label} title={label}
        aria-haspopup="menu" aria-expanded={open} aria-controls={id}
        onClick={() => (open ? list.current?.hidePopover() : show())}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" || open) return;
          event.preventDefault();
          event.stopPropagation();
          show();
        }}
      >
        {children}
      </button>
      <div
        ref={list} id={id} class="cfo-menu" role="menu" aria-label={label} popover="auto"
        onToggle={(event) => setOpen((event as unknown as ToggleEvent).newState === "open")}
        onKeyDown={(event) => move(event, list.current, () => opener.current?.focus())}
      >
        {open && items.map((item) => (
          <button
            key={item.label} type="button" tabIndex={-1} role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked} class={`${item.danger ? "cfo-danger" : ""} ${item.apart ? "cfo-apart" : ""}`}
            onClick={() => choose(item)}
          >
            <span class="cfo-menu-mark" aria-hidden="true">{item.checked ? "✓" : ""}</span>
            <bdi>{item.label}</bdi>
            {item.hint && <small>{item.hint}</small>}
          </button>
        ))}
      </div>
    </>
  );
}

function entriesOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
}

function move(event: KeyboardEvent, list: HTMLElement | null, leave: () => void): void {
  event.stopPropagation(); // the list below the menu has its own keys
  const entries = entriesOf(list);
  const at = entries.indexOf(document.activeElement as HTMLElement);
  const goTo: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 };
  if (event.key === "Escape" || event.key === "Tab") {
    if (event.key === "Escape") event.preventDefault();
    list?.hidePopover();
    leave();
    return;
  }
  const letter = event.key.length === 1 ? event.key.toLowerCase() : "";
  const order = entries.map((_, n) => (at + 1 + n) % entries.length);
  const found = letter.trim()
    ? order.find((n) => entries[n]?.querySelector("bdi")?.textContent?.toLowerCase().startsWith(letter))
    : goTo[event.key];
  if (found === undefined) return;
  event.preventDefault();
  entries[(found + entries.length) % entries.length]?.focus();
}

/** Positions the menu below the button, or above it if there is no room below, but never outside the window. */
function place(button: HTMLElement | null, list: HTMLElement | null): void {
  if (!button || !list) return;
  const { left, right, top, bottom, width } = button.getBoundingClientRect();
  const wide = width > 120;
  list.style.minWidth = wide ? `${width}px` : "150px";
  list.style.maxWidth = wide ? `${Math.max(width, 220)}px` : "260px";
  const isLow = window.innerHeight - bottom < Math.min(260, top);
  list.style.maxHeight = `${(isLow ? top : window.innerHeight - bottom) - 16}px`;
  list.style.top = isLow ? "auto" : `${bottom + 4}px`;
  list.style.bottom = isLow ? `${window.innerHeight - top + 4}px` : "auto";
  const sticksOut = wide || left < 150;
  list.style.left = sticksOut ? `${Math.max(8, Math.min(left, window.innerWidth - 268))}px` : "auto";
  list.style.right = sticksOut ? "auto" : `${window.innerWidth - right}px`;
}
