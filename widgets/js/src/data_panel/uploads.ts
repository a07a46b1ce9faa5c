// Uploads files to Python one after the other, in chunks. Each chunk is acknowledged before the next one is sent.
import { useEffect, useRef, useState } from "preact/hooks";
import { type AddedFile, useAnnouncement } from "../shared/added_files";
import { useChannel } from "../shared/component";
import { errorMessage, isNoRoom, isTransient } from "../shared/errors";
import { fileProblem, type OfferedFile } from "./file_checks";

const CHUNK = 1 << 20;
const NO_ROOM = "Many people are using the workbench at this moment, so this file was not added. Try again in a moment.";

export interface Upload {
  id: string;
  file: File;
  name: string;
  /** "conflict" means that a file with this name exists, and the user decides whether to replace it. */
  state: "waiting" | "conflict" | "sending" | "reading" | "failed" | "done";
  sent: number;
  problem: string;
  /** Whether a later attempt may succeed. */
  canRetry: boolean;
}

export interface Uploads {
  all: Upload[];
  add: (files: Iterable<OfferedFile>) => void;
  /** Replaces the existing file with the same name. */
  replace: (id: string) => void;
  /** Sends a failed upload again from the start. */
  retry: (id: string) => void;
  /** Cancels an upload, or removes one that has ended from the list. */
  remove: (id: string) => void;
}

/** `exists` says whether the workspace has a file with this name, or null while that is unknown: uploads wait until it is known. */
export function useUploads(workspaceId: string, exists: (name: string) => boolean | null, suffixes: string[], largest: number): Uploads {
  const channel = useChannel();
  const [all, setAll] = useState<Upload[]>([]);
  const mayReplace = useRef(new Set<string>());
  const cancelled = useRef(new Set<string>());
  const change = (id: string, changed: Partial<Upload>) =>
    setAll((before) => before.map((one) => (one.id === id ? { ...one, ...changed } : one)));

  useEffect(() => () => setAll((before) => {
    // Another workspace is now shown. Uploads that have arrived completely are finished; the others must not end up in it.
    for (const { id, state } of before) if (state !== "reading") cancelled.current.add(id);
    return [];
  }), [workspaceId]);

  const send = async ({ id, file, name }: Upload) => {
    change(id, { state: "sending" });
    try {
      for (let offset = 0; offset < file.size; offset += CHUNK) {
        const chunk = await file.slice(offset, offset + CHUNK).arrayBuffer();
        if (cancelled.current.has(id)) return await channel.request({ type: "cancel_upload", upload_id: id });
        const end = offset + chunk.byteLength;
        if (end >= file.size) change(id, { state: "reading", sent: file.size });
        const about = { workspace_id: workspaceId, upload_id: id, name, size: file.size, offset };
        await channel.request({ type: "upload", ...about }, [chunk]);
        change(id, { sent: end });
      }
      change(id, { state: "done" });
      setTimeout(() => setAll((before) => before.filter((one) => one.id !== id)), 4000);
    } catch (error) {
      // The browser raises a DOMException if the file was changed or removed after it was selected.
      const isUnreadable = error instanceof DOMException;
      const problem = isUnreadable ? "This file can no longer be read. Select it again." : isNoRoom(error) ? NO_ROOM : errorMessage(error);
      change(id, { state: "failed", problem, canRetry: !isUnreadable && isTransient(error) });
      if (isUnreadable) channel.request({ type: "cancel_upload", upload_id: id }).catch(() => undefined);
    }
    return undefined;
  };

  useEffect(() => {
    const isBusy = all.some(({ state }) => state === "sending" || state === "reading");
    const next = all.find(({ state }) => state === "waiting");
    if (isBusy || !next) return;
    const replaces = !mayReplace.current.has(next.id) && exists(next.name);
    if (replaces) change(next.id, { state: "conflict" });
    else if (replaces === false) void send(next);
  });

  useAnnouncement(workspaceId, all.flatMap(addedFile));

  return {
    all,
    add(files) {
      const added = [...files].map(({ file, isFolder }): Upload => {
        const problem = fileProblem({ file, isFolder }, suffixes, largest);
        const name = file.name.normalize("NFC").trim();
        return { id: newId(), file, name, state: problem ? "failed" : "waiting", sent: 0, problem, canRetry: false };
      });
      setAll((before) => [...before, ...added]);
    },
    replace(id) {
      mayReplace.current.add(id);
      change(id, { state: "waiting" });
    },
    retry(id) {
      const retryId = newId(); // Python may still have chunks under the old id
      if (mayReplace.current.has(id)) mayReplace.current.add(retryId);
      change(id, { id: retryId, state: "waiting", sent: 0, problem: "", canRetry: false });
    },
    remove(id) {
      cancelled.current.add(id);
      setAll((before) => before.filter((one) => one.id !== id));
    },
  };
}

const STATES: Record<Upload["state"], AddedFile["state"] | null> = {
  waiting: "adding", sending: "adding", reading: "adding", conflict: "undecided", failed: "failed", done: null,
};

function addedFile({ id, name, state }: Upload): AddedFile[] {
  const added = STATES[state];
  return added ? [{ id, name, state: added }] : [];
}

function newId(): string {
  return `${Date.now()}-${Math.random()}`;
}
