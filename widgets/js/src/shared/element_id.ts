import { useState } from "preact/hooks";

let last = 0;
const bundle = Math.random().toString(36).slice(2, 8);

/** An id for an element that is unique on the page. Preact's own ids are not: each bundle has a Preact of its own. */
export function useElementId(): string {
  return useState(() => `cfo-${bundle}-${++last}`)[0];
}
