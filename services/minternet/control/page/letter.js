// A message: its text, its HTML in a sandbox, and everything else there is to know about it.

import { ask, fill, h, octets, tabs, toast, when } from "./dom.js";
import { blob, download, get, path, send, text } from "./api.js";

const FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'";
const DROPPED = "script, noscript, iframe, frame, frameset, object, embed, applet, link, meta, base, form, input, button, svg, math, template, portal";
const FETCHING = ["src", "srcset", "background", "poster", "data", "action", "formaction", "ping", "xlink:href"];
const LARGEST_INLINE = 3_000_000;

/** The message's view; `gone` is called when it was deleted. */
export async function letterView(account, mailbox, uid, gone) {
  const url = path("accounts", account, "mailboxes", mailbox, "messages", uid);
  const letter = await get(url);
  const title = h("h1", letter.subject || "(no subject)");
  const flags = h("span.flags");
  showFlags(flags, letter);
  const actions = h(
    "div.actions",
    flagButton(letter, url, flags, "\\Seen", "Read", "Unread"),
    flagButton(letter, url, flags, "\\Flagged", "Unflag", "Flag"),
    h("button", { type: "button", onclick: () => download(letter.raw, `${mailbox}-${uid}.eml`) }, "Download"),
    h("button.danger", { type: "button", onclick: () => remove(url, gone) }, "Delete"),
  );
  const view = h(
    "article.letter",
    h("header.letter-head", title, actions, addresses(letter), flags),
    letter.files.length ? files(letter.files) : null,
    tabs(
      letter.html ? ["HTML", () => htmlPanel(letter, url)] : null,
      ["Text", () => h("pre.text", letter.text || "(no text)")],
      letter.links.length || letter.codes.length ? [`Links and codes`, () => links(letter)] : null,
      ["Headers", () => pairsTable(letter.headers)],
      ["Structure", () => h("ul.parts", partItem(letter.structure, url))],
      letter.envelope ? ["Envelope", () => envelope(letter.envelope)] : null,
      ["Raw", () => later(async () => h("pre.raw", await text(letter.raw)))],
      letter.transcript ? ["Transcript", () => later(async () => transcriptText(await text(`${letter.transcript}/text?times=true`)))] : null,
    ),
  );
  if (!letter.flags.includes("\\Seen")) {
    send("PATCH", url, { add: ["\\Seen"] }).then((after) => {
      letter.flags = after.flags;
      showFlags(flags, letter);
    });
  }
  return view;
}

function addresses(letter) {
  const rows = [
    ["From", letter.from],
    ["To", letter.to],
    ["Date", when(letter.sent || letter.date, true)],
    ["Came", `${when(letter.date, true)}, ${octets(letter.size)}, UID ${letter.uid} in ${letter.account}/${letter.mailbox}`],
  ];
  return h("dl.facts", rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", name), h("dd", value)]));
}

function showFlags(place, letter) {
  fill(place, letter.flags.map((flag) => h("span.tag", flag.replace("\\", ""))));
}

function flagButton(letter, url, place, flag, whenSet, whenNot) {
  const button = h("button", { type: "button" });
  const show = () => (button.textContent = letter.flags.includes(flag) ? whenSet === "Read" ? "Mark unread" : whenSet : whenSet === "Read" ? "Mark read" : whenNot);
  button.addEventListener("click", async () => {
    const change = letter.flags.includes(flag) ? { remove: [flag] } : { add: [flag] };
    letter.flags = (await send("PATCH", url, change)).flags;
    showFlags(place, letter);
    show();
  });
  show();
  setTimeout(show, 400);
  return button;
}

async function remove(url, gone) {
  if (!(await ask("Delete this message?", h("p", "It is expunged; a reset brings back what the fixtures hold."), { ok: "Delete", danger: true }))) return;
  await send("DELETE", url);
  gone();
}

function files(list) {
  return h(
    "div.files",
    list.map((file) =>
      h("button.file", { type: "button", title: file.type, onclick: () => download(file.url, file.filename) }, h("span.clip", "⬇"), file.filename, h("small", octets(file.size))),
    ),
  );
}

function links(letter) {
  return h(
    "div.stack",
    letter.codes.length ? h("section", h("h2", "Codes"), letter.codes.map((code) => h("code.code", code))) : null,
    letter.links.length ? h("section", h("h2", "Links"), h("ul", letter.links.map((link) => h("li", outward(link))))) : null,
  );
}

const outward = (link) => h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, link);

