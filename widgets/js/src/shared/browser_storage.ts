// Stores values in this browser, or only in this tab. If storage is unavailable (a private window, a full store), nothing is
// stored, and no error is raised.

export type Scope = "browser" | "tab";
const storage = (scope: Scope) => (scope === "tab" ? sessionStorage : localStorage);

export function loadItem<Value>(key: string, otherwise: Value, scope: Scope = "browser"): Value {
  try {
    const text = storage(scope).getItem(`cfo:${key}`);
    return text === null ? otherwise : (JSON.parse(text) as Value);
  } catch {
    return otherwise;
  }
}

export function saveItem(key: string, value: unknown, scope: Scope = "browser"): void {
  try {
    storage(scope).setItem(`cfo:${key}`, JSON.stringify(value));
  } catch {
    // The value is not stored.
  }
}

export function removeItem(key: string, scope: Scope = "browser"): void {
  try {
    storage(scope).removeItem(`cfo:${key}`);
  } catch {
    // There is nothing to remove.
  }
}
