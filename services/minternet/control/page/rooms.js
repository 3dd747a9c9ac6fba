// The other sections: news, files, web, events, transcripts, services.

import { ask, fill, h, octets, tabs, toast, when } from "./dom.js";
import { download, get, path, send, text } from "./api.js";
import { later, pairsTable, transcriptText } from "./letter.js";

export const link = (...segments) => "#/" + segments.map(encodeURIComponent).join("/");

export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, "bad");
    return null;
  }
}

// -- news

export async function news(place, [name, number]) {
  const { groups } = await get(path("groups"));
  name ??= groups.find((each) => each.articles)?.name;
  const reading = h("section.reading", { "aria-label": "Article" });
  const list = h("section.list", { "aria-label": "Articles" });
  const folders = h(
    "aside.folders",
    { "aria-label": "Newsgroups" },
    h("ul.boxes", groups.map((each) => groupItem(each, each.name === name))),
  );
  const columns = h("div.columns", { class: `columns${name ? " has-list" : ""}${number ? " has-letter" : ""}` }, folders, list, reading);
  fill(place, columns);
  if (name) await showArticles(list, name, number, groups.find((each) => each.name === name), columns);
  if (name && number) await showArticle(reading, name, number, columns);
  else fill(reading, h("p.empty", "Choose an article."));
  return { about: /post|cancel|group|expire|reset/ };
}

function groupItem(each, current) {
  const status = { y: "", n: "read only", m: "moderated" }[each.status];
  return h(
    "li",
    h(
      `a.box${current ? ".current" : ""}`,
      { href: link("news", each.name), title: each.description, "aria-current": current ? "page" : null },
      h("span", each.name, status ? h("small", ` ${status}`) : null),
      h("span.count.none", each.articles),
    ),
  );
}

async function showArticles(list, name, number, group, columns) {
  const page = await get(path("groups", name, "articles"), { limit: 500, order: "newest" });
  const articles = page.articles.reverse();
  fill(
    list,
    h(
      "div.list-head",
      h("a.back", { href: "#/news", onclick: (event) => (event.preventDefault(), columns.classList.remove("has-list")) }, "‹"),
      h("h1", name, " ", h("small", `${group?.description || ""} · ${page.total}`)),
    ),
    h("ol.messages", threads(articles).map(([each, depth]) => articleRow(name, each, depth, String(each.number) === number))),
    articles.length ? null : h("p.empty", "No articles here."),
  );
}

/** Articles with their depth, replies below what they answer. */
function threads(articles) {
  const known = new Map(articles.map((each) => [each.message_id, each]));
  const below = new Map();
  const roots = [];
  for (const each of articles) {
    const parent = [...each.references].reverse().find((id) => known.has(id) && id !== each.message_id);
    if (parent) below.set(parent, [...(below.get(parent) || []), each]);
    else roots.push(each);
  }
  const shown = [];
  const seen = new Set();
  const walk = (each, depth) => {
    if (seen.has(each.number)) return;
    seen.add(each.number);
    shown.push([each, depth]);
    (below.get(each.message_id) || []).forEach((reply) => walk(reply, depth + 1));
  };
  roots.reverse().forEach((each) => walk(each, 0));
  articles.forEach((each) => walk(each, 0));
  return shown;
}

function articleRow(group, each, depth, current) {
  return h(
    "li",
    h(
      `a.message${current ? ".current" : ""}`,
      { href: link("news", group, each.number), style: `padding-left: ${Math.min(depth, 6) * 1.1 + 0.9}rem` },
      h("span.from", each.from.replace(/\s*<[^>]*>\s*$/, "")),
      h("time", { datetime: each.date || "" }, when(each.date)),
      h("span.subject", depth ? h("span.dim", "↳ ") : null, each.subject || "(no subject)"),
      h("span.marks", each.groups.length > 1 ? h("span", { title: each.groups.join(", ") }, `×${each.groups.length}`) : null),
    ),
  );
}

