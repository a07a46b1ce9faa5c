// What this browser, or only this tab, remembers from visit to visit. Where it may not (a private window, a full store) it forgets.

export type Reach = "browser" | "tab";
const store = (reach: Reach) => (reach === "tab" ? sessionStorage : localStorage);

export function remembered<Value>(key: string, otherwise: Value, reach: Reach = "browser"): Value {
  try {
    const text = store(reach).getItem(`cfo:${key}`);
    return text === null ? otherwise : (JSON.parse(text) as Value);
  } catch {
    return otherwise;
  }
}

export function remember(key: string, value: unknown, reach: Reach = "browser"): void {
  try {
    store(reach).setItem(`cfo:${key}`, JSON.stringify(value));
  } catch {
    // Forgetting is all that is lost.
  }
}

export function forget(key: string, reach: Reach = "browser"): void {
  try {
    store(reach).removeItem(`cfo:${key}`);
  } catch {
    // There is nothing to forget.
  }
}
