// The result of a reply in a cell of its own.
import { useState } from "preact/hooks";
import { component, Lost, useLine, useTrait } from "../shared/component";
import { words } from "../shared/failure";
import type { Reply } from "../shared/wire_types";
import type { Spec } from "../result/chart";
import { FailedQuery, ResultView, SheetCard } from "../result/view";

function Alone() {
  const line = useLine();
  const [reply] = useTrait<Reply>("reply");
  const [chart] = useTrait<Spec | null>("chart");
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = async (sql: string) => {
    if (isRunning) return;
    setRunning(true);
    setProblem(null);
    try {
      await line.ask({ type: "rerun", sql });
    } catch (error) {
      setProblem(words(error, "The query did not run. Try again."));
    }
    setRunning(false);
  };
  return (
    <div class="cfo-results" aria-busy={isRunning}>
      <Lost />
      {isRunning && <p class="cfo-mute" role="status">Running the query…</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <Delivered reply={reply} chart={chart} run={run} />
    </div>
  );
}

function Delivered({ reply, chart, run }: { reply: Reply; chart: Spec | null; run: (sql: string) => void }) {
  if (reply.kind === "write_sheet_from_file") {
    if (reply.written) return <SheetCard written={reply.written} />;
    return <p class="cfo-problem">{reply.error?.message ?? "No sheet was written."}</p>;
  }
  if (reply.kind === "run_sql" && reply.error) return <FailedQuery sql={reply.sql} problem={reply.error} onRun={run} />;
  if (reply.kind === "user_interaction" || !reply.result) return <p class="cfo-mute">This reply has no table. Ask for figures.</p>;
  return <ResultView table={reply.result} chart={chart} runId={reply.result.file ?? ""} onRun={run} />;
}

export default component(() => <Alone />);
