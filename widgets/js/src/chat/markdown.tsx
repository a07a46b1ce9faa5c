// Markdown as the agent writes it. It is hostile: no HTML, no images, no links but to the web and to mail.
import MarkdownIt from "markdown-it";
import { useMemo } from "preact/hooks";

const markdown = new MarkdownIt({ html: false, linkify: false });
markdown.disable("image");
markdown.validateLink = (url) => /^(https?:\/\/|mailto:)/i.test(url.trim());
markdown.renderer.rules.link_open = (tokens, index, options, _, self) => {
  tokens[index]?.attrSet("target", "_blank");
  tokens[index]?.attrSet("rel", "noopener noreferrer");
  return self.renderToken(tokens, index, options);
};
markdown.renderer.rules.table_open = () => '<div class="cfo-md-table" tabindex="0" role="region" aria-label="Table"><table>';
markdown.renderer.rules.table_close = () => "</table></div>";

/** Each block is an element of its own, so that the earlier ones stay as they are (and selected) while words come. */
export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => rendered(text), [text]);
  return (
    <div class="cfo-md">
      {blocks.map((html, n) => <div key={n} dangerouslySetInnerHTML={{ __html: html }} />)}
    </div>
  );
}

function rendered(text: string): string[] {
  const environment = {};
  const tokens = markdown.parse(text, environment);
  const blocks: string[] = [];
  let begin = 0;
  let depth = 0;
  tokens.forEach((token, n) => {
    depth += token.nesting;
    if (depth > 0) return;
    blocks.push(markdown.renderer.render(tokens.slice(begin, n + 1), markdown.options, environment));
    begin = n + 1;
  });
  return blocks;
}
