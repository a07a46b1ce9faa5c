// Shows the query behind a result: SQL that can be edited and run again, or a program or plan to read.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { duckdb, formatDialect } from "sql-formatter";
import { CopyButton, CopyIcon } from "../shared/copy_button";
import type { Query } from "../shared/wire_types";

const MAX_FORMATTED = 20_000; // characters; formatting longer SQL takes too long
const DOUBLE_CLICK_MS = 1000; // a second click or Enter within this time is ignored

/** Formats SQL on several lines, if the formatter can parse it. */
export function formatted(sql: string): string {
  if (sql.length > MAX_FORMATTED) return sql;
  try {
    return formatDialect(sql, { dialect: duckdb, keywordCase: "upper", tabWidth: 2, expressionWidth: 70 });
  } catch {
    return sql; // DuckDB syntax that the formatter does not know
  }
}

export function QueryText(props: { query: Query; elapsed?: number; open?: boolean; onRun?: ((sql: string) => void) | undefined }) {
  const { query } = props;
  const kind = query.mode === "python" ? "Python" : "SQL";
  const time = props.elapsed === undefined ? "" : ` · ${duration(props.elapsed)}`;
  return (
    <details class="cfo-query" open={props.open}>
      <summary>
        {kind}
        <span class="cfo-mute">{time}</span>
      </summary>
      {query.mode === "python" ? <Program text={query.python ?? ""} /> : <Sql sql={query.sql} onRun={props.onRun} />}
      {query.plan ? (
        <details class="cfo-query">
          <summary>Plan</summary>
          <Program text={JSON.stringify(query.plan, null, 2)} />
        </details>
      ) : null}
    </details>
  );
}

function duration(milliseconds: number): string {
  return milliseconds < 5 ? "under 0.01 s" : `${(milliseconds / 1000).toFixed(2)} s`;
}

function Program({ text }: { text: string }) {
  return (
    <div class="cfo-program">
      <pre tabIndex={0}>{text}</pre>
      <div class="cfo-tools"><CopyButton text={() => text} label="Copy" class="cfo-quiet" icon={<CopyIcon />} /></div>
    </div>
  );
}

function Sql({ sql, onRun }: { sql: string; onRun: ((sql: string) => void) | undefined }) {
  const original = useMemo(() => formatted(sql), [sql]);
  const [edited, setEdited] = useState<string | null>(null);
  useEffect(() => setEdited(null), [sql]);
  const text = edited ?? original;
  const isChanged = edited !== null && edited !== original;
  const lastRun = useRef({ text: "", at: -DOUBLE_CLICK_MS });
  const run = () => {
    const isDouble = lastRun.current.text === text && performance.now() - lastRun.current.at < DOUBLE_CLICK_MS;
    if (!onRun || !text.trim() || isDouble) return;
    lastRun.current = { text, at: performance.now() };
    onRun(isChanged ? text : sql);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  };
  return (
    <div class="cfo-program">
      <textarea
        class="cfo-sql"
        aria-label={onRun ? "SQL of the result. Press Control and Enter to run it." : "SQL of the result"}
        readOnly={!onRun}
        spellcheck={false}
        rows={Math.min(18, Math.max(2, text.split("\n").length))}
        value={text}
        onInput={(event) => setEdited(event.currentTarget.value)}
        onKeyDown={keys}
      />
      <div class="cfo-tools">
        {onRun && (
          <button type="button" class="cfo-button" onClick={run} disabled={!text.trim()}>
            {isChanged ? "Run" : "Run again"}
          </button>
        )}
        {isChanged && <button type="button" class="cfo-quiet" onClick={() => setEdited(null)}>Reset</button>}
        <CopyButton text={() => text} label="Copy SQL" class="cfo-quiet" icon={<CopyIcon />} />
        {onRun && <span class="cfo-mute cfo-hint">Ctrl+Enter runs it as a new message</span>}
      </div>
    </div>
  );
}
