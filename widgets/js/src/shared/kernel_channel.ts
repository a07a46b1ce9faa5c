// The channel between a component and Python. Python may be busy, or may have ended without notice.
import type { Command as WireCommand, EventsMessage, PageMessage, Problem } from "./wire_types";

/** A command without the request id, which is added when it is sent. */
export type Command = WithoutRequest<WireCommand>;
type WithoutRequest<C> = C extends unknown ? Omit<C, "request"> : never;

/** The model that anywidget passes to `render`. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  /** There is one widget manager per kernel. */
  readonly widget_manager: unknown;
}

/** Whether Python responds. "silent" may be temporary, because Python may be busy. "gone" is final: the kernel has ended. */
export type KernelState = "alive" | "silent" | "gone";

const ANSWER_TIMEOUT = 8000; // milliseconds before a ping checks whether Python is still responding
const PING_TIMEOUT = 5000; // milliseconds
const SLOWEST_BYTES_PER_MS = 50; // any connection is at least as fast
const ENDED = "cfo-kernel-ended";
const DISCONNECTED = "jupyter-widgets-disconnected";

/** The message for a kernel that does not respond. */
export function kernelProblem(state: KernelState): Problem {
  const isOwnPage = "voila" in document.body.dataset;
  if (state === "gone") {
    const action = isOwnPage ? "Reload this page" : "Run this cell again";
    return { code: "no_kernel", message: `The kernel has ended. ${action} to continue.`, details: {} };
  }
  const action = isOwnPage ? "reload this page" : "run this cell again";
  return { code: "no_answer", message: `The kernel is not responding. It may be busy. Try again in a moment, or ${action}.`, details: {} };
}

/** The reason why a command failed: a code, and a message that says what to do next. */
export class CommandError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export interface Answer<Value> {
  value: Value;
  buffers: DataView[];
}

interface Socket {
  /** The time by which the bytes sent so far will have arrived, even over a slow connection. Later messages wait for them. */
  cfoSentUntil?: number;
}

interface PendingRequest {
  resolve: (answer: Answer<never>) => void;
  reject: (error: CommandError) => void;
  /** The timer for checking whether Python is still responding. */
  deadline: number;
}

/** Sends commands and waits for their responses. Passes on the events that Python sends on its own. */
export class KernelChannel {
  state: KernelState = "alive";
  /** Whether Python has ever responded to this page. A notebook may show a widget that was saved with it. */
  hasAnswered = false;
  private pending = new Map<string, PendingRequest>();
  private listeners = new Set<(message: EventsMessage) => void>();
  private stateListeners = new Set<() => void>();
  private isWatching = false;

  readonly model: Model;

  constructor(model: Model, el: HTMLElement) {
    this.model = model;
    if (el.classList.contains(DISCONNECTED)) this.state = "gone";
    model.on("msg:custom", this.receive);
    model.on("comm_live_update", this.end); // after a component is shown, this event means that its kernel was restarted
    addEventListener(ENDED, this.endWithOthers);
  }

  /**
   * Sends a command. Rejects with `CommandError` if it fails. A command may take any time, because Python itself may be waiting
   * for a server. The wait ends early only if the kernel stops responding to pings.
   */
  request = <Value,>(command: Command, buffers: ArrayBuffer[] = []): Promise<Answer<Value>> => {
    if (this.state === "gone") return Promise.reject(new CommandError(kernelProblem("gone")));
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const sentUntil = Math.max(this.socket.cfoSentUntil ?? 0, Date.now() + bytes / SLOWEST_BYTES_PER_MS);
    this.socket.cfoSentUntil = sentUntil;
    const answer = this.send<Value>(command, buffers, sentUntil + ANSWER_TIMEOUT);
    void this.watchDeadlines();
    return answer;
  };

  /** Calls `listener` with the events of runs. Returns a function that stops this. */
  onEvents = (listener: (message: EventsMessage) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Calls `listener` when the kernel's state changes. Returns a function that stops this. */
  onStateChange = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };

  /** Closes the channel. Pending requests are neither resolved nor rejected, because the code waiting for them is gone too. */
  close(): void {
    this.model.off("msg:custom", this.receive);
    this.model.off("comm_live_update", this.end);
    removeEventListener(ENDED, this.endWithOthers);
    this.pending.clear();
  }

  /** All components of a kernel share one socket, so a large upload by one delays the others' messages. */
  private get socket(): Socket {
    return this.model.widget_manager as Socket;
  }

  private send<Value>(command: Command, buffers: ArrayBuffer[], deadline: number): Promise<Answer<Value>> {
    const request = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    return new Promise((resolve, reject) => {
      this.pending.set(request, { resolve: resolve as PendingRequest["resolve"], reject, deadline });
      try {
        this.model.send({ ...command, request }, undefined, buffers);
      } catch {
        // The kernel was shut down. Jupyter does not notify components, so this one notifies the others.
        this.end();
        dispatchEvent(new CustomEvent(ENDED, { detail: this.model.widget_manager }));
      }
    });
  }

  /** While requests are pending, pings Python whenever a response is late. */
  private async watchDeadlines(): Promise<void> {
    if (this.isWatching) return;
    this.isWatching = true;
    while (this.pending.size) {
      await pause(1000);
      if (![...this.pending.values()].some(({ deadline }) => deadline < Date.now())) continue;
      const pong = this.send({ type: "here" }, [], Infinity).then(() => true, () => true);
      const sending = Math.max(0, (this.socket.cfoSentUntil ?? 0) - Date.now());
      if (!(await Promise.race([pong, pause(sending + PING_TIMEOUT)]))) this.fail("silent");
      for (const request of this.pending.values()) request.deadline = Math.max(request.deadline, Date.now() + ANSWER_TIMEOUT);
    }
    this.isWatching = false;
  }

  private receive = (content: never, buffers: never) => {
    this.hasAnswered = true;
    this.setState("alive");
    const message = content as PageMessage;
    if (message.type !== "answer" && message.type !== "problem") {
      for (const listener of this.listeners) listener(message);
      return;
    }
    const request = this.pending.get(message.request); // undefined if another view of the same component sent it
    this.pending.delete(message.request);
    if (message.type === "problem") request?.reject(new CommandError(message.problem));
    else request?.resolve({ value: message.value as never, buffers: (buffers as DataView[] | undefined) ?? [] });
  };

  private end = () => this.fail("gone");
  private endWithOthers = (event: Event) => {
    if ((event as CustomEvent).detail === this.model.widget_manager) this.end();
  };

  private fail(state: KernelState): void {
    this.setState(state);
    const failed = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of failed) reject(new CommandError(kernelProblem(state)));
  }

  private setState(state: KernelState): void {
    if (this.state === state || this.state === "gone") return;
    this.state = state;
    for (const listener of this.stateListeners) listener();
  }
}

function pause(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
}
