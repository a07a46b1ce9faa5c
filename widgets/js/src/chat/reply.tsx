// The four replies, each with a look of its own.
import type { Spec } from "../result/chart";
import { FailedQuery, ResultView, SheetCard } from "../result/view";
import type { Problem, Reply, RunSQL, TaskResult, UserInteraction, WriteSheetFromFile } from "../shared/wire_types";
import { Markdown } from "./markdown";

interface Shown<Kind> {
  reply: Kind;
  chart: Spec | null;
  runId: string;
  isLast: boolean;
  say: ((text: string, inReplyTo?: string) => void) | undefined;
}

export function ReplyView({ reply, ...more }: Shown<Reply>) {
  switch (reply.kind) {
    case "user_interaction":
      return <Asks reply={reply} {...more} />;
    case "task_result":
      return <Answers reply={reply} {...more} />;
    case "run_sql":
      return <Delivers reply={reply} {...more} />;
    case "write_sheet_from_file":
      return <Writes reply={reply} {...more} />;
  }
}

function Asks({ reply, isLast, say, runId }: Shown<UserInteraction>) {
  return (
    <div class="cfo-asks">
      <Markdown text={reply.message} />
      {reply.choices.length > 0 && (
        <ul class="cfo-choices" aria-label="Answers to choose from">
          {reply.choices.map((choice) => (
            <li>
              {isLast ? (
                <button type="button" class="cfo-choice" disabled={!say} onClick={() => say?.(choice, runId)}>{choice}</button>
              ) : (
                <span class="cfo-choice">{choice}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Answers({ reply, chart, runId, say }: Shown<TaskResult>) {
  return (
    <>
      <Markdown text={reply.message} />
      {reply.result && <ResultView table={reply.result} chart={chart} runId={runId} onRun={running(say)} />}
    </>
  );
}

function Delivers({ reply, chart, runId, say }: Shown<RunSQL>) {
  return (
    <div class="cfo-review">
      <p class="cfo-kind">Table for review</p>
      <Markdown text={reply.purpose} />
      {reply.result && <ResultView table={reply.result} chart={chart} runId={runId} onRun={running(say)} />}
      {reply.error && <FailedQuery sql={reply.sql} problem={reply.error} onRun={running(say)} />}
      {reply.error && <p class="cfo-mute">Continue to let the analyst mend it, or write what it should do instead.</p>}
    </div>
  );
}

/** A query that a person changed is an ordinary message. */
function running(say: Shown<Reply>["say"]): ((sql: string) => void) | undefined {
  return say && ((sql) => say(`SQL: ${sql}`));
}

function Writes({ reply }: Shown<WriteSheetFromFile>) {
  return (
    <div class="cfo-review">
      <p class="cfo-kind">Sheet for review</p>
      <Markdown text={reply.purpose} />
      {reply.written && <SheetCard written={reply.written} />}
      {reply.error && <Mishap problem={reply.error} what="The sheet was not written." />}
    </div>
  );
}

/** What went wrong in carrying a reply out: the agent can mend it when it goes on. */
function Mishap({ problem, what }: { problem: Problem; what: string }) {
  return (
    <div class="cfo-problem">
      <p><strong>{what}</strong> {problem.message}</p>
      <p>Continue to let the analyst mend it, or write what it should do instead.</p>
    </div>
  );
}
