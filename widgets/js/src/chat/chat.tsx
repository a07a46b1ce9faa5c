// The conversation: its title, what was said, and the box to write in.
import { useState } from "preact/hooks";
import { Lost, useTrait } from "../shared/component";
import type { Problem } from "../shared/wire_types";
import { problemOf } from "./asking";
import { Composer } from "./composer";
import { openRun, useConversation } from "./conversation";
import { Countdown } from "./countdown";
import { Empty } from "./empty";
import { Header } from "./header";
import { Transcript } from "./transcript";
import { TurnView } from "./turn";
import type { Outgoing } from "../shared/unsent";
import { ending } from "./turns";

export function Chat() {
  const [opened] = useTrait<string>("opened");
  return (
    <section class="cfo-chat" aria-label="Conversation">
      <Opened key={opened} opened={opened} />
    </section>
  );
}

function Opened({ opened }: { opened: string }) {
  const { turns, link, where, send, retry, takeBack, ask } = useConversation(opened);
  const [notice] = useTrait<string>("notice");
  const [isLoading] = useTrait<boolean>("is_loading");
  const [trouble] = useTrait<Problem | null>("trouble");
  const [stopping, setStopping] = useState<string[]>([]);
  const [isTyping, setTyping] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const [returned, setReturned] = useState<{ text: string } | null>(null);
  const [refused, setRefused] = useState<Problem | null>(null);

  const attempt = (work: Promise<unknown>) => {
    setRefused(null);
    return work.catch((error: unknown) => setRefused(problemOf(error)));
  };
  const working = openRun(turns);
  const last = turns.at(-1);
  const reply = last && ending(last).reply;
  const isAlive = link === "alive";
  const canWrite = !notice && link !== "none" && opened !== ""; // also while it is lost: what is written is kept
  const waits = last?.agent && last.runId && (reply?.kind === "run_sql" || reply?.kind === "write_sheet_from_file");
  const asks = last?.agent && last.runId && reply && reply.kind !== "task_result" ? last.runId : undefined;

  const stop = (runId: string) => {
    setStopping((all) => [...all, runId]);
    void attempt(ask({ type: "cancel", opened, run_id: runId })).then(() =>
      setStopping((all) => all.filter((one) => one !== runId)),
    );
  };
  const edit = (outgoing: Outgoing) => {
    takeBack(outgoing);
    setReturned({ text: outgoing.text });
  };
  const say = canWrite && isAlive ? send : undefined;

  return (
    <>
      <Header state={state({ working, stopping, isLoading, isAlive, notice })} rename={(title) => ask({ type: "rename", opened, title })} />
      <Transcript sent={turns.filter(({ outgoing }) => outgoing).length} onTyping={setEditing}>
        {turns.length === 0 && !isLoading && opened !== "" && !notice && <Empty say={say} />}
        {turns.length === 0 && isLoading && <p class="cfo-mute cfo-loading" role="status">Opening the conversation…</p>}
        {turns.map((turn) => (
          <TurnView
            key={turn.key}
            turn={turn}
            isLast={turn === last}
            isStopping={turn.runId !== null && stopping.includes(turn.runId)}
            say={say}
            retry={retry}
            edit={edit}
            stop={stop}
            ask={ask}
            opened={opened}
          />
        ))}
        {waits && !notice && (
          <Countdown
            key={last.runId}
            runId={last.runId ?? ""}
            isAlive={isAlive}
            cameLive={last.live?.cameLive ?? false}
            isTyping={isTyping || isEditing}
            proceed={(untouched) => ask({ type: "continue", opened, run_id: last.runId ?? "", untouched })}
          />
        )}
      </Transcript>
      {trouble && (
        <Trouble problem={trouble}>
          <button type="button" class="cfo-button" onClick={() => void attempt(ask({ type: "look" }))}>Try again</button>
        </Trouble>
      )}
      {refused && <Trouble problem={refused} />}
      <Lost />
      {notice && <p class="cfo-notice" role="status">{notice}</p>}
      {canWrite && (
        <Composer
          where={where}
          returned={returned}
          send={(text) => send(text, asks)}
          stop={working && isAlive ? () => stop(working) : undefined}
          isStopping={working !== null && stopping.includes(working)}
          onTyping={setTyping}
        />
      )}
    </>
  );
}

function Trouble({ problem, children }: { problem: Problem; children?: preact.ComponentChildren }) {
  return (
    <div class="cfo-trouble cfo-problem" role="alert" data-code={problem.code}>
      <span>{problem.message}</span>
      {children}
    </div>
  );
}

interface Now {
  working: string | null;
  stopping: string[];
  isLoading: boolean;
  isAlive: boolean;
  notice: string;
}

function state({ working, stopping, isLoading, isAlive, notice }: Now): string {
  if (!isAlive) return "Not connected";
  if (isLoading) return "Opening…";
  if (working) return stopping.includes(working) ? "Stopping…" : "Working…";
  return notice ? "Read only" : "Ready";
}
