// The page: which section is shown, the bar above it, and the event stream that keeps it up to date.

import { ask, byId, fill, h, toast } from "./dom.js";
import { API, follow, get, path, send } from "./api.js";
import { compose, mail } from "./mail.js";
import { faults } from "./faults.js";
import { events, files, news, services, transcripts, web } from "./rooms.js";

const SECTIONS = {
  mail: ["Mail", "✉", (place, rest) => mail(place, rest)],
  news: ["News", "☰", news],
  files: ["Files", "▤", files],
  web: ["Web", "⇄", web],
  events: ["Events", "◉", events],
  faults: ["Faults", "⚡", faults],
  transcripts: ["Transcripts", "❝", transcripts],
  services: ["Services", "⚙", services],
};

const place = byId("content");
let room = null;
let shown = 0;

async function show() {
  const [name, ...rest] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const turn = ++shown;
  const everywhere = name === "search" || name === "all";
  const section = everywhere ? "mail" : name in SECTIONS ? name : "mail";
  fill(byId("rail"), Object.entries(SECTIONS).map(([key, [title, sign]]) => h(`a${key === section ? ".current" : ""}`, { href: `#/${key}`, "aria-current": key === section ? "page" : null }, h("span.sign", { "aria-hidden": "true" }, sign), h("span", title))));
  document.title = `${SECTIONS[section][0]} · minternet`;
  const body = h("div.section");
  try {
    const words = name === "search" ? rest.shift() || "" : "";
    const open = everywhere ? mail(body, rest, words) : SECTIONS[section][2](body, name in SECTIONS ? rest.filter((each) => each !== "") : []);
    if (!place.firstChild) fill(place, body);
    const opened = await open;
    if (turn !== shown) return;
    room = opened ?? null;
    fill(place, body);
    place.dataset.ready = section;
  } catch (error) {
    if (turn === shown) fill(place, h("p.bad.empty", error.message));
  }
}

/** Tell the section: at once where it shows events, else once for many that come together. */
function happened(event) {
  if (event.kind === "reset") toast("The world was reset.");
  if (place.dataset.ready === "events") room?.happened?.(event);
  else if (room?.about?.test(event.kind)) soon();
}

let busy = false;
let more = false;
/** Bring the section up to date, one time after the other: events that never pause do not keep it from being shown. */
function soon() {
  more = busy;
  if (busy) return;
  busy = true;
  setTimeout(async () => {
    try {
      await (room?.happened ? room.happened() : show());
    } finally {
      busy = false;
      if (more) soon();
    }
  }, 150);
}

async function reset() {
  const sure = await ask("Reset the world?", h("p", "Mail, news, files, routes, faults and accounts are as the fixtures say again. Clients that are connected are told; ports stay."), { ok: "Reset", danger: true });
  if (!sure) return;
  try {
    await send("POST", path("reset"));
    await show();
  } catch (error) {
    toast(error.message, "bad");
  }
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("minternet-theme", root.dataset.theme);
}

const chosen = localStorage.getItem("minternet-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
byId("theme").addEventListener("click", theme);
byId("reset").addEventListener("click", reset);
byId("compose").addEventListener("click", compose);
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = byId("search-text").value.trim();
  if (words) location.hash = `#/search/${encodeURIComponent(words)}`;
});
addEventListener("hashchange", show);
addEventListener("keydown", (event) => {
  const typing = /INPUT|TEXTAREA|SELECT/.test(document.activeElement?.tagName) || document.querySelector("dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("search-text").focus();
  } else if (event.key === "c") compose();
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
});

/** To the next or previous message of the list. */
function step(by) {
  const rows = [...document.querySelectorAll(".messages a")];
  const at = rows.findIndex((row) => row.classList.contains("current"));
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.click();
}

get(API).then((about) => fill(byId("world"), about.name, h("small", about.hostname)), () => null);
show();
follow(happened, (state) => {
  const live = byId("live");
  live.textContent = state === "live" ? "live" : "offline";
  live.className = `live ${state}`;
});
