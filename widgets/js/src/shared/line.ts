// One component's talk with Python, which may be busy, or gone without a word.
import type { Command as WireCommand, EventsMessage, PageMessage, Problem } from "./wire_types";

/** A command as a component writes it; the request id is added when it is sent. */
export type Command = WithoutRequest<WireCommand>;
type WithoutRequest<C> = C extends unknown ? Omit<C, "request"> : never;

/** What anywidget gives `render`. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  /** One for each kernel. */
  readonly widget_manager: unknown;
}

/** Whether Python answers. "silent" may pass, for it may be busy; "gone" is for good: the kernel of this component has ended. */
export type Link = "alive" | "silent" | "gone";

const PATIENCE = 8000; // milliseconds for an answer, after which Python is asked whether it is there
const SHORT_PATIENCE = 5000; // for the answer to that
const SLOWEST = 50; // bytes in a millisecond that any connection carries
const ENDED = "cfo-kernel-ended";
const DISCONNECTED = "jupyter-widgets-disconnected";

/** What to tell a person of a link that is not alive. */
export function trouble(link: Link): Problem {
  const again = "voila" in document.body.dataset ? "reload this page" : "run this cell again";
  if (link === "gone") return { code: "no_kernel", message: `This is no longer connected to a kernel. To go on, ${again}.` };
  return { code: "no_answer", message: `The kernel does not answer; it may be busy. Try again in a moment, or ${again}.` };
}

/** Python refused a command, or is not there: a code, and words that say what to do next. */
export class Refused extends Error {
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
  /** When the bytes that were sent last have arrived, over any connection; what is sent meanwhile stands behind them. */
  cfoCarried?: number;
}

interface Waiting {
  resolve: (answer: Answer<never>) => void;
  reject: (error: Refused) => void;
  /** When it is time to ask whether Python is there at all. */
  until: number;
}

/** Commands that are answered or refused, and what is told without being asked. */
export class Line {
  link: Link = "alive";
  /** Whether Python ever spoke to this page: a notebook may be opened with what it showed when it was saved. */
  hasAnswered = false;
  private waiting = new Map<string, Waiting>();
  private listeners = new Set<(message: EventsMessage) => void>();
  private onLink = new Set<() => void>();
  private isAttending = false;

  readonly model: Model;

  constructor(model: Model, el: HTMLElement) {
    this.model = model;
    if (el.classList.contains(DISCONNECTED)) this.link = "gone";
    model.on("msg:custom", this.hear);
    model.on("comm_live_update", this.end); // once a component is shown, it changes only when its kernel was started anew
    addEventListener(ENDED, this.endWithOthers);
  }

  /** Has Python do something; rejects with `Refused` where it cannot. Waits as long as Python is there: it may wait for a server. */
  ask = <Value,>(command: Command, buffers: ArrayBuffer[] = []): Promise<Answer<Value>> => {
    if (this.link === "gone") return Promise.reject(new Refused(trouble("gone")));
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const carried = Math.max(this.socket.cfoCarried ?? 0, Date.now() + bytes / SLOWEST);
    this.socket.cfoCarried = carried;
    const answer = this.send<Value>(command, buffers, carried + PATIENCE);
    void this.attend();
    return answer;
  };

  /** Hears what Python tells this component; gives the way to stop. */
  listen = (listener: (message: EventsMessage) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Hears when the link becomes another; gives the way to stop. */
  watch = (changed: () => void): (() => void) => {
    this.onLink.add(changed);
    return () => this.onLink.delete(changed);
  };

  /** What still waits is neither answered nor refused: nobody is left to go on with it, or to try it again. */
  close(): void {
    this.model.off("msg:custom", this.hear);
    this.model.off("comm_live_update", this.end);
    removeEventListener(ENDED, this.endWithOthers);
    this.waiting.clear();
  }

  /** All components of a kernel send over one socket: the bytes of one are before the words of the others. */
  private get socket(): Socket {
    return this.model.widget_manager as Socket;
  }

  private send<Value>(command: Command, buffers: ArrayBuffer[], until: number): Promise<Answer<Value>> {
    const request = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(request, { resolve: resolve as Waiting["resolve"], reject, until });
      try {
        this.model.send({ ...command, request }, undefined, buffers);
      } catch {
        // The kernel was shut down, which is told to nobody; the other components find it out from this one.
        this.end();
        dispatchEvent(new CustomEvent(ENDED, { detail: this.model.widget_manager }));
      }
    });
  }

  /** While something waits: asks whether Python is there whenever an answer is late. */
  private async attend(): Promise<void> {
    if (this.isAttending) return;
    this.isAttending = true;
    while (this.waiting.size) {
      await pause(1000);
      if (![...this.waiting.values()].some(({ until }) => until < Date.now())) continue;
      const here = this.send({ type: "here" }, [], Infinity).then(() => true, () => true);
      const behind = Math.max(0, (this.socket.cfoCarried ?? 0) - Date.now());
      if (!(await Promise.race([here, pause(behind + SHORT_PATIENCE)]))) this.fail("silent");
      for (const waiting of this.waiting.values()) waiting.until = Math.max(waiting.until, Date.now() + PATIENCE);
    }
    this.isAttending = false;
  }

  private hear = (content: never, buffers: never) => {
    this.hasAnswered = true;
    this.become("alive");
    const message = content as PageMessage;
    if (message.type !== "answer" && message.type !== "problem") {
      for (const listener of this.listeners) listener(message);
      return;
    }
    const waiting = this.waiting.get(message.request); // another view of the same component may have asked
    this.waiting.delete(message.request);
    if (message.type === "problem") waiting?.reject(new Refused(message.problem));
    else waiting?.resolve({ value: message.value as never, buffers: (buffers as DataView[] | undefined) ?? [] });
  };

  private end = () => this.fail("gone");
  private endWithOthers = (event: Event) => {
    if ((event as CustomEvent).detail === this.model.widget_manager) this.end();
  };

  private fail(link: Link): void {
    this.become(link);
    const left = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of left) reject(new Refused(trouble(link)));
  }

  private become(link: Link): void {
    if (this.link === link || this.link === "gone") return;
    this.link = link;
    for (const changed of this.onLink) changed();
  }
}

function pause(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
}
