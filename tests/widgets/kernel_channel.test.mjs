// When an answer from Python counts as late. Run by Node.js.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

mock.timers.enable({ apis: ["setTimeout"] }); // no test here waits for an answer
globalThis.addEventListener ??= () => undefined;
const { KernelChannel } = await import("../../widgets/js/src/shared/kernel_channel.ts");

function channel(widget_manager) {
  const model = { get: () => undefined, on: () => undefined, off: () => undefined, send: () => undefined, widget_manager };
  return new KernelChannel(model, { classList: { contains: () => false } });
}

test("a message allows for the upload of another component, which is ahead of it on the same socket", () => {
  const manager = {};
  void channel(manager).request({ type: "upload" }, [new ArrayBuffer(1 << 20)]);
  const timeLeft = (one) => {
    void one.request({ type: "send" });
    return [...one.pending.values()][0].deadline - Date.now();
  };
  assert.ok(timeLeft(channel(manager)) > 25_000);
  assert.ok(timeLeft(channel({})) < 9_000, "another kernel has another socket");
});