async function showArticle(reading, group, number, columns) {
  const article = await attempt(() => get(path("groups", group, "articles", number)));
  if (!article) return;
  const remove = async () => {
    if (!(await ask("Cancel this article?", h("p", "It goes from all its groups."), { ok: "Cancel it", danger: true }))) return;
    await attempt(() => send("DELETE", path("articles", article.message_id.slice(1, -1))));
    location.hash = link("news", group);
  };
  const facts = [
    ["From", article.from],
    ["Date", when(article.date, true)],
    ["Groups", article.places.map(([name, at]) => `${name}:${at}`).join("  ")],
    ["Message-ID", article.message_id],
  ];
  fill(
    reading,
    h("a.back.wide", { href: link("news", group), onclick: (event) => (event.preventDefault(), columns.classList.remove("has-letter")) }, "‹ Articles"),
    h(
      "article.letter",
      h(
        "header.letter-head",
        h("h1", article.subject || "(no subject)"),
        h("div.actions", h("button", { type: "button", onclick: () => download(article.raw, `${group}-${number}.eml`) }, "Download"), h("button.danger", { type: "button", onclick: remove }, "Cancel")),
        h("dl.facts", facts.flatMap(([name, value]) => [h("dt", name), h("dd", value)])),
      ),
      tabs(
        ["Text", () => h("pre.text", article.text.split("\n").map((line) => h(line.startsWith(">") ? "span.quoted" : "span", line + "\n")))],
        ["Headers", () => pairsTable(article.headers)],
        ["Raw", () => later(async () => h("pre.raw", await text(article.raw)))],
      ),
    ),
  );
}

// -- files

export async function files(place, [tree = "files", folder = "/"]) {
  const segments = folder.split("/").filter(Boolean);
  const url = (kind, ...more) => path("trees", tree, kind) + "/" + more.map(encodeURIComponent).join("/");
  const entry = await attempt(() => get(url("entries", ...segments)));
  if (!entry) return fill(place, h("p.empty", "There is no such folder."));
  const input = h("input", { type: "file", multiple: true, hidden: true, onchange: () => upload([...input.files]) });
  const refresh = () => files(place, [tree, folder]);
  async function upload(list) {
    for (const each of list) await attempt(() => send("PUT", url("content", ...segments, each.name), each, each.type || "application/octet-stream"));
    refresh();
  }
  async function makeFolder() {
    const answer = await ask("A new folder", h("label", "Name", h("input", { name: "name", required: true })), { ok: "Create" });
    if (answer) await attempt(() => send("PUT", url("folders", ...segments, answer.name)));
    refresh();
  }
  async function rename(each) {
    const answer = await ask(`Move ${each.name}`, h("label", "Path", h("input", { name: "path", value: each.path, required: true })), { ok: "Move" });
    if (answer) await attempt(() => send("PATCH", url("entries", ...each.path.split("/").filter(Boolean)), { path: answer.path }));
    refresh();
  }
  async function remove(each) {
    if (!(await ask(`Remove ${each.name}?`, h("p", each.type === "folder" ? "The folder goes with all it holds." : each.path), { ok: "Remove", danger: true }))) return;
    await attempt(() => send("DELETE", url("entries", ...each.path.split("/").filter(Boolean)) + "?recursive=true"));
    refresh();
  }
  const crumbs = [h("a", { href: link("files", tree, "/") }, tree), ...segments.flatMap((name, at) => [" / ", h("a", { href: link("files", tree, "/" + segments.slice(0, at + 1).join("/")) }, name)])];
  const row = (each) =>
    h(
      "tr",
      h("td", h("span.dim", { "aria-hidden": "true" }, each.type === "folder" ? "▸ " : "  "), each.type === "folder" ? h("a", { href: link("files", tree, each.path) }, each.name) : h("button.linklike", { type: "button", onclick: () => peek(each) }, each.name)),
      h("td.number", each.type === "folder" ? "" : octets(each.size)),
      h("td.hide-narrow", when(each.modified, true)),
      h("td.hide-narrow", each.owner),
      h(
        "td.number",
        each.type === "file" ? h("button.small.quiet", { type: "button", onclick: () => download(each.url, each.name) }, "Download") : null,
        h("button.small.quiet", { type: "button", onclick: () => rename(each) }, "Move"),
        h("button.small.quiet", { type: "button", onclick: () => remove(each) }, "Remove"),
      ),
    );
  const target = h(
    "div.room",
    {
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => (event.preventDefault(), upload([...event.dataTransfer.files])),
    },
    h(
      "div.room-head",
      h("h1", crumbs),
      h("div.actions", h("a.button", { href: link("files", tree === "files" ? "site" : "files", "/") }, tree === "files" ? "The site" : "The files"), h("button", { type: "button", onclick: makeFolder }, "New folder"), h("button.primary", { type: "button", onclick: () => input.click() }, "Upload"), input),
    ),
    h(
      "table.rows",
      h("thead", h("tr", h("th", "Name"), h("th.number", "Size"), h("th.hide-narrow", "Modified"), h("th.hide-narrow", "Owner"), h("th", h("span.unseen", "Actions")))),
      h("tbody", (entry.entries || []).map(row)),
    ),
    entry.entries?.length ? null : h("p.empty", "Nothing here; drop files to put them in."),
  );
  fill(place, target);
  return { about: /file|folder|entry|reset/ };
}

