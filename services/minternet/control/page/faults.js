// Faults: those that are set, with their strokes as they happen; a new one is a line of text.

import { fill, h } from "./dom.js";
import { get, path, send } from "./api.js";
import { attempt, link } from "./rooms.js";

const SHOWN_CONVERSATIONS = 3;
const NAMED = /, name=("[^"]*"|[^,]*)/; // the name stands below the line

export async function faults(place) {
  const { kinds } = await get(path("faults", "kinds"));
  const line = h("input", { name: "line", required: true, autocomplete: "off", spellcheck: "false", placeholder: "imap FETCH: reset, n=2", "aria-label": "A fault as a line of text" });
  const body = h("tbody");
  const table = h("table.rows", h("thead", h("tr", h("th", "Fault"), h("th.number", "Strokes"), h("th.hide-narrow", "Struck last"), h("th", h("span.unseen", "Actions")))), body);
  const none = h("p.dim", "None: everything works as it should.");
  const clear = h("button", { type: "button", onclick: () => change("DELETE", path("faults")) }, "Remove all");

  async function refresh() {
    const { faults: list } = await get(path("faults"));
    fill(body, list.map(row));
    table.hidden = clear.hidden = !list.length;
    none.hidden = Boolean(list.length);
  }
  async function change(...request) {
    const done = await attempt(async () => (await send(...request), true));
    await attempt(refresh);
    return done;
  }
  async function add(event) {
    event.preventDefault();
    if (await change("POST", path("faults"), { line: line.value })) line.value = "";
  }
  const row = (each) =>
    h(
      "tr",
      h("td", h("code", each.line.replace(NAMED, "")), h("div.dim", each.name)),
      h("td.number", h(`span.tag${each.strokes ? ".bad" : ""}`, each.strokes), h("span.dim", ` of ${each.uses}`)),
      h("td.hide-narrow", [...new Set(each.conversations.toReversed())].slice(0, SHOWN_CONVERSATIONS).map((number) => [h("a", { href: link("transcripts", number) }, `#${number}`), " "])),
      h("td.number", h("button.small.quiet", { type: "button", onclick: () => change("DELETE", path("faults", each.name)) }, "Remove")),
    );
  await refresh();
  fill(
    place,
    h(
      "div.room",
      h("div.room-head", h("h1", "Faults"), h("div.actions", clear)),
      h("form.one-line", { onsubmit: add }, line, h("button.primary", { type: "submit" }, "Set")),
      h("p.dim", h("code", "WHERE: KIND, OPTIONS"), " – a service and perhaps a command; what goes wrong; how often (", h("code", "n=2"), ", ", h("code", "first=2"), ", ", h("code", "every=3"), ", ", h("code", "probability=0.2"), ")."),
      none,
      table,
      h("div.room-head", h("h1", "Kinds")),
      h("div.folds", kinds.map(kindFold)),
    ),
  );
  return { about: /fault|reset/, happened: () => attempt(refresh) };
}

/** Text in which backquotes mark code. */
function marked(text) {
  return text.split("`").map((part, at) => (at % 2 ? h("code", part) : part));
}

function kindFold(each) {
  const strikes = [each.network && "in the network", each.tls && "in a TLS handshake", ...each.whens].filter(Boolean).join(", ") || "before";
  const told = (attribute) => [attribute.words.join(", ") || attribute.unit, attribute.help, `default: ${attribute.default === "" ? "empty" : attribute.default}`].filter(Boolean).join("; ");
  return h(
    "details.fold",
    h("summary", h("strong", each.name), h("span.target", ...marked(each.help)), each.toxiproxy ? h("span.tag", "Toxiproxy") : null),
    h("table.pairs", h("tbody", [["strikes", strikes], ...each.attributes.map((attribute) => [attribute.name, told(attribute)])].map(([name, value]) => h("tr", h("th", { scope: "row" }, name), h("td", ...marked(String(value))))))),
    h("h2.fold-head", "What a client sees"),
    h("table.pairs", h("tbody", Object.entries(each.seen).map(([name, value]) => h("tr", h("th", { scope: "row" }, name), h("td", value))))),
  );
}
