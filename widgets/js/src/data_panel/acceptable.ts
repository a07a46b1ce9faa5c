const FORBIDDEN = /[/\\:*?"<>|]|\p{C}/u;

/** What a person chose or dropped: browsers give a folder as a file, too, which cannot be read. */
export interface Offered {
  file: File;
  isFolder: boolean;
}

export function dropped(transfer: DataTransfer | null): Offered[] {
  const items = [...(transfer?.items ?? [])].filter(({ kind }) => kind === "file");
  return items.flatMap((item) => {
    const file = item.getAsFile();
    return file ? [{ file, isFolder: item.webkitGetAsEntry?.()?.isDirectory ?? false }] : [];
  });
}

/** Why a file cannot be taken, as far as that is known before a byte is sent; "" where it may be. */
export function refusal({ file, isFolder }: Offered, suffixes: string[], largest: number): string {
  if (isFolder) return "This is a folder. Open it, and add the files in it.";
  const name = file.name.normalize("NFC").trim();
  if (!suffixes.some((suffix) => name.toLowerCase().endsWith(suffix))) {
    return `This is not a table. Send one of ${suffixes.join(", ")}.`;
  }
  if (FORBIDDEN.test(name) || /^[.~]/.test(name) || new TextEncoder().encode(name).length > 200) {
    return "This cannot be a file name here. Rename the file: up to 200 letters, digits, spaces, - and _.";
  }
  if (file.size === 0) return "This file is empty. Export it again and send the new one.";
  if (file.size > largest) return `This is larger than ${largest / 2 ** 30} GB. Split it, or send it as Parquet.`;
  return "";
}
