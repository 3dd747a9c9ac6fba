// Mail: accounts and their mailboxes, the messages of one or a search, and a message.

import { ask, fill, h, octets, toast, when } from "./dom.js";
import { get, path, send } from "./api.js";
import { letterView } from "./letter.js";

const PAGE = 50; // messages that one click shows more of
const MOST = 500; // messages that the API tells of at once

/** The section: #/mail/ACCOUNT/MAILBOX/UID; with words, all mailboxes: #/all/... for no words, else #/search/WORDS/... */
export async function mail(place, [account, mailbox, uid], words = null) {
  const everywhere = words !== null;
  const folders = h("aside.folders", { "aria-label": "Mailboxes" });
  const list = h("section.list", { "aria-label": "Messages" });
  const reading = h("section.reading", { "aria-label": "Message" });
  const columns = h("div.columns", folders, list, reading);
  fill(place, columns);
  const { accounts } = await get(path("accounts"));
  if (!account && !everywhere) {
    const fullest = accounts.find((each) => each.messages) || accounts[0];
    if (fullest) {
      account = fullest.login;
      mailbox = "INBOX";
    }
  }
  columns.classList.toggle("has-list", Boolean(mailbox || everywhere));
  columns.classList.toggle("has-letter", Boolean(uid));
  const state = { account, mailbox, uid, words, everywhere, folders, list, reading, columns };
  await Promise.all([showFolders(state, accounts), showList(state)]);
  if (uid) await showLetter(state);
  else fill(reading, h("p.empty", "Choose a message."));
  return {
    about: /deliver|append|flags|expunge|mailbox|account|move|copy|reset|replace|labels|subscribe|special/,
    /** Something happened: take up what is new. */
    async happened() {
      await Promise.all([showFolders(state), showList(state, true)]);
    },
  };
}

const link = (...segments) => "#/" + segments.map(encodeURIComponent).join("/");
const listed = (state) => (state.words ? ["search", state.words] : ["all"]);
const above = (state) => (state.everywhere ? link(...listed(state)) : link("mail", state.account, state.mailbox));
const here = (state, uid, account, mailbox) => (state.everywhere ? link(...listed(state), account, mailbox, uid) : link("mail", account, mailbox, uid));

async function showFolders(state, accounts) {
  accounts ??= (await get(path("accounts"))).accounts;
  const trees = await Promise.all(accounts.map(async (each) => [each, (await get(path("accounts", each.login, "mailboxes"))).mailboxes]));
  fill(
    state.folders,
    allItem(state, accounts),
    trees.map(([each, boxes]) => {
      const open = each.login === state.account || trees.length === 1;
      return h(
        "details.account",
        { open },
        h("summary", h("span.avatar", { "aria-hidden": "true" }, (each.name || each.login).slice(0, 1).toUpperCase()), h("span.who", h("strong", each.name || each.login), h("small", each.address)), each.unseen ? h("span.count", each.unseen) : null),
        h("ul.boxes", inOrder(boxes).map((box) => boxItem(state, each.login, box, new Set(boxes.map((other) => other.name))))),
        h("button.small.quiet", { type: "button", onclick: () => newMailbox(state, each.login) }, "+ mailbox"),
      );
    }),
  );
}

function allItem(state, accounts) {
  const current = state.everywhere && !state.words;
  const [messages, unseen] = ["messages", "unseen"].map((name) => accounts.reduce((sum, each) => sum + each[name], 0));
  return h("ul.boxes", h("li", boxLink("#/all", current, `All mailboxes of all accounts: ${messages} messages`, h("strong", "All mail"), messages, unseen)));
}

function boxLink(href, current, title, shown, messages, unseen) {
  return h(
    `a.box${current ? ".current" : ""}`,
    { href, "aria-current": current ? "page" : null, title },
    shown,
    h("span.count", { class: unseen ? "count" : "count none" }, unseen || messages),
  );
}

const ORDER = ["INBOX", "\\Drafts", "\\Sent", "\\Archive", "\\Junk", "\\Trash"];
const rank = (box) => {
  const at = ORDER.indexOf(box.name === "INBOX" ? "INBOX" : box.special_use);
  return at < 0 ? ORDER.length : at;
};
const inOrder = (boxes) => [...boxes].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));

function boxItem(state, login, box, names) {
  const current = login === state.account && box.name === state.mailbox && !state.everywhere;
  const above = [...names].filter((name) => box.name.startsWith(name + "/"));
  const depth = above.length;
  const shown = depth ? box.name.slice(Math.max(...above.map((name) => name.length)) + 1) : box.name;
  const title = `${box.name}: ${box.messages} messages, ${octets(box.octets)}`;
  return h("li", boxLink(link("mail", login, box.name), current, title, h("span", { style: `padding-left: ${depth}rem` }, shown), box.messages, box.unseen));
}

