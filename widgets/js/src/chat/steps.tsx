// Shows the agent's steps: an unobtrusive line for each tool call, which expands to show its input and output.
import { useState } from "preact/hooks";
import { formatted } from "../result/query_text";
import type { Numbered, Problem } from "../shared/wire_types";
import { CodeBlock } from "./code_block";
import { problemOf } from "./requests";
import { addToSteps, type Step } from "./run_state";
import { stepLabel, stepState } from "./step_label";
import { ToolOutput } from "./tool_output";

export function StepList({ steps, hasRunEnded = false }: { steps: Step[]; hasRunEnded?: boolean }) {
  if (steps.length === 0) return null;
  return <ol class="cfo-steps" aria-label="Steps">{steps.map((step) => <StepRow step={step} hasRunEnded={hasRunEnded} />)}</ol>;
}

interface PastStepsProps {
  /** The steps received by this page, or null if it was opened later and has to load them. */
  known: Step[] | null;
  count: number;
  load: () => Promise<Numbered[]>;
}

export function PastSteps({ known, count, load }: PastStepsProps) {
  const [loaded, setLoaded] = useState<Step[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const steps = known ?? loaded;
  const total = steps?.length ?? count;
  if (total === 0) return null;
  const onToggle = (isOpen: boolean) => {
    if (!isOpen || steps) return;
    setProblem(null);
    load().then(
      (events) => setLoaded(events.reduce<Step[]>((before, { event }) => addToSteps(before, event), [])),
      (error: unknown) => setProblem(problemOf(error)),
    );
  };
  return (
    <details class="cfo-fold" onToggle={(event) => onToggle(event.currentTarget.open)}>
      <summary>{total === 1 ? "1 step" : `${total} steps`}</summary>
      {steps && <StepList steps={steps} hasRunEnded />}
      {problem && <p class="cfo-mute" role="alert">{problem.message}</p>}
    </details>
  );
}

function StepRow({ step, hasRunEnded }: { step: Step; hasRunEnded: boolean }) {
  const state = stepState(step, hasRunEnded);
  return (
    <li data-state={state}>
      <details>
        <summary>{stepLabel(step, state)}</summary>
        <StepDetails step={step} />
      </details>
    </li>
  );
}

function StepDetails({ step }: { step: Step }) {
  const { sql, code, ...rest } = (step.input ?? {}) as Record<string, unknown>;
  return (
    <div class="cfo-inside">
      {typeof sql === "string" && <CodeBlock text={formatted(sql)} label="SQL" />}
      {typeof code === "string" && <CodeBlock text={code} label="Python" />}
      {Object.keys(rest).length > 0 && <CodeBlock text={JSON.stringify(rest, null, 2)} label="Input" />}
      {step.output !== undefined && <ToolOutput output={step.output} />}
    </div>
  );
}
