// Reads the call from behind '#', which stays in this browser, and posts it; the answer names the call's panel.
const shell = document.getElementById("shell");
const KEPT = "connie-call";

function show(state) {
  for (const section of shell.querySelectorAll(".state")) section.hidden = section.id !== `state-${state}`;
}

function callFacts() {
  const facts = {};
  // The query string is tolerated; what stands behind '#' wins. A '+' that was not encoded arrives as a space.
  for (const part of [location.search.slice(1), location.hash.slice(1)]) {
    for (const [name, value] of new URLSearchParams(part)) {
      if (["phone", "call_sid", "task_sid", "direction"].includes(name)) facts[name] = value;
    }
  }
  return Object.keys(facts).length ? facts : null;
}

function keptFacts() {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  return kept ? JSON.parse(kept) : null;
}

async function openCall(facts) {
  show("waiting");
  const response = await fetch(shell.dataset.open, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRFToken": shell.querySelector("[name=csrfmiddlewaretoken]").value,
    },
    body: JSON.stringify(facts),
  });
  if (response.status === 401) return askToLogIn(facts);
  const body = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
  if (response.ok) return location.replace(body.url);
  if (body.error) document.getElementById("failure").textContent = body.error.message;
  show("failed");
}

function askToLogIn(facts) {
  if (facts) sessionStorage.setItem(KEPT, JSON.stringify(facts));
  show("log-in");
}

function start() {
  const facts = callFacts() ?? keptFacts();
  if (shell.dataset.loggedIn !== "yes") return askToLogIn(facts);
  if (!facts) return show("idle");
  openCall(facts).catch(() => show("failed"));
}

document.getElementById("retry").addEventListener("click", start);
window.addEventListener("hashchange", start);
start();
