// Formats a reply as Markdown for the clipboard.
import { cellText, columnFormats } from "../result/cell_format";
import type { Reply, ResultTable } from "../shared/wire_types";

export function replyMarkdown(reply: Reply): string {
  switch (reply.kind) {
    case "user_interaction":
      return paragraphs(reply.message, reply.choices.map((choice) => `- ${choice}`).join("\n"));
    case "task_result":
      return paragraphs(reply.message, table(reply.result));
    case "run_sql":
      return paragraphs(reply.purpose, table(reply.result), reply.error?.message, "```sql\n" + reply.sql + "\n```");
    case "write_sheet_from_file": {
      const { written } = reply;
      return paragraphs(reply.purpose, written && `${written.file}, ${written.sheet}!${written.range}`, reply.error?.message);
    }
  }
}

function paragraphs(...parts: (string | null | undefined)[]): string {
  return parts.filter(Boolean).join("\n\n");
}

function table(result: ResultTable | null): string {
  if (!result) return "";
  const names = result.columns.map(({ name }) => cell(name));
  const formats = columnFormats(result.columns, result.rows);
  const lines = [
    names,
    formats.map(({ isNumber }) => (isNumber ? "---:" : "---")),
    ...result.rows.map((row) => formats.map((format, i) => cell(row[i] === null ? "" : cellText(row[i], format)))),
  ];
  const markdown = lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
  const more = result.row_count > result.rows.length ? `${result.rows.length} of ${result.row_count} rows` : "";
  return paragraphs(markdown, more);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s*\n\s*/g, " ");
}
