// What waits for Python, told from what nobody answers.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

mock.timers.enable({ apis: ["setTimeout"] }); // nothing here waits for an answer
globalThis.addEventListener ??= () => undefined;
const { Line } = await import("../../widgets/js/src/shared/line.ts");

function line(widget_manager) {
  const model = { get: () => undefined, on: () => undefined, off: () => undefined, send: () => undefined, widget_manager };
  return new Line(model, { classList: { contains: () => false } });
}

test("a message has patience with the upload of another component, which is before it on the same socket", () => {
  const manager = {};
  void line(manager).ask({ type: "upload" }, [new ArrayBuffer(1 << 20)]);
  const patience = (one) => {
    void one.ask({ type: "send" });
    return [...one.waiting.values()][0].until - Date.now();
  };
  assert.ok(patience(line(manager)) > 25_000);
  assert.ok(patience(line({})) < 9_000, "another kernel has another socket");
});
