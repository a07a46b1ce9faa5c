// The root of every component: provides its element, its traits as Preact state, and its channel to Python.
import type { ComponentChildren } from "preact";
import { createContext, render as mount } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { KernelChannel, kernelProblem, type KernelState, type Model } from "./kernel_channel";
import "./tokens.css";

const ChannelContext = createContext<KernelChannel | null>(null);

export function useChannel(): KernelChannel {
  const channel = useContext(ChannelContext);
  if (!channel) throw new Error("useChannel was called outside a component");
  return channel;
}

/** Whether Python responds. */
export function useKernelState(): KernelState {
  const channel = useChannel();
  const [state, setState] = useState(channel.state);
  useEffect(() => {
    const update = () => setState(channel.state);
    update();
    return channel.onStateChange(update);
  }, [channel]);
  return state;
}

/** Shows that the kernel is not responding, and what to do. */
export function KernelNotice() {
  const state = useKernelState();
  return state === "alive" ? null : <p class="cfo-lost" role="status">{kernelProblem(state).message}</p>;
}

/** Returns a trait of the Python widget, and a function that sets it there. */
export function useTrait<Value>(name: string): [Value, (value: Value) => void] {
  const { model } = useChannel();
  const [value, setValue] = useState(() => model.get(name) as Value);
  useEffect(() => {
    const update = () => setValue(() => model.get(name) as Value);
    update();
    model.on(`change:${name}`, update);
    return () => model.off(`change:${name}`, update);
  }, [model, name]);
  const set = (changed: Value) => {
    model.set(name, changed);
    model.save_changes();
  };
  return [value, set];
}

/** Returns the exports of a bundle. anywidget calls `render` with an element for the component. */
export function component(draw: () => ComponentChildren) {
  return {
    render({ model, el }: { model: Model; el: HTMLElement }) {
      el.classList.add("cfo");
      // Keys typed here must not trigger the notebook's shortcuts. JupyterLab handles its shortcuts in the capture phase, before
      // the events reach this element, so it also needs the attribute.
      el.dataset.lmSuppressShortcuts = "true";
      el.addEventListener("keydown", (event) => event.stopPropagation());
      const channel = new KernelChannel(model, el);
      const showState = () => (el.dataset.link = channel.state);
      showState();
      channel.onStateChange(showState);
      mount(<ChannelContext.Provider value={channel}>{draw()}</ChannelContext.Provider>, el);
      return () => {
        mount(null, el);
        channel.close();
      };
    },
  };
}
