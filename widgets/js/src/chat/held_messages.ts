// Messages that wait until the files that the user is adding have been read. They wait on this page, whichever thread it shows.
import { type AddedFile, areFilesBeingAdded, checkWaits, filesAdded } from "../shared/added_files";
import type { OutgoingMessage } from "../shared/drafts";
import type { Problem } from "../shared/wire_types";

const held = new Map<string, "waiting" | "released" | "withdrawn">(); // by the messages' keys

export const mustWait = areFilesBeingAdded;
export const isHeldHere = (key: string): boolean => held.has(key);

/** Waits for the files. Returns whether to send the message, or the problem that keeps it from being sent. */
export async function waitForFiles(workspaceId: string, key: string): Promise<boolean | Problem> {
  held.set(key, "waiting");
  const missing = await filesAdded(workspaceId, () => held.get(key) !== "waiting");
  const state = held.get(key);
  held.delete(key);
  if (state === "withdrawn") return false;
  return state === "released" || missing.length === 0 || notAdded(missing);
}

/** Sends the message without waiting any longer. */
export const release = (key: string): void => end(key, "released");

/** Does not send the message. */
export const drop = (key: string): void => end(key, "withdrawn");

function end(key: string, state: "released" | "withdrawn"): void {
  if (!held.has(key)) return;
  held.set(key, state);
  checkWaits();
}

/** A message that was stored while it waited. If it no longer waits on this page, the user decides, since files may be missing. */
export function afterReload(outgoing: OutgoingMessage): OutgoingMessage {
  if (!outgoing.isHeld || isHeldHere(outgoing.key)) return outgoing;
  const message = "The page was closed while files were being added. Check that they are listed under Data.";
  return { ...outgoing, isHeld: false, problem: { code: "left", message, details: {} } };
}

function notAdded(files: AddedFile[]): Problem {
  const [first] = files;
  const names = files.length === 1 && first ? `${first.name} was` : `${files.length} files were`;
  return { code: "not_added", message: `${names} not added. The reason is under Data.`, details: {} };
}

/** Says what the message waits for. */
export function waitLabel(files: AddedFile[]): string {
  const undecided = files.find(({ state }) => state === "undecided");
  if (undecided) return `Waiting for your answer under Data: replace ${undecided.name}?`;
  const [first] = files;
  return files.length === 1 && first ? `Waiting until ${first.name} is read…` : `Waiting until ${files.length} files are read…`;
}