async function peek(each) {
  if (each.size > 200_000) return download(each.url, each.name);
  const content = await attempt(() => text(each.url));
  if (content !== null) await ask(each.path, h("pre.raw", content.includes("\0") ? "(octets, not text)" : content), { ok: "Close" });
}

// -- web

export async function web(place) {
  const [{ requests }, { routes }] = await Promise.all([get(path("requests"), { limit: 200 }), get(path("routes"))]);
  const add = async () => {
    const answer = await ask(
      "A programmed route",
      h(
        "div.form",
        h("label", "Path", h("input", { name: "path", value: "/hello", required: true })),
        h("label", "Method", h("input", { name: "method", value: "*", required: true })),
        h("label", "Status", h("input", { name: "status", type: "number", value: "200", min: "200", max: "599" })),
        h("label", "Body", h("textarea", { name: "body", rows: "5" })),
      ),
      { ok: "Set" },
    );
    if (!answer) return;
    const route = { path: answer.path, method: answer.method, replies: [{ status: Number(answer.status), body: answer.body }] };
    await attempt(() => send("PUT", path("routes", `${answer.method} ${answer.path}`), route));
    web(place);
  };
  const remove = async (route) => (await attempt(() => send("DELETE", path("routes", route.name))), web(place));
  fill(
    place,
    h(
      "div.room",
      h("div.room-head", h("h1", "Routes"), h("div.actions", h("button.primary", { type: "button", onclick: add }, "New route"))),
      routes.length
        ? h("table.rows", h("tbody", routes.map((route) => h("tr", h("td", h("strong", route.name)), h("td", `${route.method} ${route.path}`), h("td", route.replies.map((reply) => reply.status).join(", ")), h("td", `used ${route.used}×`), h("td.number", h("button.small.quiet", { type: "button", onclick: () => remove(route) }, "Remove"))))))
        : h("p.dim", "None; the site, the files and the endpoints answer."),
      h("div.room-head", h("h1", "Requests received")),
      requests.length ? null : h("p.empty", "No request came yet."),
      h("div.folds", requests.map(requestFold)),
    ),
  );
  return { about: /request|route|reset/ };
}

