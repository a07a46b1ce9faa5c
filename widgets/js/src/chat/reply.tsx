// The kinds of reply.
import type { JSX } from "preact";
import type { ChartSpec } from "../result/chart_view";
import { FailedQuery, ResultView, SheetCard } from "../result/result_view";
import type { Problem, Reply, RunSQL, TaskResult, UserInteraction, WriteSheetFromFile } from "../shared/wire_types";
import { Markdown } from "./markdown";

const AFTER_AN_ERROR = "Continue to let the analyst fix it, or write what it should do instead.";

interface ReplyProps<Kind> {
  reply: Kind;
  chart: ChartSpec | null;
  runId: string;
  isLast: boolean;
  send: ((text: string, inReplyTo?: string) => void) | undefined;
}

export function ReplyView({ reply, ...more }: ReplyProps<Reply>): JSX.Element {
  switch (reply.kind) {
    case "user_interaction":
      return <Question reply={reply} {...more} />;
    case "task_result":
      return <TaskAnswer reply={reply} {...more} />;
    case "run_sql":
      return <TableForReview reply={reply} {...more} />;
    case "write_sheet_from_file":
      return <SheetForReview reply={reply} {...more} />;
  }
}

function Question({ reply, isLast, send, runId }: ReplyProps<UserInteraction>) {
  return (
    <div class="cfo-asks">
      <Markdown text={reply.message} />
      {reply.choices.length > 0 && (
        <ul class="cfo-choices" aria-label="Answers to choose from">
          {reply.choices.map((choice) => (
            <li>
              {isLast ? (
                <button type="button" class="cfo-choice" disabled={!send} onClick={() => send?.(choice, runId)}>{choice}</button>
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

function TaskAnswer({ reply, chart, runId, send }: ReplyProps<TaskResult>) {
  return (
    <>
      <Markdown text={reply.message} />
      {reply.result && <ResultView table={reply.result} chart={chart} runId={runId} onRun={sendQuery(send)} />}
    </>
  );
}

function TableForReview({ reply, chart, runId, send }: ReplyProps<RunSQL>) {
  return (
    <div class="cfo-review">
      <p class="cfo-kind">Table for review</p>
      <Markdown text={reply.purpose} />
      {reply.result && <ResultView table={reply.result} chart={chart} runId={runId} onRun={sendQuery(send)} />}
      {reply.error && <FailedQuery sql={reply.sql} problem={reply.error} onRun={sendQuery(send)} />}
      {reply.error && <p class="cfo-mute">{AFTER_AN_ERROR}</p>}
    </div>
  );
}

/** An edited query is sent as an ordinary message. */
function sendQuery(send: ReplyProps<Reply>["send"]): ((sql: string) => void) | undefined {
  return send && ((sql) => send(`SQL: ${sql}`));
}

function SheetForReview({ reply }: ReplyProps<WriteSheetFromFile>) {
  return (
    <div class="cfo-review">
      <p class="cfo-kind">Sheet for review</p>
      <Markdown text={reply.purpose} />
      {reply.written && <SheetCard written={reply.written} />}
      {reply.error && <ActionError problem={reply.error} what="The sheet was not written." />}
    </div>
  );
}

/** An error in the reply's action, which the agent can fix when it continues. */
function ActionError({ problem, what }: { problem: Problem; what: string }) {
  return (
    <div class="cfo-problem">
      <p><strong>{what}</strong> {problem.message}</p>
      <p>{AFTER_AN_ERROR}</p>
    </div>
  );
}
