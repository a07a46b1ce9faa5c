// Shows the result of a reply in a notebook cell.
import { useState } from "preact/hooks";
import { component, KernelNotice, useChannel, useTrait } from "../shared/component";
import { errorMessage } from "../shared/errors";
import type { Reply } from "../shared/wire_types";
import type { ChartSpec } from "../result/chart_view";
import { FailedQuery, ResultView, SheetCard } from "../result/result_view";

function ResultCell() {
  const channel = useChannel();
  const [reply] = useTrait<Reply>("reply");
  const [chart] = useTrait<ChartSpec | null>("chart");
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = async (sql: string) => {
    if (isRunning) return;
    setRunning(true);
    setProblem(null);
    try {
      await channel.request({ type: "rerun", sql });
    } catch (error) {
      setProblem(errorMessage(error, "The query could not be run. Try again."));
    }
    setRunning(false);
  };
  return (
    <div class="cfo-results" aria-busy={isRunning}>
      <KernelNotice />
      {isRunning && <p class="cfo-mute" role="status">Running the query…</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <ReplyResult reply={reply} chart={chart} run={run} />
    </div>
  );
}

function ReplyResult({ reply, chart, run }: { reply: Reply; chart: ChartSpec | null; run: (sql: string) => void }) {
  if (reply.kind === "write_sheet_from_file") {
    if (reply.written) return <SheetCard written={reply.written} />;
    return <p class="cfo-problem">{reply.error?.message ?? "No sheet was written."}</p>;
  }
  if (reply.kind === "run_sql" && reply.error) return <FailedQuery sql={reply.sql} problem={reply.error} onRun={run} />;
  if (reply.kind === "user_interaction" || !reply.result) return <p class="cfo-mute">This reply has no table. Ask for figures to get one.</p>;
  return <ResultView table={reply.result} chart={chart} runId={reply.result.file ?? ""} onRun={run} />;
}

export default component(() => <ResultCell />);