async function newMailbox(state, login) {
  const answer = await ask(`A new mailbox of ${login}`, h("label", "Name (levels parted by /)", h("input", { name: "name", required: true })), { ok: "Create" });
  if (!answer) return;
  try {
    await send("POST", path("accounts", login, "mailboxes"), { name: answer.name });
    await showFolders(state);
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** The messages, newest first. `again`: what is shown is brought up to date, and what is above it stays as it is. */
async function showList(state, again = false) {
  if (!state.mailbox && !state.everywhere) return;
  const url = state.everywhere ? path("messages") : path("accounts", state.account, "mailboxes", state.mailbox, "messages");
  const query = { limit: again ? Math.min(MOST, Math.max(PAGE, state.shown || 0)) : PAGE, ...queryOf(state.words || state.filter || "") };
  const turn = (state.turn = (state.turn || 0) + 1);
  let page;
  try {
    page = await get(url, query);
  } catch (error) {
    if (turn === state.turn) fill(state.list, h("p.bad.empty", error.message));
    return;
  }
  if (turn !== state.turn) return; // a later one was faster
  const rows = h("ol.messages", page.messages.map((each) => messageRow(state, each)));
  const more = h("button.more", { type: "button", hidden: !page.next, onclick: next }, "Older messages");
  async function next() {
    page = await get(url, { ...query, limit: PAGE, cursor: page.next });
    rows.append(...page.messages.map((each) => messageRow(state, each)));
    more.hidden = !page.next;
    if (rows.isConnected) state.shown = rows.children.length;
  }
  if (!again || !state.body?.isConnected) fill(state.list, listHead(state), (state.body = h("div")));
  state.total = page.total;
  state.count.textContent = state.words ? `of ${page.total} messages` : state.everywhere ? `${page.total}` : `${state.account} · ${page.total}`;
  fill(state.body, rows, page.messages.length ? null : h("p.empty", state.words || state.filter ? "Nothing matches." : "No messages here."), more);
  state.shown = page.messages.length;
}

function listHead(state) {
  const place = state.everywhere ? "all mail" : "this mailbox";
  const input = h("input", { type: "search", value: state.filter || "", placeholder: "Filter: words, from:, subject:, is:unread, has:$flag", "aria-label": `Filter ${place}` });
  state.count = h("small");
  return h(
    "div.list-head",
    h("a.back", { href: "#/mail", "aria-label": "Back to the mailboxes", onclick: (event) => back(event, state, "has-list") }, "‹"),
    h("h1", state.words ? `“${state.words}”` : state.everywhere ? "All mail" : state.mailbox, " ", state.count),
    state.words
      ? null
      : h("form", { onsubmit: (event) => (event.preventDefault(), (state.filter = input.value), showList(state)) }, input),
    state.everywhere ? null : h("button.small.quiet", { type: "button", onclick: () => clear(state) }, "Clear"),
  );
}

/** Words of a search: from:, to:, subject:, is:unread, is:flagged, has:FLAG, larger:N; the rest is sought everywhere. */
function queryOf(words) {
  const query = {};
  const rest = [];
  for (const [, key, quoted, plain, alone] of words.matchAll(/(?:(\w+):)(?:"([^"]*)"|(\S+))|(\S+)/g)) {
    const value = quoted ?? plain;
    if (!key) rest.push(alone);
    else if (["from", "to", "subject", "text"].includes(key)) query[key] = value;
    else if (key === "is" && value === "unread") query.no_flag = [...(query.no_flag || []), "\\Seen"];
    else if (key === "is" && value === "flagged") query.flag = [...(query.flag || []), "\\Flagged"];
    else if (key === "has") query.flag = [...(query.flag || []), value];
    else if (key === "larger" && /^\d+$/.test(value)) query.size_min = value;
    else rest.push(`${key}:${value}`);
  }
  if (rest.length) query.q = rest.join(" ");
  return query;
}

function messageRow(state, each) {
  const current = String(each.uid) === String(state.uid) && each.account === state.account && each.mailbox === state.mailbox;
  const unread = !each.flags.includes("\\Seen");
  return h(
    "li",
    h(
      `a.message${unread ? ".unread" : ""}${current ? ".current" : ""}`,
      { href: here(state, each.uid, each.account, each.mailbox), "aria-current": current ? "true" : null },
      h("span.from", each.from.replace(/\s*<[^>]*>\s*$/, "") || each.from || "(nobody)"),
      h("time", { datetime: each.date }, when(each.date)),
      h("span.subject", each.flags.includes("\\Flagged") ? h("span.star", { title: "flagged" }, "★ ") : null, each.subject || "(no subject)"),
      h("span.marks", each.attachments ? h("span", { title: `${each.attachments} attachments` }, `⬇ ${each.attachments}`) : null),
      h("span.preview", state.everywhere ? h("span.tag", `${each.account}/${each.mailbox}`) : null, state.everywhere ? " " : null, each.preview),
    ),
  );
}

async function showLetter(state) {
  try {
    const back_ = h("a.back.wide", { href: above(state), onclick: (event) => back(event, state, "has-letter") }, "‹ Messages");
    const gone = () => (location.hash = above(state));
    fill(state.reading, back_, await letterView(state.account, state.mailbox, state.uid, gone));
    state.reading.scrollTop = 0;
  } catch (error) {
    fill(state.reading, h("p.bad.empty", error.message));
  }
}

function back(event, state, name) {
  event.preventDefault();
  state.columns.classList.remove(name);
  if (name === "has-letter") history.replaceState(null, "", above(state));
}

async function clear(state) {
  const sure = await ask(`Clear ${state.mailbox}?`, h("p", `All ${state.total} messages of ${state.account}/${state.mailbox} are expunged.`), { ok: "Clear", danger: true });
  if (!sure) return;
  await send("DELETE", path("accounts", state.account, "mailboxes", state.mailbox, "messages"));
  location.hash = link("mail", state.account, state.mailbox);
  await Promise.all([showFolders(state), showList(state)]);
}

/** Write a message: delivered by address, put into a mailbox as it is, or posted to a newsgroup. */
export async function compose() {
  const { accounts } = await get(path("accounts"));
  const { groups } = await get(path("groups"));
  const mode = h("select", { name: "mode" }, h("option", { value: "deliver" }, "Deliver to an address"), h("option", { value: "put" }, "Put into a mailbox"), h("option", { value: "post" }, "Post to a newsgroup"));
  const to = h("input", { name: "to", list: "known-addresses", value: accounts[0]?.address || "", required: true });
  const known = h("datalist", { id: "known-addresses" });
  const toLabel = h("span", "To");
  const raw = h("input", { type: "checkbox", name: "raw" });
  const subject = h("label.plain", "Subject", h("input", { name: "subject" }));
  const from = h("label.plain", "From", h("input", { name: "from", value: "Somebody <somebody@example.net>" }));
  const bodyLabel = h("span", "Text");
  const update = () => {
    const names = { deliver: accounts.map((each) => each.address), put: accounts.map((each) => `${each.login}/INBOX`), post: groups.map((each) => each.name) }[mode.value];
    fill(known, names.map((name) => h("option", { value: name })));
    to.value = mode.value === "post" ? names.find((name) => name === "local.test") || names[0] || "" : names[0] || "";
    toLabel.textContent = { deliver: "To (an address, or several with commas)", put: "Mailbox (login/name)", post: "Newsgroup" }[mode.value];
  };
  const toggle = () => {
    subject.hidden = from.hidden = raw.checked;
    bodyLabel.textContent = raw.checked ? "The whole message, header and all" : "Text";
  };
  mode.addEventListener("change", update);
  raw.addEventListener("change", toggle);
  update();
  const answer = await ask(
    "Compose",
    h(
      "div.form",
      h("label", "How", mode),
      h("label", toLabel, to, known),
      from,
      subject,
      h("label.check", raw, "Raw: I write the header myself"),
      h("label", bodyLabel, h("textarea", { name: "body", rows: "10" })),
    ),
    { ok: "Send" },
  );
  if (!answer) return;
  try {
    toast(await deliver(answer, accounts));
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function deliver(answer, accounts) {
  const crlf = (given) => given.replace(/\r?\n/g, "\r\n");
  const post = answer.mode === "post";
  const fields = [
    `From: ${word(answer.from)}`,
    post ? `Newsgroups: ${answer.to}` : `To: ${answer.mode === "put" ? accounts.find((each) => answer.to.startsWith(each.login + "/"))?.address || "" : answer.to}`,
    `Subject: ${word(answer.subject || "(no subject)")}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}@page.example.test>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
  ];
  const content = crlf(answer.raw ? answer.body : `${fields.join("\n")}\n\n${answer.body}\n`);
  if (post) {
    const posted = await send("POST", path("articles"), content, "message/rfc822");
    return `Posted as ${posted.message_id}.`;
  }
  if (answer.mode === "put") {
    const [login, ...name] = answer.to.split("/");
    const stored = await send("POST", path("accounts", login, "mailboxes", name.join("/"), "messages"), content, "message/rfc822");
    return `Stored as UID ${stored.uid} in ${stored.account}/${stored.mailbox}.`;
  }
  const sender = /<([^>]*)>/.exec(answer.from || "")?.[1] || "";
  const query = new URLSearchParams([["sender", sender], ...answer.to.split(",").map((each) => ["recipient", each.trim()])]);
  const { messages } = await send("POST", `${path("messages")}?${query}`, content, "message/rfc822");
  return `Delivered to ${messages.map((each) => `${each.account}/${each.mailbox}`).join(", ")}.`;
}

/** Header text, as encoded words where it is not ASCII (RFC 2047). */
function word(value) {
  const encode = (part) => (/^[\x20-\x7e]*$/.test(part) ? part : `=?utf-8?B?${btoa(String.fromCharCode(...new TextEncoder().encode(part)))}?=`);
  const address = /^(.*?)(\s*<[^>]*>)$/.exec(value.replace(/[\r\n]+/g, " "));
  return address ? encode(address[1]) + address[2] : encode(value.replace(/[\r\n]+/g, " "));
}
