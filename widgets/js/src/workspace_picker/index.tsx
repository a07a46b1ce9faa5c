import { useEffect, useRef, useState } from "preact/hooks";
import { component, Lost, useLine, useTrait } from "../shared/component";
import { words } from "../shared/failure";
import { Chevrons } from "../shared/icons";
import { Menu } from "../shared/menu";
import { remember, remembered } from "../shared/remembered";
import type { WorkspaceRow } from "../shared/wire_types";
import { NewWorkspace } from "./new_workspace";
import "./workspace_picker.css";

const LAST = "workspace";
const AGAIN = 5000;

function WorkspacePicker() {
  const line = useLine();
  const [workspaces] = useTrait<WorkspaceRow[] | null>("workspaces");
  const [id] = useTrait<string>("workspace_id");
  const [isNew, setIsNew] = useState(false);
  const [connection] = useTrait<string>("connection");
  const [problem, setProblem] = useState("");
  const button = useRef<HTMLButtonElement>(null);
  useBeginning(id, setProblem);

  const ask = async (command: Parameters<typeof line.ask>[0]) => {
    setProblem("");
    await line.ask(command).catch((error: unknown) => setProblem(words(error)));
  };
  const items = (workspaces ?? []).map((workspace) => ({
    label: workspace.name,
    checked: workspace.id === id,
    choose: () => { if (workspace.id !== id) void ask({ type: "pick", workspace_id: workspace.id }); },
  }));
  const create = { label: "New company…", apart: items.length > 0, choose: () => setIsNew(true) };
  const name = workspaces?.find((workspace) => workspace.id === id)?.name ?? id;
  const isFirst = workspaces !== null && !workspaces.length && !id;
  return (
    <section class="cfo-workspaces" aria-label="Workspace">
      {isFirst ? <p class="cfo-mute">Your first company: its files and threads stay together in a workspace.</p> : (
        <Menu
          label={name ? `Workspace ${name}. Choose another` : "Choose a workspace"} class="cfo-workspace" button={button}
          items={[...items, create]} whenOpened={() => void ask({ type: "refresh" })}
        >
          <i class="cfo-initial" aria-hidden="true" data-initial={[...name.trim()][0]?.toUpperCase() ?? "·"} />
          <bdi>{name || (workspaces ? "Choose a company" : "Opening…")}</bdi>
          <Chevrons />
        </Menu>
      )}
      {(isNew || isFirst) && (
        <NewWorkspace mayCancel={!isFirst} close={() => { setIsNew(false); button.current?.focus(); }} />
      )}
      {connection && <p class="cfo-away" role="status">{connection}</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <Lost />
    </section>
  );
}

/** Opens what this browser had open last, again and again where the server is away; then remembers what is open. */
function useBeginning(id: string, setProblem: (words: string) => void): void {
  const line = useLine();
  useEffect(() => {
    if (id) {
      remember(LAST, id);
      return undefined;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () =>
      line.ask({ type: "begin", remembered: remembered(LAST, "") }).then(
        () => setProblem(""),
        (error: unknown) => {
          setProblem(line.model.get("connection") ? "" : words(error));
          if (line.link !== "gone") timer = setTimeout(begin, AGAIN);
        },
      );
    void begin();
    return () => clearTimeout(timer);
  }, [id, line]);
}

export default component(() => <WorkspacePicker />);
