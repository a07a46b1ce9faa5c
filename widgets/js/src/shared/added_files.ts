// The files that the data panel is adding. A message waits for them, because its answer may need them.
// The data panel and the chat have separate bundles, so they share this through the page and notify each other by an event.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

/** "undecided" means that the user has to decide whether the file replaces one with the same name. */
export interface AddedFile {
  id: string;
  name: string;
  state: "adding" | "undecided" | "failed";
}

const KEY = Symbol.for("cfo-widgets.added-files");
const CHANGED = "cfo-added-files";
type Panels = Map<object, { workspaceId: string; files: AddedFile[] }>;
const page = globalThis as unknown as { [KEY]?: Panels };
const panels = () => (page[KEY] ??= new Map());

function filesOf(workspaceId: string): AddedFile[] {
  return [...panels().values()].flatMap((panel) => (panel.workspaceId === workspaceId ? panel.files : []));
}

const isPending = ({ state }: AddedFile) => state !== "failed";

/** Announces the files that a panel is adding to a workspace. */
export function useAnnouncement(workspaceId: string, files: AddedFile[]): void {
  const [panel] = useState({});
  useLayoutEffect(() => {
    panels().set(panel, { workspaceId, files });
    document.dispatchEvent(new Event(CHANGED));
  }, [workspaceId, JSON.stringify(files)]);
  useEffect(() => () => {
    panels().delete(panel);
    document.dispatchEvent(new Event(CHANGED));
  }, []);
}

/** Returns the files that are being added to a workspace. */
export function useFilesBeingAdded(workspaceId: string): AddedFile[] {
  const [, redraw] = useState(0);
  useEffect(() => {
    const update = () => redraw((n) => n + 1);
    document.addEventListener(CHANGED, update);
    return () => document.removeEventListener(CHANGED, update);
  }, []);
  return filesOf(workspaceId).filter(isPending);
}

export function areFilesBeingAdded(workspaceId: string): boolean {
  return filesOf(workspaceId).some(isPending);
}

/** Waits until no file is being added, or `isOver` returns true. Returns the files that were not added. */
export function filesAdded(workspaceId: string, isOver: () => boolean): Promise<AddedFile[]> {
  const awaited = new Set<string>();
  return new Promise((resolve) => {
    const check = () => {
      const files = filesOf(workspaceId);
      for (const { id } of files.filter(isPending)) awaited.add(id);
      if (!isOver() && files.some(isPending)) return;
      document.removeEventListener(CHANGED, check);
      resolve(files.filter((file) => !isPending(file) && awaited.has(file.id)));
    };
    document.addEventListener(CHANGED, check);
    check();
  });
}

/** Makes all waiting calls check again whether they are done. */
export function checkWaits(): void {
  document.dispatchEvent(new Event(CHANGED));
}
