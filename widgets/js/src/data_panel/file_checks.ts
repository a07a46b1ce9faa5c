const FORBIDDEN = /[/\\:*?"<>|]|\p{C}/u;

/** A file that the user selected or dropped. Browsers also report a folder as a file, which cannot be read. */
export interface OfferedFile {
  file: File;
  isFolder: boolean;
}

export function droppedFiles(transfer: DataTransfer | null): OfferedFile[] {
  const items = [...(transfer?.items ?? [])].filter(({ kind }) => kind === "file");
  return items.flatMap((item) => {
    const file = item.getAsFile();
    return file ? [{ file, isFolder: item.webkitGetAsEntry?.()?.isDirectory ?? false }] : [];
  });
}

/** Returns why a file cannot be uploaded, as far as is known before it is sent, or "" if there is no reason. */
export function fileProblem({ file, isFolder }: OfferedFile, suffixes: string[], largest: number): string {
  if (isFolder) return "This is a folder. Add the files in it instead.";
  const name = file.name.normalize("NFC").trim();
  if (/\.ya?ml$/i.test(name)) return "This is not a table. If it is the glossary, put it into the workspace's data/ folder as datasets.yaml.";
  if (!suffixes.some((suffix) => name.toLowerCase().endsWith(suffix))) {
    return `This file type is not supported. Use one of ${suffixes.join(", ")}.`;
  }
  if (FORBIDDEN.test(name) || /^[.~]/.test(name) || new TextEncoder().encode(name).length > 200) {
    return "This file name is not allowed. Rename the file, using at most 200 letters, digits, spaces, - and _.";
  }
  if (file.size === 0) return "This file is empty. Export it again, then add the new file.";
  if (file.size > largest) return `This file is larger than ${largest / 2 ** 30} GB. Split it, or add it as Parquet.`;
  return "";
}
