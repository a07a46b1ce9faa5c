// When a clock has slept. Run by Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasSlept } from "../../widgets/js/src/chat/sleep.ts";

test("a page that was not run has slept; one that nobody looks at is run once in a minute", () => {
  const [busy, throttled, lid] = [3_000, 61_000, 20_000];
  assert.deepEqual([busy, lid].map((gap) => hasSlept(gap, "visible")), [false, true]);
  assert.deepEqual([busy, throttled, 120_000].map((gap) => hasSlept(gap, "hidden")), [false, false, true]);
});
