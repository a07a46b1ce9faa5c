// The frame of every component: its root element, its traits as Preact state, and its talk with Python.
import type { ComponentChildren } from "preact";
import { createContext, render as mount } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Command, Problem, Told } from "./wire";
import "./tokens.css";

/** What anywidget gives `render`. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

/** Python refused a command: its code, and words that say what to do next. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

export interface Answer<Value> {
  value: Value;
  buffers: DataView[];
}

type Waiting = { resolve: (answer: Answer<never>) => void; reject: (error: Refused) => void };

/** One component's talk with Python: commands that are answered, and what is told without being asked. */
export class Line {
  private waiting = new Map<string, Waiting>();
  private listeners = new Set<(told: Told) => void>();

  constructor(readonly model: Model) {
    model.on("msg:custom", this.hear);
  }

  /** Has Python do something; rejects with `Refused` where it cannot. */
  ask = <Value,>(command: Command, buffers: ArrayBuffer[] = []): Promise<Answer<Value>> => {
    const request = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(request, { resolve: resolve as Waiting["resolve"], reject });
      this.model.send({ ...command, request }, undefined, buffers);
    });
  };

  /** Hears what Python tells this component; gives the way to stop. */
  listen = (listener: (told: Told) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private hear = (content: never, buffers: never) => {
    const message = content as Told;
    if (message.type !== "answer" && message.type !== "problem") {
      for (const listener of this.listeners) listener(message);
      return;
    }
    const waiting = this.waiting.get(message.request); // another view of the same component may have asked
    this.waiting.delete(message.request);
    if (message.type === "problem") waiting?.reject(new Refused(message.problem));
    else waiting?.resolve({ value: message.value as never, buffers: (buffers as DataView[] | undefined) ?? [] });
  };

  close(): void {
    this.model.off("msg:custom", this.hear);
  }
}

const LineContext = createContext<Line | null>(null);

export function useLine(): Line {
  const line = useContext(LineContext);
  if (!line) throw new Error("outside of a component");
  return line;
}

/** A trait of the Python side, and the way to set it there. */
export function useTrait<Value>(name: string): [Value, (value: Value) => void] {
  const { model } = useLine();
  const [value, setValue] = useState(() => model.get(name) as Value);
  useEffect(() => {
    const take = () => setValue(() => model.get(name) as Value);
    take();
    model.on(`change:${name}`, take);
    return () => model.off(`change:${name}`, take);
  }, [model, name]);
  const change = (changed: Value) => {
    model.set(name, changed);
    model.save_changes();
  };
  return [value, change];
}

/** What a bundle exports: anywidget draws the component into an element of its own. */
export function component(draw: () => ComponentChildren) {
  return {
    render({ model, el }: { model: Model; el: HTMLElement }) {
      el.classList.add("cfo");
      // A notebook's shortcuts must not see what is typed here; JupyterLab's do before it comes to this element.
      el.dataset.lmSuppressShortcuts = "true";
      el.addEventListener("keydown", (event) => event.stopPropagation());
      const line = new Line(model);
      mount(<LineContext.Provider value={line}>{draw()}</LineContext.Provider>, el);
      return () => {
        mount(null, el);
        line.close();
      };
    },
  };
}
