import { useState } from "preact/hooks";

let last = 0;
const bundle = Math.random().toString(36).slice(2, 8);

/** Returns an element id that is unique on the page. Preact's ids are not, because each bundle has its own Preact. */
export function useElementId(): string {
  return useState(() => `cfo-${bundle}-${++last}`)[0];
}
