import { useEffect, useRef, useState } from "preact/hooks";
import { loadItem, saveItem } from "../shared/browser_storage";
import { component, KernelNotice, useChannel, useTrait } from "../shared/component";
import { errorMessage } from "../shared/errors";
import { Chevrons } from "../shared/icons";
import { Menu } from "../shared/menu";
import type { WorkspaceRow } from "../shared/wire_types";
import { NewWorkspace } from "./new_workspace";
import "./workspace_picker.css";

const LAST_OPEN = "workspace";
const RETRY_MS = 5000;

function WorkspacePicker() {
  const channel = useChannel();
  const [workspaces] = useTrait<WorkspaceRow[] | null>("workspaces");
  const [id] = useTrait<string>("workspace_id");
  const [isNew, setIsNew] = useState(false);
  const [connection] = useTrait<string>("connection");
  const [problem, setProblem] = useState("");
  const button = useRef<HTMLButtonElement>(null);
  useInitialWorkspace(id, setProblem);

  const ask = async (command: Parameters<typeof channel.request>[0]) => {
    setProblem("");
    await channel.request(command).catch((error: unknown) => setProblem(errorMessage(error)));
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
      {isFirst ? <p class="cfo-mute">Start with your first company. Its files and threads are kept together in a workspace.</p> : (
        <Menu
          label={name ? `Workspace ${name}. Choose another` : "Choose a workspace"} class="cfo-workspace" button={button}
          items={[...items, create]} onOpen={() => void ask({ type: "refresh" })}
        >
          <i class="cfo-initial" aria-hidden="true" data-initial={[...name.trim()][0]?.toUpperCase() ?? "·"} />
          <bdi>{name || (workspaces ? "Choose a company" : "Opening…")}</bdi>
          <Chevrons />
        </Menu>
      )}
      {(isNew || isFirst) && (
        <NewWorkspace canCancel={!isFirst} close={() => { setIsNew(false); button.current?.focus(); }} />
      )}
      {connection && <p class="cfo-away" role="status">{connection}</p>}
      {problem && <p class="cfo-problem" role="alert">{problem}</p>}
      <KernelNotice />
    </section>
  );
}

/** Opens the workspace that was last open in this browser, retrying until the server is available. Then remembers the open one. */
function useInitialWorkspace(id: string, setProblem: (message: string) => void): void {
  const channel = useChannel();
  useEffect(() => {
    if (id) {
      saveItem(LAST_OPEN, id);
      return undefined;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = () =>
      channel.request({ type: "begin", remembered: loadItem(LAST_OPEN, "") }).then(
        () => setProblem(""),
        (error: unknown) => {
          setProblem(channel.model.get("connection") ? "" : errorMessage(error));
          if (channel.state !== "gone") timer = setTimeout(open, RETRY_MS);
        },
      );
    void open();
    return () => clearTimeout(timer);
  }, [id, channel]);
}

export default component(() => <WorkspacePicker />);
