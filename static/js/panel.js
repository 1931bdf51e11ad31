// Filling in as systems answer, copying, keys, and what to say when the caller does not come.
const words = document.currentScript.dataset;
const announcement = document.getElementById("announcement");
const keys = document.getElementById("keys");
const showKeys = document.getElementById("show-keys");
const currentCaller = () => document.getElementById("caller");

// -- Filling in --------------------------------------------------------------------------------------------------

const POLL_PAUSE_MS = 300;
let listening = null;

// Each event holds the whole fragment as far as it is known; only what differs is put into the page.
async function listen(anew) {
  listening?.abort();
  listening = new AbortController();
  const response = await fetch(currentCaller().dataset.stream + (anew ? "?refresh=1" : ""), { signal: listening.signal, headers: { Accept: "text/event-stream" } });
  if (response.status === 401) return location.reload();
  if (!response.ok || !response.body) throw new Error("no stream");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let done = false;
  for (;;) {
    const chunk = await reader.read();
    if (chunk.done) break;
    buffer += chunk.value;
    const events = buffer.split("\n\n");
    buffer = events.pop();
    for (const event of events) done = show(event, anew) || done;
  }
  if (!done) throw new Error("the stream broke off");
}

function show(event, anew) {
  const lines = event.split("\n");
  return put(lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n"), anew);
}

// Whether it is the last one. While systems are asked anew, what is not there yet takes nothing away.
function put(html, anew) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.getElementById("caller");
  const done = "complete" in fresh.dataset;
  // Each answer masks the same token anew, by which no form would be what it was.
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (token) for (const input of fresh.querySelectorAll("[name=csrfmiddlewaretoken]")) input.setAttribute("value", token);
  const old = currentCaller();
  const keeps = anew && !done;
  if (keeps && fresh.dataset.people === "0" && !old.hasAttribute("aria-busy")) return done;
  if (isAnotherView(old, fresh)) replace(old, fresh);
  else {
    patch(old, fresh, keeps);
    Object.assign(old.dataset, { people: fresh.dataset.people, person: fresh.dataset.person });
  }
  htmx.process(currentCaller());
  if (done) announcement.textContent = words.complete;
  return done;
}

// Nothing of one person may stay beside another, or after their data may no longer be shown, whatever the reader is in.
function isAnotherView(old, fresh) {
  const people = old.dataset.people;
  const changed = people !== "0" && people !== fresh.dataset.people;
  return old.hasAttribute("aria-busy") || !fresh.dataset.people || changed || isSomebodyElse(old, fresh);
}

// Systems tell of a person one after the other; without a record in common it is another person.
function isSomebodyElse(old, fresh) {
  const records = (caller) => caller.dataset.person.split(" ").filter(Boolean);
  const known = records(old);
  return known.length > 0 && !records(fresh).some((record) => known.includes(record));
}

function replace(old, fresh) {
  const reading = old.contains(document.activeElement);
  old.replaceWith(fresh);
  const heading = fresh.querySelector("h1");
  if (!reading || !heading) return;
  heading.tabIndex = -1;
  heading.focus();
}

// What the reader is in, or has opened, is not replaced.
const inUse = (part) => part.contains(document.activeElement) || part.matches(".revealed") || part.querySelector(".reveal[open], .conflict[open], .revealed, .asking");

function patch(old, fresh, keeps) {
  const parts = [...fresh.children];
  const wanted = new Set(parts.map((part) => part.id));
  for (const child of [...old.children]) if (!keeps && !wanted.has(child.id) && !inUse(child)) child.remove();
  let before = null;
  for (const part of parts) before = place(old, part, before, keeps);
}

// Puts one part after `before`, or leaves the one that is there; returns what stands in its place.
function place(parent, part, before, keeps) {
  const known = [...parent.children].find((child) => child.id === part.id);
  if (!known) {
    if (before) before.after(part);
    else parent.prepend(part);
    return part;
  }
  if (known.isEqualNode(part)) return known;
  const inner = partsWithin(known, part);
  if (inner) patch(...inner, keeps);
  else if (!inUse(known)) {
    known.replaceWith(part);
    return part;
  }
  return known;
}

function partsWithin(known, part) {
  if (part.id === "part-cards" || part.id.startsWith("column-")) return [known, part];
  const fields = [known, part].map((card) => card.querySelector(":scope > details > .fields"));
  return inUse(known) && fields.every(Boolean) ? fields : null;
}

// Where no stream gets through, such as behind a proxy that gathers answers: ask again until all is there.
async function poll(anew) {
  listening = new AbortController();
  const options = { signal: listening.signal, headers: { "HX-Request": "true" } };
  for (let [done, first] = [false, anew]; !done; first = false) {
    const response = await fetch(`${currentCaller().dataset.whole}?poll=1${first ? "&refresh=1" : ""}`, options);
    if (response.headers.has("HX-Redirect")) return location.reload();
    if (!response.ok) throw new Error("no answer");
    done = put(await response.text(), anew);
    if (!done) await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE_MS));
  }
}

const aborted = (error) => error.name === "AbortError";

function start(anew = false) {
  listen(anew).catch((error) => {
    if (aborted(error)) return;
    poll(anew).catch((problem) => aborted(problem) || failed());
  });
}

function askAgain(event) {
  event?.preventDefault();
  document.getElementById("not-refreshed").replaceChildren();
  announcement.textContent = words.refreshing;
  start(true);
}

window.addEventListener("pagehide", () => listening?.abort());

// -- Copying and keys ---------------------------------------------------------------------------------------------

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return; // not allowed in this frame: the value can still be selected
  }
  button.classList.add("copied");
  announcement.textContent = words.copied;
  setTimeout(() => button.classList.remove("copied"), 900);
}

// Beside the caller where the form is, which is not everywhere.
function openSearch(event) {
  const search = document.getElementById("search");
  if (!search) return;
  event.preventDefault();
  search.open = true;
  document.getElementById("search-text").focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  if (event.target.closest("#refresh")) askAgain(event);
  if (event.target.closest("[data-search]")) openSearch(event);
  if (event.target === showKeys) keys.showModal();
});

// Escape leaves what was opened for a moment, and the focus is where it was before.
function leave(element) {
  const opened = element.closest(".reveal[open], .conflict[open], .asking details[open]");
  if (!opened) return;
  opened.open = false;
  opened.querySelector("summary").focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") leave(event.target);
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") keys.showModal();
  if (event.key === "r" && !keys.open) askAgain();
  if (event.key === "s" && !keys.open) openSearch(event);
});

// -- When it does not come ----------------------------------------------------------------------------------------

function failed() {
  if (!currentCaller().hasAttribute("aria-busy")) return document.getElementById("not-refreshed").replaceChildren(document.getElementById("state-old").content.cloneNode(true));
  currentCaller().replaceChildren(document.getElementById("state-failed").content.cloneNode(true));
}

// A form that gets no answer says so below itself; what was typed stays.
function unanswered(event) {
  const form = event.detail.elt.closest("form");
  if (form && !form.querySelector(".no-answer")) form.append(document.getElementById("no-answer").content.cloneNode(true));
}

document.body.addEventListener("htmx:responseError", unanswered);
document.body.addEventListener("htmx:sendError", unanswered);
document.body.addEventListener("htmx:beforeRequest", (event) => {
  event.detail.elt.closest("form")?.querySelector(".no-answer")?.remove();
});

// The place is not lost when a field is revealed.
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt.classList?.contains("field")) event.detail.elt.querySelector(".value, .reveal summary")?.focus();
});

showKeys.hidden = false;
if (currentCaller().hasAttribute("aria-busy")) start();
