// Files on their way to Python, one after the other, in pieces that are each acknowledged before the next is sent.
import { useEffect, useRef, useState } from "preact/hooks";
import { useLine } from "../shared/component";
import { words } from "../shared/failure";
import { Refused } from "../shared/line";
import { refusal } from "./acceptable";

const PIECE = 1 << 20;

export interface Sending {
  id: string;
  file: File;
  name: string;
  state: "waiting" | "asks" | "sending" | "reading" | "refused" | "done";
  sent: number;
  problem: string;
  /** It did not come through, which may be another time. */
  mayRetry: boolean;
}

export interface Uploads {
  all: Sending[];
  add: (files: Iterable<File>) => void;
  /** The answer to the question whether a file of the same name shall be replaced. */
  replace: (id: string) => void;
  /** Sends what did not come through from its beginning. */
  retry: (id: string) => void;
  /** Ends an upload that is under way, or takes what became of one off the list. */
  remove: (id: string) => void;
}

export function useUploads(workspaceId: string, there: (name: string) => boolean, suffixes: string[], largest: number): Uploads {
  const line = useLine();
  const [all, setAll] = useState<Sending[]>([]);
  const allowed = useRef(new Set<string>()); // to replace what is there
  const gone = useRef(new Set<string>());
  const change = (id: string, changed: Partial<Sending>) =>
    setAll((before) => before.map((one) => (one.id === id ? { ...one, ...changed } : one)));

  useEffect(() => () => setAll((before) => {
    // What is whole is Python's already; of the others nothing may come into another workspace.
    for (const { id, state } of before) if (state !== "reading") gone.current.add(id);
    return [];
  }), [workspaceId]);

  const send = async ({ id, file, name }: Sending) => {
    change(id, { state: "sending" });
    try {
      for (let offset = 0; offset < file.size; offset += PIECE) {
        const piece = await file.slice(offset, offset + PIECE).arrayBuffer();
        if (gone.current.has(id)) return await line.ask({ type: "cancel_upload", upload_id: id });
        const end = offset + piece.byteLength;
        if (end >= file.size) change(id, { state: "reading", sent: file.size });
        const about = { workspace_id: workspaceId, upload_id: id, name, size: file.size, offset };
        await line.ask({ type: "upload", ...about }, [piece]);
        change(id, { sent: end });
      }
      change(id, { state: "done" });
      setTimeout(() => setAll((before) => before.filter((one) => one.id !== id)), 4000);
    } catch (error) {
      const lost = error instanceof DOMException ? "This file cannot be read any more. Choose it again." : words(error);
      change(id, { state: "refused", problem: lost, mayRetry: !(error instanceof DOMException) && isPassing(error) });
      if (error instanceof DOMException) line.ask({ type: "cancel_upload", upload_id: id }).catch(() => undefined);
    }
    return undefined;
  };

  useEffect(() => {
    const isBusy = all.some(({ state }) => state === "sending" || state === "reading");
    const next = all.find(({ state }) => state === "waiting");
    if (isBusy || !next) return;
    if (there(next.name) && !allowed.current.has(next.id)) change(next.id, { state: "asks" });
    else void send(next);
  });

  return {
    all,
    add(files) {
      const added = [...files].map((file): Sending => {
        const problem = refusal(file, suffixes, largest);
        const name = file.name.normalize("NFC").trim();
        return { id: newId(), file, name, state: problem ? "refused" : "waiting", sent: 0, problem, mayRetry: false };
      });
      setAll((before) => [...before, ...added]);
    },
    replace(id) {
      allowed.current.add(id);
      change(id, { state: "waiting" });
    },
    retry(id) {
      const anew = newId(); // Python may still have pieces of the other one
      if (allowed.current.has(id)) allowed.current.add(anew);
      change(id, { id: anew, state: "waiting", sent: 0, problem: "", mayRetry: false });
    },
    remove(id) {
      gone.current.add(id);
      setAll((before) => before.filter((one) => one.id !== id));
    },
  };
}

function newId(): string {
  return `${Date.now()}-${Math.random()}`;
}

/** Whether it was the way to the server, and not the file, that failed. */
function isPassing(error: unknown): boolean {
  return !(error instanceof Refused) || /server|token|internal/.test(error.problem.code);
}
