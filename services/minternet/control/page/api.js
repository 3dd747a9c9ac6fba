// The API: requests with the token where one is needed, downloads, and the stream of events.

import { ask, h, toast } from "./dom.js";

const STORED = "minternet-token";
const fromAddress = new URLSearchParams(location.hash.startsWith("#token=") ? location.hash.slice(1) : "").get("token");
if (fromAddress) {
  sessionStorage.setItem(STORED, fromAddress);
  history.replaceState(null, "", location.pathname + "#/mail");
}

export const API = "/api/v1";
/** A URL from segments: path("accounts", "alice", "mailboxes", "a/b"). */
export const path = (...segments) => [API, ...segments.map((each) => encodeURIComponent(each))].join("/");

function headers(more = {}) {
  const token = sessionStorage.getItem(STORED);
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

let asking = null;
async function askToken() {
  asking ??= ask(
    "A token is needed",
    [
      h("p", "This internet can be reached from other machines. Its token was printed when it started, and is in the ready file."),
      h("label", "Token", h("input", { name: "token", type: "password", required: true, autocomplete: "off" })),
    ],
    { ok: "Go on" },
  );
  const answer = await asking;
  asking = null;
  if (answer) sessionStorage.setItem(STORED, answer.token);
  return Boolean(answer);
}

/** One request; the response, or an error with the problem's own words. */
export async function request(url, options = {}) {
  const response = await fetch(url, { ...options, headers: headers(options.headers) });
  if (response.status === 401 && (await askToken())) return request(url, options);
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || problem.title || `${response.status} ${response.statusText}`);
  }
  return response;
}

export async function get(url, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(pairs.flatMap(([name, value]) => [].concat(value).map((each) => [name, each]))).toString();
  return (await request(text ? `${url}?${text}` : url)).json();
}

export async function send(method, url, body, type = "application/json") {
  const json = type === "application/json" && body !== undefined;
  const response = await request(url, {
    method,
    body: json ? JSON.stringify(body) : body,
    headers: body === undefined ? {} : { "Content-Type": type },
  });
  return response.status === 204 ? null : response.json();
}

export const blob = async (url) => (await request(url)).blob();
export const text = async (url) => (await request(url)).text();

/** Save what is at a URL of the API as a file. */
export async function download(url, name) {
  try {
    const link = h("a", { href: URL.createObjectURL(await blob(url)), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** Every event from now on, as it happens; comes back by itself, and misses nothing that is kept. */
export async function follow(onEvent, onState) {
  let last = null;
  for (;;) {
    try {
      const response = await request(`${API}/events/stream`, { headers: last === null ? {} : { "Last-Event-ID": String(last) } });
      onState("live");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let held = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (held + value).split("\n\n");
        held = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
          if (fields.id) {
            last = Number(fields.id);
            onEvent(JSON.parse(fields.data));
          }
        }
      }
    } catch {
      // the server is gone for a while, or for good
    }
    onState("gone");
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}
