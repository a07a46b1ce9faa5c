// The frame of every component: its root element, its traits as Preact state, and how it stands with Python.
import type { ComponentChildren } from "preact";
import { createContext, render as mount } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { Line, type Link, type Model, trouble } from "./line";
import "./tokens.css";

const LineContext = createContext<Line | null>(null);

export function useLine(): Line {
  const line = useContext(LineContext);
  if (!line) throw new Error("outside of a component");
  return line;
}

/** Whether Python answers. */
export function useLink(): Link {
  const line = useLine();
  const [link, setLink] = useState(line.link);
  useEffect(() => {
    const take = () => setLink(line.link);
    take();
    return line.watch(take);
  }, [line]);
  return link;
}

/** Says it plainly where nobody answers any more, and what to do about it. */
export function Lost() {
  const link = useLink();
  return link === "alive" ? null : <p class="cfo-lost" role="status">{trouble(link).message}</p>;
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
      const line = new Line(model, el);
      const mark = () => (el.dataset.link = line.link);
      mark();
      line.watch(mark);
      mount(<LineContext.Provider value={line}>{draw()}</LineContext.Provider>, el);
      return () => {
        mount(null, el);
        line.close();
      };
    },
  };
}
