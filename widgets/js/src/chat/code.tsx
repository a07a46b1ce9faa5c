// SQL, Python or JSON, in a box that does not grow over the page.
import { Copy, CopySign } from "../shared/copy";

const MOST = 20_000; // characters; more than that nobody reads here

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="cfo-code">
      <Copy text={() => text} label="Copy" class="cfo-quiet cfo-copy" sign={<CopySign />} />
      <pre tabIndex={0} aria-label={label}><code>{text.length > MOST ? `${text.slice(0, MOST)}\n…` : text}</code></pre>
    </div>
  );
}
