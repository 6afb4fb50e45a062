// Rich text over Markdown, loaded when somebody asks for it. What it can't hold without loss it does not open.

import MarkdownIt from "markdown-it";
import { exampleSetup } from "prosemirror-example-setup";
import { MarkdownParser, MarkdownSerializer, defaultMarkdownParser, defaultMarkdownSerializer, schema as base } from "prosemirror-markdown";
import { Schema } from "prosemirror-model";
import { EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";

/** An open rich editor. */
export interface Rich {
  /** The text as Markdown. */
  text(): string;
  /** Whether anything was changed since it was opened. */
  changed(): boolean;
  close(): void;
}

/** `[[Title]]` and `[[Title|words]]`: kept whole, as one thing. */
function wikiLinks(md: MarkdownIt): void {
  md.inline.ruler.before("link", "wikilink", (state, silent) => {
    const found = /^\[\[([^[\]\n]+)\]\]/.exec(state.src.slice(state.pos));
    if (!found) return false;
    if (!silent) {
      const token = state.push("wikilink", "span", 0);
      token.content = found[1]!;
    }
    state.pos += found[0].length;
    return true;
  });
  md.renderer.rules["wikilink"] = (tokens, at) => `<wiki>${md.utils.escapeHtml(tokens[at]!.content)}</wiki>`;
}

/** Lists begin as lists of lines, not of paragraphs with room between them. */
const tight = (name: "bullet_list" | "ordered_list") => {
  const spec = base.spec.nodes.get(name)!;
  return { ...spec, attrs: { ...spec.attrs, tight: { default: true } } };
};

const schema = new Schema({
  nodes: base.spec.nodes.update("bullet_list", tight("bullet_list")).update("ordered_list", tight("ordered_list")).addToEnd("wikilink", {
    inline: true,
    group: "inline",
    atom: true,
    attrs: { text: {} },
    toDOM: (node) => ["span", { class: "wikilink", "data-text": String(node.attrs["text"]) }, shown(String(node.attrs["text"]))],
    parseDOM: [{ tag: "span.wikilink", getAttrs: (dom) => ({ text: dom.dataset["text"] ?? "" }) }],
  }),
  marks: base.spec.marks,
});

function shown(text: string): string {
  return text.split("|").pop() ?? text;
}

const parser = new MarkdownParser(schema, MarkdownIt("commonmark", { html: false }).use(wikiLinks), {
  ...defaultMarkdownParser.tokens,
  wikilink: { node: "wikilink", getAttrs: (token) => ({ text: token.content }) },
});

const serializer = new MarkdownSerializer(
  {
    ...defaultMarkdownSerializer.nodes,
    wikilink: (state, node) => state.write(`[[${String(node.attrs["text"])}]]`),
  },
  defaultMarkdownSerializer.marks,
);

/** Everything the server understands: the judge of whether two texts mean the same. */
const judge = MarkdownIt({ html: false }).use(wikiLinks);

function means(text: string): string {
  const marks = text.replace(/^(\s*[-*+] )\[([ xX])\] /gm, "$1TASK-$2 ").replace(/\[\^/g, "FOOTNOTE");
  return judge.render(marks).replace(/\s+/g, " ").replace(/> </g, "><");
}

/** Opens the editor on a text; or says why not. */
export function open(place: HTMLElement, text: string, change: () => void): Rich | string {
  const doc = parser.parse(text);
  const back = serializer.serialize(doc);
  if (means(back) !== means(text)) {
    return "This text has something the rich editor would lose: a table, a task list, a footnote. Go on in Markdown; nothing was changed.";
  }
  let changed = false;
  const view = new EditorView(place, {
    state: EditorState.create({ doc, plugins: exampleSetup({ schema }) }),
    attributes: { "aria-label": "Text", "aria-multiline": "true", role: "textbox" },
    dispatchTransaction(transaction) {
      view.updateState(view.state.apply(transaction));
      if (transaction.docChanged) {
        changed = true;
        change();
      }
    },
  });
  view.focus();
  return {
    text: () => `${serializer.serialize(view.state.doc)}\n`,
    changed: () => changed,
    close: () => view.destroy(),
  };
}