function requestFold(each) {
  return h(
    "details.fold",
    h("summary", h("time", when(each.at)), h(`span.tag${each.status >= 400 ? ".bad" : ".good"}`, each.status), h("strong", each.method), h("span.target", each.target), h("span.dim", each.client)),
    pairsTable([["Host", each.host], ...each.headers]),
    each.size ? h("pre.raw", each.body ?? `(${octets(each.size)})`) : null,
    each.size ? h("button.small", { type: "button", onclick: () => download(each.url, `request-${each.number}`) }, "Download the body") : null,
  );
}

// -- events

const COLOURS = [
  [/deliver|append|copy|move|replace-message/, "mail"],
  [/flags|labels|expunge|mailbox|subscribe|acl|metadata|special|recent/, "mailbox"],
  [/post|cancel|group|expire/, "news"],
  [/file|folder|entry/, "files"],
  [/request|route/, "web"],
  [/account|quota|alias|list|rule/, "people"],
];
const colour = (kind) => COLOURS.find(([pattern]) => pattern.test(kind))?.[1] || "reset";

export async function events(place) {
  const rows = h("ol.feed");
  const quiet = h("input", { type: "checkbox", checked: true });
  const show = (event) => {
    const item = h(`li.event.of-${colour(event.kind)}`, h("time", when(event.at)), h("span.number", `#${event.number}`), h("span.tag", event.kind), h("span.what", event.text), whereTo(event));
    if (/claim-recent|use-route/.test(event.kind)) item.classList.add("minor");
    rows.prepend(item);
    while (rows.children.length > 500) rows.lastChild.remove();
  };
  const head = h("div.room-head", h("h1", "Events"), h("label.check", quiet, "hide bookkeeping"));
  quiet.addEventListener("change", () => rows.classList.toggle("all", !quiet.checked));
  const page = h("div.room", head, rows);
  fill(place, page);
  const first = await get(path("events"), { limit: 1 });
  const recent = await get(path("events"), { since: Math.max(first.dropped, first.last - 300), limit: 300 });
  recent.events.forEach(show);
  if (!recent.events.length) page.append(h("p.empty", "Nothing has happened yet. Send a mail, upload a file, post an article."));
  return {
    happened: (event) => {
      page.querySelector(".empty")?.remove();
      show(event);
    },
  };
}

function whereTo(event) {
  if (event.arrived?.length) return h("a", { href: link("mail", event.arrived[0].account, event.arrived[0].mailbox, event.arrived[0].uid) }, "open");
  if (event.kind === "fault-struck" && event.conversation) return h("a", { href: link("transcripts", event.conversation) }, "open");
  if (event.kind === "receive-request") return h("a", { href: "#/web" }, "open");
  if (event.groups?.length) return h("a", { href: link("news", event.groups[0]) }, "open");
  if (event.tree && event.path) return h("a", { href: link("files", event.tree, (event.to || event.path).replace(/\/[^/]*$/, "") || "/") }, "open");
  return null;
}

// -- transcripts

export async function transcripts(place, [number]) {
  const { transcripts: list } = await get(path("transcripts"), { limit: 300 });
  const reading = h("section.reading", { "aria-label": "Conversation" });
  const columns = h(
    "div.columns.two",
    { class: `columns two has-list${number ? " has-letter" : ""}` },
    h(
      "section.list",
      { "aria-label": "Conversations" },
      h("div.list-head", h("h1", "Conversations")),
      h(
        "ol.messages",
        list.map((each) =>
          h(
            "li",
            h(
              `a.message${String(each.number) === number ? ".current" : ""}`,
              { href: link("transcripts", each.number) },
              h("span.from", `${each.service} #${each.number}`),
              h("time", when(each.opened)),
              h("span.preview", `${each.peer} · ${octets(each.octets)} · ${each.closed ? `${((new Date(each.closed) - new Date(each.opened)) / 1000).toFixed(2)} s` : "open"}`),
            ),
          ),
        ),
      ),
      list.length ? null : h("p.empty", "Nobody has said anything yet."),
    ),
    reading,
  );
  fill(place, columns);
  if (!number) return void fill(reading, h("p.empty", "Choose a conversation."));
  const [whole, judged] = await Promise.all([
    attempt(() => text(path("transcripts", number, "text") + "?times=true")),
    attempt(() => get(path("transcripts", number, "lint"))),
  ]);
  const back = h("a.back.wide", { href: "#/transcripts", onclick: (event) => (event.preventDefault(), columns.classList.remove("has-letter")) }, "‹ Conversations");
  const http = /^https?$/.test(list.find((each) => String(each.number) === number)?.service);
  const har = h("button.small", { type: "button", onclick: () => download(path("transcripts", number, "har"), `minternet-${number}.har`) }, "Download HAR");
  if (whole !== null) fill(reading, back, http ? h("div.actions", har) : null, judged?.judged ? findingsOf(judged.findings) : null, transcriptText(whole));
}

