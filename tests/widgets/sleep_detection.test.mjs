// When a page has slept. Run by Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasSlept } from "../../widgets/js/src/chat/sleep_detection.ts";

test("a long gap means that the page slept; a hidden page runs once a minute anyway", () => {
  const [busy, throttled, lid] = [3_000, 61_000, 20_000];
  assert.deepEqual([busy, lid].map((gap) => hasSlept(gap, "visible")), [false, true]);
  assert.deepEqual([busy, throttled, 120_000].map((gap) => hasSlept(gap, "hidden")), [false, false, true]);
});