export function pairsTable(pairs) {
  return h("table.pairs", h("tbody", pairs.map(([name, value]) => h("tr", h("th", { scope: "row" }, name), h("td", value)))));
}

function partItem(part, url) {
  const section = part.section || "whole";
  const about = [part.filename, part.charset, part.encoding, part.disposition, octets(part.size)].filter(Boolean).join(" · ");
  return h(
    "li",
    h("code", section),
    " ",
    h("strong", part.type),
    " ",
    h("span.dim", about),
    part.section && !part.parts.length
      ? h("button.small", { type: "button", onclick: () => download(`${url}/parts/${part.section}`, part.filename || `part-${part.section}`) }, "Download")
      : null,
    part.parts.length ? h("ul", part.parts.map((each) => partItem(each, url))) : null,
  );
}

function envelope(given) {
  const rows = Object.entries(given)
    .filter(([name, value]) => name !== "recipients" && value !== null && value !== "")
    .map(([name, value]) => [name, String(value)]);
  const recipients = given.recipients.map((each) => ["recipient", [each.address, each.notify.join(","), each.original].filter(Boolean).join("  ")]);
  return pairsTable([["sender", given.sender || "<> (null sender)"], ...recipients, ...rows.filter(([name]) => name !== "sender")]);
}

/** A conversation with each side in its colour. */
export function transcriptText(whole) {
  const lines = whole.split("\n").map((line) => {
    const side = /^\s*[\d.]*\s*([CS*]): /.exec(line)?.[1];
    return h(`span${side ? { C: ".said-client", S: ".said-server", "*": ".said-note" }[side] : ".dim"}`, line + "\n");
  });
  return h("pre.raw.transcript", lines);
}

/** Something that has to be fetched first. */
export function later(make) {
  const place = h("div", h("p.dim", "…"));
  make().then(
    (made) => fill(place, made),
    (error) => fill(place, h("p.bad", error.message)),
  );
  return place;
}

// -- HTML that must not be trusted: cleaned, without anything from elsewhere, in a sandbox without scripts

function htmlPanel(letter, url) {
  const place = h("div.html");
  const note = h("p.dim.note", "Scripts, forms and remote content are blocked.");
  build(letter, url).then(({ source, blocked }) => {
    if (blocked) note.textContent = `Scripts, forms and remote content are blocked: ${blocked} left out.`;
    const frame = h("iframe", {
      sandbox: "allow-popups allow-popups-to-escape-sandbox",
      referrerpolicy: "no-referrer",
      title: "The message's HTML",
      srcdoc: source,
    });
    place.append(frame);
  });
  place.append(note);
  return place;
}

async function build(letter, url) {
  const parsed = new DOMParser().parseFromString(letter.html, "text/html"); // inert: nothing runs, nothing is fetched
  let blocked = 0;
  for (const element of parsed.querySelectorAll(DROPPED)) {
    blocked += 1;
    element.remove();
  }
  const inline = contentIds(letter.structure);
  for (const element of parsed.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      const lower = name.toLowerCase();
      if (lower.startsWith("on") || (lower === "href" && !/^(https?:|mailto:|#)/i.test(value.trim()))) element.removeAttribute(name);
      else if (FETCHING.includes(lower)) {
        element.removeAttribute(name);
        const cid = /^cid:(.*)$/i.exec(value.trim())?.[1];
        const section = cid && inline.get(decoded(cid));
        if (element.localName === "img" && /^data:image\//i.test(value)) element.setAttribute("src", value);
        else if (element.localName === "img" && section) element.setAttribute("src", await dataUrl(`${url}/parts/${section}`));
        else blocked += 1;
      }
    }
  }
  const head =
    `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${FRAME_POLICY}">` +
    `<meta http-equiv="x-dns-prefetch-control" content="off"><base target="_blank">` +
    `<style>body{margin:16px;background:#fff;color:#1b1f24;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}img{max-width:100%}</style>`;
  return { source: head + parsed.documentElement.outerHTML, blocked };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function contentIds(part, found = new Map()) {
  if (part.content_id && part.section) found.set(part.content_id.trim().replace(/^<|>$/g, ""), part.section);
  part.parts.forEach((each) => contentIds(each, found));
  return found;
}

async function dataUrl(url) {
  try {
    const content = await blob(url);
    if (!content.type.startsWith("image/") || content.size > LARGEST_INLINE) return "data:,";
    return await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(content);
    });
  } catch {
    return "data:,";
  }
}
