// What this browser remembers from visit to visit. Where it may not (a private window, a full store) it forgets.

export function remembered<Value>(key: string, otherwise: Value): Value {
  try {
    const text = localStorage.getItem(`cfo:${key}`);
    return text === null ? otherwise : (JSON.parse(text) as Value);
  } catch {
    return otherwise;
  }
}

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(`cfo:${key}`, JSON.stringify(value));
  } catch {
    // Forgetting is all that is lost.
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(`cfo:${key}`);
  } catch {
    // There is nothing to forget.
  }
}
