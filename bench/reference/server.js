// What an organisation would deploy instead: a serverless-style function in Node that asks every system at once with
// fetch(), keeps answers in a Map, filters by tier and strips what must not be shown. One process, kept connections, no
// framework, no audit, no authentication. It does what such functions do: a source that does not answer in time is given
// up on, and its request is left open.
"use strict";

const http = require("node:http");

const sources = JSON.parse(process.env.SOURCES); // [{name, url, timeoutMs}]
const freshMs = Number(process.env.FRESH_MS || 0); // 0: nothing is taken from the cache
const cache = new Map();
const NEVER = new Set(["ssn", "credit_card", "password_hash", "bank_account"]);
const VISIBLE = {
  basic: new Set(["name", "phone", "account_id", "status", "vip_status", "language"]),
  admin: null,
};

function ask(source, phone) {
  const answered = fetch(`${source.url}/people?phone=${encodeURIComponent(phone)}`, {
    headers: { Accept: "application/json" },
  }).then((response) => {
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  });
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), source.timeoutMs);
  });
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}

function merged(settled) {
  const caller = {};
  for (const outcome of settled) {
    if (outcome.status !== "fulfilled") continue;
    for (const person of outcome.value.people) {
      for (const [name, value] of Object.entries(person)) if (!(name in caller)) caller[name] = value;
    }
  }
  return caller;
}

function shown(caller, tier) {
  const visible = VISIBLE[tier];
  return Object.fromEntries(Object.entries(caller).filter(([name]) => !NEVER.has(name) && (!visible || visible.has(name))));
}

async function lookUp(phone, tier) {
  const kept = cache.get(phone);
  if (kept && Date.now() - kept.at < freshMs) return { caller: shown(kept.caller, tier), cached: true };
  const settled = await Promise.allSettled(sources.map((source) => ask(source, phone)));
  const caller = merged(settled);
  cache.set(phone, { caller, at: Date.now() });
  const states = settled.map((outcome, index) => ({ name: sources[index].name, status: outcome.status }));
  return { caller: shown(caller, tier), sources: states, cached: false };
}

const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", async () => {
    const { phone } = JSON.parse(text);
    const body = JSON.stringify(await lookUp(phone, "basic"));
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.PORT), "127.0.0.1");
