// What a page knows of its thread, and what a person can do there.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Refused, useLine, useTrait } from "../shared/component";
import type { Numbered, Problem, ShownMessage } from "../shared/values";
import type { Command } from "../shared/wire";
import { keepOutbox, outbox as kept, place } from "./kept";
import { after, type Live, NOTHING } from "./live";
import { arrived, isOpen, type Outgoing, type Turn, turns } from "./turns";

const PATIENCE = 20_000;
const NO_ANSWER: Problem = {
  code: "no_answer",
  message: "No kernel answers this page. Run the cell again, or reload the page, then try again.",
};
const LEFT_BEHIND: Problem = { code: "left", message: "The page was closed before this was on its way." };

export interface Conversation {
  turns: Turn[];
  isAlive: boolean;
  where: string;
  send: (text: string, inReplyTo?: string) => void;
  retry: (outgoing: Outgoing) => void;
  takeBack: (outgoing: Outgoing) => void;
  ask: <Value>(command: Command) => Promise<Value>;
}

/** The conversation of one opening; another one begins anew. */
export function useConversation(opened: string): Conversation {
  const [messages] = useTrait<ShownMessage[]>("messages");
  const [threadId] = useTrait<string>("thread_id");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [isLoading] = useTrait<boolean>("is_loading");
  const where = place(workspaceId, threadId);
  const ask = useAsk();
  const { lives, isAlive } = useLives(ask);
  const [outbox, setOutbox] = useState<Outgoing[]>(() => kept(where));
  const keys = useMemo(() => arrived(messages, outbox), [messages, outbox]);
  const here = useRef(where);
  const isChecked = useRef(false);

  useEffect(() => {
    if (here.current !== where) keepOutbox(here.current, []); // the thread got its id
    here.current = where;
    const there = new Set(keys.values());
    keepOutbox(where, outbox.filter(({ key, runId }) => !runId && !there.has(key)));
  }, [where, outbox, keys]);

  const change = (key: string, changed: Partial<Outgoing>) =>
    setOutbox((all) => all.map((one) => (one.key === key ? { ...one, ...changed } : one)));

  const deliver = async ({ key, text, in_reply_to }: Outgoing) => {
    try {
      const more = in_reply_to ? { in_reply_to } : {};
      const { run_id } = await ask<{ run_id: string }>({ type: "send", opened, key, text, ...more });
      change(key, { runId: run_id });
      keepOutbox(here.current, kept(here.current).filter((one) => one.key !== key)); // also when this is shown no more
    } catch (error) {
      change(key, { problem: problemOf(error) });
    }
  };

  useEffect(() => {
    if (isLoading || !isAlive || isChecked.current) return;
    isChecked.current = true;
    const there = new Set(keys.values());
    for (const left of outbox.filter(({ key, problem, runId }) => !problem && !runId && !there.has(key))) {
      if (threadId) void deliver(left); // with its key it is taken once, whatever became of it before
      else change(left.key, { problem: LEFT_BEHIND });
    }
  }, [isLoading, isAlive]);

  const send = (text: string, inReplyTo?: string) => {
    const persons = messages.filter(({ who }) => who === "person").length;
    const there = new Set(keys.values());
    const onTheirWay = outbox.filter(({ key }) => !there.has(key)).length;
    const more = inReplyTo ? { in_reply_to: inReplyTo } : {};
    const outgoing: Outgoing = { key: newKey(), text, after: persons + onTheirWay, ...more };
    isChecked.current = true;
    setOutbox((all) => [...all, outgoing]);
    void deliver(outgoing);
  };
  const retry = (outgoing: Outgoing) => {
    setOutbox((all) => all.map((one) => (one.key === outgoing.key ? without(one) : one)));
    void deliver(outgoing);
  };
  const takeBack = ({ key }: Outgoing) => setOutbox((all) => all.filter((one) => one.key !== key));

  const shown = useMemo(() => turns(messages, lives, outbox, keys), [messages, lives, outbox, keys]);
  return { turns: shown, isAlive, where, send, retry, takeBack, ask };
}

/** The first run that works or waits, if any. */
export function openRun(all: Turn[]): string | null {
  return all.find(isOpen)?.runId ?? null;
}

export function problemOf(error: unknown): Problem {
  return error instanceof Refused ? error.problem : NO_ANSWER;
}

/** Asks Python, and gives up after a while: a kernel that is gone does not say so. */
function useAsk() {
  const line = useLine();
  return <Value,>(command: Command): Promise<Value> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Refused(NO_ANSWER)), PATIENCE);
      const end = () => clearTimeout(timer);
      line.ask<Value>(command).then(({ value }) => resolve(value), reject).finally(end);
    });
}

/** The runs of the thread as far as this page saw their events, drawn at most once in a frame. */
function useLives(ask: Conversation["ask"]) {
  const line = useLine();
  const [lives, setLives] = useState<ReadonlyMap<string, Live>>(new Map());
  const [isAlive, setAlive] = useState(true);
  useEffect(() => {
    let came: { run_id: string; events: Numbered[]; asTheyHappen: boolean }[] = [];
    let frame = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      const all = came;
      came = [];
      setLives((before) => {
        const now = new Map(before);
        for (const { run_id, events, asTheyHappen } of all) {
          now.set(run_id, after(now.get(run_id) ?? NOTHING, events, asTheyHappen));
        }
        return now;
      });
    };
    const take = (run_id: string, events: Numbered[], asTheyHappen: boolean) => {
      if (came.push({ run_id, events, asTheyHappen }) > 1) return;
      frame = requestAnimationFrame(draw);
      timer = setTimeout(draw, 250); // a page that nobody sees gets no frames
    };
    const stop = line.listen((told) => {
      setAlive(true);
      if (told.type === "events") take(told.run_id, told.events, true);
    });
    const unknown = setTimeout(() => setAlive(false), 4000);
    void ask<Record<string, Numbered[]>>({ type: "look" }).then(
      (told) => {
        clearTimeout(unknown);
        setAlive(true);
        for (const [run_id, events] of Object.entries(told)) take(run_id, events, false);
      },
      () => undefined,
    );
    return () => {
      stop();
      clearTimeout(unknown);
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [line]);
  return { lives, isAlive };
}

function without({ problem: _, ...outgoing }: Outgoing): Outgoing {
  return outgoing;
}

function newKey(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}
