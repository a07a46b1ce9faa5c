// What the agent does and says about one message, while it works and afterwards.
import { useLink } from "../shared/component";
import { Copy } from "../shared/copy";
import type { Numbered } from "../shared/wire_types";
import { asMarkdown } from "./as_markdown";
import { words, type Live } from "./live";
import { Markdown } from "./markdown";
import { ReplyView } from "./reply";
import { LiveSteps, PastSteps } from "./steps";
import type { TurnProperties } from "./turn";
import { ending, isOpen } from "./turns";
import { used } from "./usage";
import { whenever } from "./whenever";

export function AgentView(properties: TurnProperties & { runId: string }) {
  const { turn, isStopping, isLast, say, runId, ask, opened } = properties;
  const { reply, error, status } = ending(turn);
  const works = isOpen(turn) && !reply && !error;
  const text = turn.live && !reply ? words(turn.live) : "";
  const load = () => ask<Numbered[]>({ type: "steps", opened, run_id: runId });
  return (
    <article class="cfo-agent" aria-label="Analyst" aria-busy={works}>
      {works && turn.live ? (
        <LiveSteps steps={turn.live.steps} />
      ) : (
        <PastSteps known={turn.live?.status ? turn.live.steps : null} count={turn.agent?.usage?.tool_calls ?? 0} load={load} />
      )}
      {text && works && <Markdown text={text} />}
      {works && <Doing live={turn.live} hasWords={text !== ""} isStopping={isStopping} />}
      {reply && <ReplyView reply={reply} chart={turn.agent?.chart ?? null} runId={runId} isLast={isLast} say={say} />}
      {status === "cancelled" && <p class="cfo-stopped cfo-mute">Stopped. Write a message to go on.</p>}
      {error && status !== "cancelled" && error.code !== "cancelled" && (
        <Failed message={error.message} again={isLast && turn.person.text ? () => say?.(turn.person.text) : undefined} />
      )}
      {turn.agent && (
        <p class="cfo-meta cfo-mute">
          {reply && <Copy text={() => asMarkdown(reply)} label="Copy" class="cfo-link cfo-copy" />}
          <time dateTime={turn.agent.at} title={whenever(turn.agent.at)}>
            {new Date(turn.agent.at).toLocaleTimeString(undefined, { timeStyle: "short" })}
          </time>
          {used(turn.agent.usage) && <span>{used(turn.agent.usage)}</span>}
        </p>
      )}
    </article>
  );
}

/** One line on what happens now. */
function Doing({ live, hasWords, isStopping }: { live: Live | null; hasWords: boolean; isStopping: boolean }) {
  if (useLink() !== "alive") return <p class="cfo-mute">This was not finished when the connection was lost.</p>;
  const isBusyElsewhere = live?.steps.some(({ output }) => output === undefined);
  if (isBusyElsewhere && !isStopping) return null; // the step says it
  const { done, total } = live?.progress ?? { done: 0, total: 0 };
  return (
    <div class="cfo-doing" role="status">
      <span class="cfo-dots" aria-hidden="true"><i /><i /><i /></span>
      <span class="cfo-mute">{isStopping ? "Stopping…" : doing(live, hasWords)}</span>
      {total > 0 && <progress value={done} max={total} aria-label={live?.progress?.label ?? "Progress"} />}
    </div>
  );
}

function doing(live: Live | null, hasWords: boolean): string {
  if (live?.action === "run_sql") return "Running the query over all rows…";
  if (live?.action === "write_sheet_from_file") return "Writing the sheet…";
  return hasWords ? "Writing…" : "Thinking…";
}

function Failed({ message, again }: { message: string; again: (() => void) | undefined }) {
  return (
    <div class="cfo-problem cfo-failed">
      <p>{message}</p>
      {again && <button type="button" class="cfo-button" onClick={again}>Try again</button>}
    </div>
  );
}
