import { useRef, useState } from "preact/hooks";
import { useChannel } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { useElementId } from "../shared/element_id";

/** The form for a new company. It keeps the name until the company is created. */
export function NewWorkspace({ canCancel, close }: { canCancel: boolean; close: () => void }) {
  const channel = useChannel();
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useElementId();
  const create = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    if (!name.trim()) {
      setProblem("Enter a name first.");
      input.current?.focus();
      return;
    }
    setIsBusy(true);
    try {
      await channel.request({ type: "create", name });
      close();
    } catch (error) {
      setProblem(errorMessage(error));
      input.current?.focus();
    }
    setIsBusy(false);
  };
  return (
    <form class="cfo-new-workspace" onSubmit={create}
      onKeyDown={(event) => { if (event.key === "Escape" && canCancel) close(); }}>
      <label for={id}>Company name</label>
      <input
        id={id} ref={(element) => { if (element && !input.current) element.focus(); input.current = element; }}
        value={name} maxLength={120} autocomplete="off" dir="auto" aria-invalid={!!problem}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onInput={(event) => { setName(event.currentTarget.value); setProblem(""); }}
      />
      {problem && <p id={`${id}-problem`} class="cfo-problem" role="alert">{problem}</p>}
      <div>
        <button type="submit" class="cfo-button cfo-primary" aria-disabled={isBusy}>{isBusy ? "Creating…" : "Create"}</button>
        {canCancel && <button type="button" class="cfo-button" onClick={close}>Cancel</button>}
      </div>
    </form>
  );
}