/** What the client did wrong. */
function findingsOf(findings) {
  if (!findings.length) return h("p.dim.note", "The client broke no rule.");
  return h("div.folds.findings", { "aria-label": "What the client did wrong" }, findings.map(findingFold));
}

function findingFold(each) {
  return h(
    "details.fold",
    h("summary", h(`span.tag${each.severity === "error" ? ".bad" : ""}`, each.severity), h("strong", each.rule), h("span.target", each.wrong), each.count > 1 ? h("span.dim", `×${each.count}`) : null),
    each.line ? h("pre.raw", each.line) : null,
    each.why ? h("p", each.why) : null,
    h("p.dim", `${each.reference}. ${each.advice}`),
  );
}

// -- services

export async function services(place) {
  const [{ services: list }, ready, clock] = await Promise.all([get(path("services")), get(path("ready")), get(path("clock"))]);
  const restart = async (name) => (await attempt(() => send("POST", path("services", name, "restart"))), services(place));
  const turn = async (what, body) => (await attempt(() => send("POST", path("clock", what), body)), services(place));
  const card = (each) =>
    h(
      "li.card",
      h("div.card-head", h(`span.dot.${each.status}`, { title: each.status }), h("strong", each.name), h("span.dim", each.tls || "plain")),
      h("code", `${each.host}:${each.port}`),
      h("p.dim", each.title),
      h("p", each.status, ` · ${each.connections} connected`, each.restarts ? ` · restarted ${each.restarts}×` : ""),
      each.last_error ? h("p.bad", each.last_error) : null,
      each.name === "control" ? null : h("button.small.quiet", { type: "button", onclick: () => restart(each.name) }, "Restart"),
    );
  fill(
    place,
    h(
      "div.room",
      h("div.room-head", h("h1", "Services"), h("a.button", { href: "/api/v1/openapi.json", target: "_blank" }, "OpenAPI"), h("button", { type: "button", onclick: () => download(path("ca.pem"), "minternet-ca.pem") }, "CA certificate")),
      h("ul.cards", list.map(card)),
      h("div.room-head", h("h1", "Accounts")),
      h("table.rows", h("thead", h("tr", h("th", "Login"), h("th", "Password"), h("th", "Address"))), h("tbody", ready.accounts.map((each) => h("tr", h("td", h("code", each.login)), h("td", h("code", each.password)), h("td", each.address))))),
      h("div.room-head", h("h1", "Clock"), h("span", when(clock.now, true), clock.frozen ? " (stands still)" : "")),
      h(
        "div.actions",
        h("button", { type: "button", onclick: () => turn("freeze") }, "Freeze"),
        h("button", { type: "button", onclick: () => turn("advance", { seconds: 3600 }) }, "+1 hour"),
        h("button", { type: "button", onclick: () => turn("advance", { seconds: 86400 }) }, "+1 day"),
        h("button", { type: "button", onclick: () => turn("resume") }, "Resume"),
      ),
    ),
  );
  return { about: /account|reset/ };
}
