// The reducer of events, and the turns that are drawn. Run by Node, which reads TypeScript without its types.
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, NOTHING, words } from "../../widgets/js/src/chat/live.ts";
import { stateOf, told } from "../../widgets/js/src/chat/tool_words.ts";
import { arrived, turns } from "../../widgets/js/src/chat/turns.ts";

const reply = { kind: "task_result", message: "Salaries fell.", result: null, files: [] };
const run = [
  { type: "run_started", run_id: "r", thread_id: "t" },
  { type: "tool_call", id: "a", name: "execute_sql", input: { sql: "SELECT 1" } },
  { type: "tool_call", id: "b", name: "list_datasets", input: {} },
  { type: "tool_result", id: "a", name: "execute_sql", output: { row_count: 1 }, elapsed_ms: 200, failed: false },
  { type: "token", text: "Salaries " },
  { type: "token", text: "rose." },
  { type: "restarted", from: 5 },
  { type: "token", text: "fell." },
  { type: "result", reply },
  { type: "done", run_id: "r", status: "succeeded", usage: {} },
].map((event, number) => ({ number, event }));

test("events become what is shown", () => {
  const half = after(NOTHING, run.slice(0, 6), true);
  assert.equal(words(half), "Salaries rose.");
  assert.deepEqual(half.steps.map(({ id, output }) => [id, output]), [["a", { row_count: 1 }], ["b", undefined]]);
  assert.equal(half.reply, null);
  const whole = after(half, run.slice(6), true);
  assert.equal(words(whole), "Salaries fell.");
  assert.deepEqual([whole.reply, whole.status, whole.cameLive], [reply, "succeeded", true]);
});

test("a step failed if its event says so, whatever its output looks like", () => {
  const [call, result] = [run[1], run[3]];
  const step = (output, failed, hasRunEnded = true) => {
    const [made] = after(NOTHING, [run[0], call, { number: 2, event: { ...result.event, output, failed } }], true).steps;
    const state = stateOf(made, hasRunEnded);
    return [state, told(made, state)];
  };
  assert.deepEqual(step("It took too long.", true), ["failed", "Ran SQL · failed · 0.2 s"]);
  assert.deepEqual(step("net_sales: 12", false), ["done", "Ran SQL · 0.2 s"]);
});

test("a step without a result is running until its run ends", () => {
  const [step] = after(NOTHING, run.slice(0, 2), true).steps;
  const labels = [false, true].map((hasRunEnded) => told(step, stateOf(step, hasRunEnded)));
  assert.deepEqual(labels, ["Running SQL…", "Running SQL · not finished"]);
});

test("order and repeats do not matter", () => {
  const expected = after(NOTHING, run, true);
  const shuffled = [run.slice(5, 8), run.slice(0, 3), run.slice(2, 6), run.slice(7), run];
  const live = shuffled.reduce((before, told) => after(before, told, true), NOTHING);
  assert.deepEqual(live, expected);
  assert.equal(after(live, run, true), live);
});

test("an event of an unknown type is skipped", () => {
  const newer = { number: 4, event: { type: "plan_made", tasks: [] } };
  const shifted = run.slice(4).map(({ number, event }) => ({ number: number + 1, event: "from" in event ? { ...event, from: 6 } : event }));
  const live = after(NOTHING, [...run.slice(0, 4), newer, ...shifted], true);
  assert.deepEqual([words(live), live.steps.length, live.reply, live.status], ["Salaries fell.", 2, reply, "succeeded"]);
});

test("what is missing is waited for", () => {
  const live = after(NOTHING, run.slice(4), true);
  assert.equal(words(live), "");
  assert.deepEqual(after(live, run.slice(0, 4), false), after(NOTHING, run, true));
});

test("a reply that was there before the page is not live", () => {
  assert.equal(after(NOTHING, run, false).cameLive, false);
  assert.equal(after(after(NOTHING, run, false), run, true).cameLive, false);
});

const person = (run_id, text) => ({ who: "person", run_id, text, at: "", in_reply_to: null, untouched: false });
const agent = (run_id) => ({ who: "agent", run_id, text: "", reply, status: "succeeded" });
const drawn = (messages, outbox, lives = new Map()) => turns(messages, lives, outbox, arrived(messages, outbox));

test("a message keeps its place and key from the click to the reply", () => {
  const outgoing = { key: "k", text: "Why?", after: 1 };
  const before = [person("r1", "Why?"), agent("r1")];
  const there = [...before, person("r2", "Why?")];
  for (const [messages, outbox, runId] of [
    [before, [outgoing], null],
    [before, [{ ...outgoing, runId: "r2" }], "r2"],
    [there, [outgoing], "r2"],
    [[...there, agent("r2")], [{ ...outgoing, runId: "r2" }], "r2"],
  ]) {
    assert.deepEqual(drawn(messages, outbox).map(({ key, runId }) => [key, runId]), [["r1", "r1"], ["k", runId]]);
  }
});

test("the same text twice is two messages", () => {
  const outbox = [{ key: "k1", text: "Go", after: 0 }, { key: "k2", text: "Go", after: 1 }];
  assert.deepEqual(drawn([person("r1", "Go")], outbox).map(({ key }) => key), ["k1", "k2"]);
  assert.deepEqual(drawn([person("r1", "Go"), person("r2", "Go")], outbox).map(({ key }) => key), ["k1", "k2"]);
});

test("each reply stands under its message, and what waits says so", () => {
  const messages = [person("r1", "First"), person("r2", "Second"), person("r3", "Third"), agent("r1")];
  const shown = drawn(messages, [], new Map([["r2", after(NOTHING, run.slice(0, 1), true)]]));
  assert.deepEqual(shown.map(({ runId, agent, isQueued }) => [runId, agent?.run_id, isQueued]), [
    ["r1", "r1", false],
    ["r2", undefined, false],
    ["r3", undefined, true],
  ]);
});
