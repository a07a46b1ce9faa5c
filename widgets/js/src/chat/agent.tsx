// Shows the agent's steps and reply for one message, during the run and afterwards.
import { useKernelState } from "../shared/component";
import { CopyButton } from "../shared/copy_button";
import type { ActionStarted, Numbered, Progress } from "../shared/wire_types";
import { fullDateTime } from "./date_time";
import { Markdown } from "./markdown";
import { ReplyView } from "./reply";
import { replyMarkdown } from "./reply_markdown";
import { replyText, type RunState } from "./run_state";
import { PastSteps, StepList } from "./steps";
import type { TurnProps } from "./turn";
import { isOpen, outcomeOf } from "./turns";
import { usageLabel } from "./usage";

export function AgentView(props: TurnProps & { runId: string }) {
  const { turn, isStopping, isLast, send, runId, ask, opened } = props;
  const { reply, error, status } = outcomeOf(turn);
  const isWorking = isOpen(turn) && !reply && !error;
  const text = turn.live && !reply ? replyText(turn.live) : "";
  const load = () => ask<Numbered[]>({ type: "steps", opened, run_id: runId });
  return (
    <article class="cfo-agent" aria-label="Analyst" aria-busy={isWorking}>
      {isWorking && turn.live ? (
        <StepList steps={turn.live.steps} />
      ) : (
        <PastSteps known={turn.live?.status ? turn.live.steps : null} count={turn.agent?.usage?.tool_calls ?? 0} load={load} />
      )}
      {text && isWorking && <Markdown text={text} />}
      {isWorking && <Activity live={turn.live} hasText={text !== ""} isStopping={isStopping} />}
      {reply && <ReplyView reply={reply} chart={turn.agent?.chart ?? null} runId={runId} isLast={isLast} send={send} />}
      {status === "cancelled" && <p class="cfo-stopped cfo-mute">Stopped. Write a message to continue.</p>}
      {error && status !== "cancelled" && error.code !== "cancelled" && (
        <RunError message={error.message} retry={isLast && turn.person.text ? () => send?.(turn.person.text) : undefined} />
      )}
      {turn.agent && (
        <p class="cfo-meta cfo-mute">
          {reply && <CopyButton text={() => replyMarkdown(reply)} label="Copy" class="cfo-link cfo-copy" />}
          <time dateTime={turn.agent.at} title={fullDateTime(turn.agent.at)}>
            {new Date(turn.agent.at).toLocaleTimeString(undefined, { timeStyle: "short" })}
          </time>
          {usageLabel(turn.agent.usage) && <span>{usageLabel(turn.agent.usage)}</span>}
        </p>
      )}
    </article>
  );
}

/** A line that describes the current activity. */
function Activity({ live, hasText, isStopping }: { live: RunState | null; hasText: boolean; isStopping: boolean }) {
  if (useKernelState() !== "alive") return <p class="cfo-mute">The connection was lost before this was finished.</p>;
  const isStepRunning = live?.steps.some(({ output }) => output === undefined);
  if (isStepRunning && !isStopping) return null; // the step itself shows it
  const progress = live?.progress && (live.action || isUnfinished(live.progress)) ? live.progress : null;
  return (
    <div class="cfo-doing" role="status">
      <span class="cfo-dots" aria-hidden="true"><i /><i /><i /></span>
      <span class="cfo-mute">{isStopping ? "Stopping…" : activityLabel(live, hasText)}</span>
      {progress && progress.total > 1 && <progress value={progress.done} max={progress.total} aria-label={progress.label} />}
    </div>
  );
}

const ACTION_LABELS: Record<ActionStarted["kind"], string> = {
  run_sql: "Running the full query…",
  write_sheet_from_file: "Writing the sheet…",
};

function activityLabel(live: RunState | null, hasText: boolean): string {
  if (live?.action) return ACTION_LABELS[live.action];
  if (live?.progress && !hasText && isUnfinished(live.progress)) return `${live.progress.label}…`;
  return hasText ? "Writing…" : "Thinking…";
}

const isUnfinished = ({ done, total }: Progress): boolean => done < total;

function RunError({ message, retry }: { message: string; retry: (() => void) | undefined }) {
  return (
    <div class="cfo-problem cfo-failed">
      <p>{message}</p>
      {retry && <button type="button" class="cfo-button" onClick={retry}>Try again</button>}
    </div>
  );
}
