// The query behind a result, formatted: SQL that can be changed and run again, a program or a plan to be read.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { duckdb, formatDialect } from "sql-formatter";
import { Copy, CopySign } from "../shared/copy";
import type { Query } from "../shared/wire_types";

const LONGEST = 20_000;
const TWICE = 1000; // milliseconds in which a second click or Enter is one too many

/** SQL over several lines, as far as it can be read. */
export function formatted(sql: string): string {
  if (sql.length > LONGEST) return sql;
  try {
    return formatDialect(sql, { dialect: duckdb, keywordCase: "upper", tabWidth: 2, expressionWidth: 70 });
  } catch {
    return sql; // syntax that only DuckDB knows: it is shown as it was written
  }
}

export function QueryText(props: { query: Query; elapsed?: number; open?: boolean; onRun?: ((sql: string) => void) | undefined }) {
  const { query } = props;
  const kind = query.mode === "python" ? "Python" : "SQL";
  const time = props.elapsed === undefined ? "" : ` · ${seconds(props.elapsed)}`;
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

function seconds(milliseconds: number): string {
  return milliseconds < 5 ? "under 0.01 s" : `${(milliseconds / 1000).toFixed(2)} s`;
}

function Program({ text }: { text: string }) {
  return (
    <div class="cfo-program">
      <pre tabIndex={0}>{text}</pre>
      <div class="cfo-tools"><Copy text={() => text} label="Copy" class="cfo-quiet" sign={<CopySign />} /></div>
    </div>
  );
}

function Sql({ sql, onRun }: { sql: string; onRun: ((sql: string) => void) | undefined }) {
  const first = useMemo(() => formatted(sql), [sql]);
  const [edited, setEdited] = useState<string | null>(null);
  useEffect(() => setEdited(null), [sql]);
  const text = edited ?? first;
  const isChanged = edited !== null && edited !== first;
  const ran = useRef({ text: "", at: -TWICE });
  const run = () => {
    const isDouble = ran.current.text === text && performance.now() - ran.current.at < TWICE;
    if (!onRun || !text.trim() || isDouble) return;
    ran.current = { text, at: performance.now() };
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
        aria-label={onRun ? "SQL of the result. Control and Enter run it." : "SQL of the result"}
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
        <Copy text={() => text} label="Copy SQL" class="cfo-quiet" sign={<CopySign />} />
        {onRun && <span class="cfo-mute cfo-hint">Ctrl+Enter runs it as a message of its own</span>}
      </div>
    </div>
  );
}
