// The state of a run from its events, and the turns of a conversation. Run by Node.js, which strips the types of TypeScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEvents, INITIAL, replyText } from "../../widgets/js/src/chat/run_state.ts";
import { stepLabel, stepState } from "../../widgets/js/src/chat/step_label.ts";
import { keysByRun, turnsOf } from "../../widgets/js/src/chat/turns.ts";

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

test("events build the state of a run", () => {
  const half = applyEvents(INITIAL, run.slice(0, 6), true);
  assert.equal(replyText(half), "Salaries rose.");
  assert.deepEqual(half.steps.map(({ id, output }) => [id, output]), [["a", { row_count: 1 }], ["b", undefined]]);
  assert.equal(half.reply, null);
  const whole = applyEvents(half, run.slice(6), true);
  assert.equal(replyText(whole), "Salaries fell.");
  assert.deepEqual([whole.reply, whole.status, whole.arrivedLive], [reply, "succeeded", true]);
});

test("a step failed if its event says so, whatever its output looks like", () => {
  const [call, result] = [run[1], run[3]];
  const step = (output, failed, hasRunEnded = true) => {
    const [made] = applyEvents(INITIAL, [run[0], call, { number: 2, event: { ...result.event, output, failed } }], true).steps;
    const state = stepState(made, hasRunEnded);
    return [state, stepLabel(made, state)];
  };
  assert.deepEqual(step("It took too long.", true), ["failed", "Ran SQL · failed · 0.2 s"]);
  assert.deepEqual(step("net_sales: 12", false), ["done", "Ran SQL · 0.2 s"]);
});

test("a step without a result is running until its run ends", () => {
  const [step] = applyEvents(INITIAL, run.slice(0, 2), true).steps;
  const labels = [false, true].map((hasRunEnded) => stepLabel(step, stepState(step, hasRunEnded)));
  assert.deepEqual(labels, ["Running SQL…", "Running SQL · not finished"]);
});

test("the order of events, and repeats, do not matter", () => {
  const expected = applyEvents(INITIAL, run, true);
  const shuffled = [run.slice(5, 8), run.slice(0, 3), run.slice(2, 6), run.slice(7), run];
  const live = shuffled.reduce((before, events) => applyEvents(before, events, true), INITIAL);
  assert.deepEqual(live, expected);
  assert.equal(applyEvents(live, run, true), live);
});

test("an event of an unknown type is skipped", () => {
  const newer = { number: 4, event: { type: "plan_made", tasks: [] } };
  const shifted = run.slice(4).map(({ number, event }) => ({ number: number + 1, event: "from" in event ? { ...event, from: 6 } : event }));
  const live = applyEvents(INITIAL, [...run.slice(0, 4), newer, ...shifted], true);
  assert.deepEqual([replyText(live), live.steps.length, live.reply, live.status], ["Salaries fell.", 2, reply, "succeeded"]);
});

test("events wait for those that come before them", () => {
  const live = applyEvents(INITIAL, run.slice(4), true);
  assert.equal(replyText(live), "");
  assert.deepEqual(applyEvents(live, run.slice(0, 4), false), applyEvents(INITIAL, run, true));
});

test("a reply from before the page was opened did not arrive live", () => {
  assert.equal(applyEvents(INITIAL, run, false).arrivedLive, false);
  assert.equal(applyEvents(applyEvents(INITIAL, run, false), run, true).arrivedLive, false);
});

const person = (run_id, text) => ({ who: "person", run_id, text, at: "", in_reply_to: null, untouched: false });
const agent = (run_id) => ({ who: "agent", run_id, text: "", reply, status: "succeeded" });
const turns = (messages, outbox, states = new Map()) => turnsOf(messages, states, outbox, keysByRun(messages, outbox));

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
    assert.deepEqual(turns(messages, outbox).map(({ key, runId }) => [key, runId]), [["r1", "r1"], ["k", runId]]);
  }
});

test("the same text twice is two messages", () => {
  const outbox = [{ key: "k1", text: "Go", after: 0 }, { key: "k2", text: "Go", after: 1 }];
  assert.deepEqual(turns([person("r1", "Go")], outbox).map(({ key }) => key), ["k1", "k2"]);
  assert.deepEqual(turns([person("r1", "Go"), person("r2", "Go")], outbox).map(({ key }) => key), ["k1", "k2"]);
});

test("each reply is under its message, and later runs are queued", () => {
  const messages = [person("r1", "First"), person("r2", "Second"), person("r3", "Third"), agent("r1")];
  const shown = turns(messages, [], new Map([["r2", applyEvents(INITIAL, run.slice(0, 1), true)]]));
  assert.deepEqual(shown.map(({ runId, agent, isQueued }) => [runId, agent?.run_id, isQueued]), [
    ["r1", "r1", false],
    ["r2", undefined, false],
    ["r3", undefined, true],
  ]);
});
