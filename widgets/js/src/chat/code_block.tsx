// Shows SQL, Python or JSON in a scrolling box.
import { CopyButton, CopyIcon } from "../shared/copy_button";

const MAX_SHOWN = 20_000; // characters; Copy copies the whole text

export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <div class="cfo-code">
      <CopyButton text={() => text} label="Copy" class="cfo-quiet cfo-copy" icon={<CopyIcon />} />
      <pre tabIndex={0} aria-label={label}><code>{text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n…` : text}</code></pre>
    </div>
  );
}
