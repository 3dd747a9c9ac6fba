// Building elements. Text from the world goes in as text nodes only: nothing here ever parses HTML.

/** An element: h("a.name", {href: "#/x", onclick: fn}, "text", child). */
export function h(tag, ...rest) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const part of rest) add(element, part);
  return element;
}

function add(element, part) {
  if (part === null || part === undefined || part === false) return;
  if (Array.isArray(part)) part.forEach((each) => add(element, each));
  else if (part instanceof Node) element.append(part);
  else if (typeof part === "object") Object.entries(part).forEach(([name, value]) => set(element, name, value));
  else element.append(String(part));
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if (name === "href" && !/^(#|\/|blob:|https?:|mailto:)/.test(value)) element.title = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Put these children in the place of all there are. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** 12 KB. */
export function octets(number) {
  if (number < 1000) return `${number} B`;
  const unit = number < 1e6 ? ["KB", 1e3] : number < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(number / unit[1]).toFixed(number / unit[1] < 10 ? 1 : 0)} ${unit[0]}`;
}

/** A time as people here write it; short where it is today. */
export function when(text, long = false) {
  if (!text) return "";
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  if (long) return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const today = new Date().toDateString() === date.toDateString();
  if (today) return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const sameYear = new Date().getFullYear() === date.getFullYear();
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year: sameYear ? undefined : "numeric" });
}

/** A short note at the corner of the page. */
export function toast(text, kind = "") {
  const note = h(`div.toast${kind ? "." + kind : ""}`, text);
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 5000);
}

/** Ask in a dialog; the form's values, or null. */
export function ask(title, body, { ok = "OK", danger = false } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", title),
      body,
      h(
        "div.actions",
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h(danger ? "button.danger" : "button.primary", { type: "submit" }, ok),
      ),
    );
    const dialog = h("dialog", { "aria-label": title }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = Object.fromEntries(new FormData(form));
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Tabs: pairs of a title and what makes the panel when it is first shown. */
export function tabs(...pairs) {
  const panel = h("div.panel", { role: "tabpanel" });
  const shown = pairs.filter(Boolean);
  const made = new Map();
  const buttons = shown.map(([title, make], at) =>
    h("button.tab", { type: "button", role: "tab", "aria-selected": "false", onclick: () => show(at), onkeydown: turn }, title),
  );
  function turn(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(event.currentTarget) + step + buttons.length) % buttons.length;
    show(next);
    buttons[next].focus();
  }
  function show(at) {
    buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", String(index === at));
      button.tabIndex = index === at ? 0 : -1;
    });
    if (!made.has(at)) made.set(at, shown[at][1]());
    fill(panel, made.get(at));
  }
  show(0);
  return h("div.tabbed", h("div.tabs", { role: "tablist" }, buttons), panel);
}
