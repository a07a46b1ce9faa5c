import { useRef, useState } from "preact/hooks";
import { useLine } from "../shared/component";
import { words } from "../shared/failure";
import { useOwnId } from "../shared/own_id";

/** The name of a new company. What was typed stays until it is taken. */
export function NewWorkspace({ mayCancel, close }: { mayCancel: boolean; close: () => void }) {
  const line = useLine();
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useOwnId();
  const create = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    if (!name.trim()) {
      setProblem("Write the company's name first.");
      input.current?.focus();
      return;
    }
    setIsBusy(true);
    try {
      await line.ask({ type: "create", name });
      close();
    } catch (error) {
      setProblem(words(error));
      input.current?.focus();
    }
    setIsBusy(false);
  };
  return (
    <form class="cfo-new-workspace" onSubmit={create}
      onKeyDown={(event) => { if (event.key === "Escape" && mayCancel) close(); }}>
      <label for={id}>Name of the company</label>
      <input
        id={id} ref={(element) => { if (element && !input.current) element.focus(); input.current = element; }}
        value={name} maxLength={120} autocomplete="off" dir="auto" aria-invalid={!!problem}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onInput={(event) => { setName(event.currentTarget.value); setProblem(""); }}
      />
      {problem && <p id={`${id}-problem`} class="cfo-problem" role="alert">{problem}</p>}
      <div>
        <button type="submit" class="cfo-button cfo-primary" aria-disabled={isBusy}>{isBusy ? "Creating…" : "Create"}</button>
        {mayCancel && <button type="button" class="cfo-button" onClick={close}>Cancel</button>}
      </div>
    </form>
  );
}
