import { useState } from "preact/hooks";

let last = 0;
const bundle = Math.random().toString(36).slice(2, 8);

/** An id or name for an element, which no other component on the page has: each has a Preact of its own, and so the same ids. */
export function useOwnId(): string {
  return useState(() => `cfo-${bundle}-${++last}`)[0];
}
