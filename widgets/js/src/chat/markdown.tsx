// Renders the agent's Markdown. Since it may quote hostile data, allows no HTML, no images, and only web and mail links.
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

/** Renders each block as a separate element, so that earlier blocks, and a selection in them, are kept while text arrives. */
export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => renderBlocks(text), [text]);
  return (
    <div class="cfo-md">
      {blocks.map((html, n) => <div key={n} dangerouslySetInnerHTML={{ __html: html }} />)}
    </div>
  );
}

function renderBlocks(text: string): string[] {
  const environment = {};
  const tokens = markdown.parse(text, environment);
  const blocks: string[] = [];
  let start = 0;
  let depth = 0;
  tokens.forEach((token, n) => {
    depth += token.nesting;
    if (depth > 0) return;
    blocks.push(markdown.renderer.render(tokens.slice(start, n + 1), markdown.options, environment));
    start = n + 1;
  });
  return blocks;
}
