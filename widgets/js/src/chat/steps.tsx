// What the agent did on the way, one quiet line for each tool call, which opens to show what went in and came out.
import { useState } from "preact/hooks";
import type { Numbered, Problem } from "../shared/wire_types";
import { formatted } from "../result/query";
import { Code } from "./code";
import { Output } from "./output";
import { problemOf } from "./asking";
import { type Step, steps as stepsAfter } from "./live";
import { stateOf, told } from "./tool_words";

export function LiveSteps({ steps, hasRunEnded = false }: { steps: Step[]; hasRunEnded?: boolean }) {
  if (steps.length === 0) return null;
  return <ol class="cfo-steps" aria-label="Steps">{steps.map((step) => <Line step={step} hasRunEnded={hasRunEnded} />)}</ol>;
}

interface Past {
  /** The steps that this page saw; null where it came later, and asks for them when they are opened. */
  known: Step[] | null;
  count: number;
  load: () => Promise<Numbered[]>;
}

export function PastSteps({ known, count, load }: Past) {
  const [loaded, setLoaded] = useState<Step[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const steps = known ?? loaded;
  const total = steps?.length ?? count;
  if (total === 0) return null;
  const open = (isOpen: boolean) => {
    if (!isOpen || steps) return;
    setProblem(null);
    load().then(
      (all) => setLoaded(all.reduce<Step[]>((before, { event }) => stepsAfter(before, event), [])),
      (error: unknown) => setProblem(problemOf(error)),
    );
  };
  return (
    <details class="cfo-fold" onToggle={(event) => open(event.currentTarget.open)}>
      <summary>{total === 1 ? "1 step" : `${total} steps`}</summary>
      {steps && <LiveSteps steps={steps} hasRunEnded />}
      {problem && <p class="cfo-mute" role="alert">{problem.message}</p>}
    </details>
  );
}

function Line({ step, hasRunEnded }: { step: Step; hasRunEnded: boolean }) {
  const state = stateOf(step, hasRunEnded);
  return (
    <li data-state={state}>
      <details>
        <summary>{told(step, state)}</summary>
        <Inside step={step} />
      </details>
    </li>
  );
}

function Inside({ step }: { step: Step }) {
  const { sql, code, ...rest } = (step.input ?? {}) as Record<string, unknown>;
  return (
    <div class="cfo-inside">
      {typeof sql === "string" && <Code text={formatted(sql)} label="SQL" />}
      {typeof code === "string" && <Code text={code} label="Python" />}
      {Object.keys(rest).length > 0 && <Code text={JSON.stringify(rest, null, 2)} label="Input" />}
      {step.output !== undefined && <Output output={step.output} />}
    </div>
  );
}
