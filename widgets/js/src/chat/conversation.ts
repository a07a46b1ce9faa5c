// What a page knows of its thread, and what a person can do there.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useTrait } from "../shared/component";
import type { ChatMessage, Problem, SentMessage } from "../shared/wire_types";
import { type Ask, type Link, problemOf, useAsk } from "./asking";
import { keepOutbox, type Outgoing, outbox as kept, place } from "../shared/unsent";
import { useLives } from "./lives";
import { arrived, isOpen, type Turn, turns } from "./turns";

const LEFT_BEHIND: Problem = { code: "left", message: "The page was closed before this was on its way." };

export interface Conversation {
  turns: Turn[];
  link: Link;
  where: string;
  send: (text: string, inReplyTo?: string) => void;
  retry: (outgoing: Outgoing) => void;
  takeBack: (outgoing: Outgoing) => void;
  ask: Ask;
}

/** The conversation of one opening; another one begins anew. */
export function useConversation(opened: string): Conversation {
  const [messages] = useTrait<ChatMessage[]>("messages");
  const [threadId] = useTrait<string>("thread_id");
  const [workspaceId] = useTrait<string>("workspace_id");
  const [isLoading] = useTrait<boolean>("is_loading");
  const where = place(workspaceId, threadId);
  const python = useAsk();
  const { ask, link } = python;
  const lives = useLives(python);
  const [outbox, setOutbox] = useState<Outgoing[]>(() => kept(where).map(unlessNowhere));
  const keys = useMemo(() => arrived(messages, outbox), [messages, outbox]);
  const known = useRef({ messages, outbox, keys });
  known.current = { messages, outbox, keys }; // a turn that was drawn long ago has buttons that send, too
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
      const { run_id } = await ask<SentMessage>({ type: "send", opened, key, text, ...more });
      change(key, { runId: run_id });
      keepOutbox(here.current, kept(here.current).filter((one) => one.key !== key)); // also when this is shown no more
    } catch (error) {
      change(key, { problem: problemOf(error) });
    }
  };

  useEffect(() => {
    if (isLoading || link !== "alive" || isChecked.current) return;
    isChecked.current = true;
    const there = new Set(keys.values());
    for (const left of outbox.filter(({ key, problem, runId }) => !problem && !runId && !there.has(key))) {
      if (threadId) void deliver(left); // with its key it is taken once, whatever became of it before
      else change(left.key, { problem: LEFT_BEHIND });
    }
  }, [isLoading, link]);

  const send = (text: string, inReplyTo?: string) => {
    const now = known.current;
    const persons = now.messages.filter(({ who }) => who === "person").length;
    const there = new Set(now.keys.values());
    const onTheirWay = now.outbox.filter(({ key }) => !there.has(key)).length;
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
  return { turns: shown, link, where, send, retry, takeBack, ask };
}

/** The first run that works or waits, if any. */
export function openRun(all: Turn[]): string | null {
  return all.find(isOpen)?.runId ?? null;
}

function without({ problem: _, ...outgoing }: Outgoing): Outgoing {
  return outgoing;
}

/** What found no kernel is sent by the next page that has one. */
function unlessNowhere(outgoing: Outgoing): Outgoing {
  return outgoing.problem?.code === "no_kernel" ? without(outgoing) : outgoing;
}

function newKey(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}
