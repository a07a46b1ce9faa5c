// The conversation: its title, its turns, and the composer.
import { useState } from "preact/hooks";
import { KernelNotice, useTrait } from "../shared/component";
import type { OutgoingMessage } from "../shared/drafts";
import type { Problem } from "../shared/wire_types";
import { Composer } from "./composer";
import { openRun, useConversation } from "./conversation";
import { Countdown } from "./countdown";
import { EmptyThread } from "./empty_thread";
import { Header } from "./header";
import { problemOf } from "./requests";
import { Transcript } from "./transcript";
import { TurnView } from "./turn";
import { outcomeOf } from "./turns";

export function Chat() {
  const [opened] = useTrait<string>("opened");
  return (
    <section class="cfo-chat" aria-label="Conversation">
      <OpenThread key={opened} opened={opened} />
    </section>
  );
}

function OpenThread({ opened }: { opened: string }) {
  const { turns, connection, thread, send, retry, withdraw, sendNow, ask } = useConversation(opened);
  const [notice] = useTrait<string>("notice");
  const [isLoading] = useTrait<boolean>("is_loading");
  const [trouble] = useTrait<Problem | null>("trouble");
  const [stopping, setStopping] = useState<string[]>([]);
  const [isTyping, setTyping] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const [withdrawn, setWithdrawn] = useState<{ text: string } | null>(null);
  const [failure, setFailure] = useState<Problem | null>(null);

  const attempt = (work: Promise<unknown>) => {
    setFailure(null);
    return work.catch((error: unknown) => setFailure(problemOf(error)));
  };
  const working = openRun(turns);
  const last = turns.at(-1);
  const reply = last && outcomeOf(last).reply;
  const isAlive = connection === "alive";
  const canWrite = !notice && connection !== "none" && opened !== ""; // also while the connection is lost, since the draft is kept
  const needsReview = last?.agent?.waits_for_review && last.runId;
  const replyTo = last?.agent && last.runId && reply && reply.kind !== "task_result" ? last.runId : undefined;

  const stop = (runId: string) => {
    setStopping((all) => [...all, runId]);
    void attempt(ask({ type: "cancel", opened, run_id: runId })).then(() =>
      setStopping((all) => all.filter((one) => one !== runId)),
    );
  };
  const edit = (outgoing: OutgoingMessage) => {
    withdraw(outgoing);
    setWithdrawn({ text: outgoing.text });
  };
  const sendIfAlive = canWrite && isAlive ? send : undefined;

  return (
    <>
      <Header state={stateLabel({ working, stopping, isLoading, isAlive, notice })} rename={(title) => ask({ type: "rename", opened, title })} />
      <Transcript sent={turns.filter(({ outgoing }) => outgoing).length} onTyping={setEditing}>
        {turns.length === 0 && !isLoading && opened !== "" && !notice && <EmptyThread send={sendIfAlive} />}
        {turns.length === 0 && isLoading && <p class="cfo-mute cfo-loading" role="status">Opening the conversation…</p>}
        {turns.map((turn) => (
          <TurnView
            key={turn.key}
            turn={turn}
            isLast={turn === last}
            isStopping={turn.runId !== null && stopping.includes(turn.runId)}
            send={sendIfAlive}
            retry={retry}
            edit={edit}
            sendNow={sendNow}
            stop={stop}
            ask={ask}
            opened={opened}
          />
        ))}
        {needsReview && !notice && (
          <Countdown
            key={last.runId}
            runId={last.runId ?? ""}
            isAlive={isAlive}
            arrivedLive={last.live?.arrivedLive ?? false}
            isTyping={isTyping || isEditing}
            proceed={(untouched) => ask({ type: "continue", opened, run_id: last.runId ?? "", untouched })}
          />
        )}
      </Transcript>
      {trouble?.code === "too_many_streams" && <p class="cfo-away cfo-full" role="status">{trouble.message}</p>}
      {trouble && trouble.code !== "too_many_streams" && (
        <ProblemBar problem={trouble}>
          <button type="button" class="cfo-button" onClick={() => void attempt(ask({ type: "look" }))}>Try again</button>
        </ProblemBar>
      )}
      {failure && <ProblemBar problem={failure} />}
      <KernelNotice />
      {notice && <p class="cfo-notice" role="status">{notice}</p>}
      {canWrite && (
        <Composer
          thread={thread}
          withdrawn={withdrawn}
          send={(text) => send(text, replyTo)}
          stop={working && isAlive ? () => stop(working) : undefined}
          isStopping={working !== null && stopping.includes(working)}
          onTyping={setTyping}
        />
      )}
    </>
  );
}

function ProblemBar({ problem, children }: { problem: Problem; children?: preact.ComponentChildren }) {
  return (
    <div class="cfo-trouble cfo-problem" role="alert" data-code={problem.code}>
      <span>{problem.message}</span>
      {children}
    </div>
  );
}

interface ThreadActivity {
  working: string | null;
  stopping: string[];
  isLoading: boolean;
  isAlive: boolean;
  notice: string;
}

function stateLabel({ working, stopping, isLoading, isAlive, notice }: ThreadActivity): string {
  if (!isAlive) return "Not connected";
  if (isLoading) return "Opening…";
  if (working) return stopping.includes(working) ? "Stopping…" : "Working…";
  return notice ? "Read-only" : "Ready";
}
