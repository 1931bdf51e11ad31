// What an organisation would deploy instead, with the duties that nobody can leave out: a Node function that checks an API
// key, asks every system at once with fetch(), keeps answers in a Map, filters by tier, strips what must not be shown, and
// commits who saw what, and of which call, in MariaDB before it answers. One process, kept connections, no framework. It
// does what such functions do: a source that does not answer in time is given up on, and its request is left open.
"use strict";

const http = require("node:http");
const { createHash, createHmac, timingSafeEqual } = require("node:crypto");
const mysql = require("mysql2/promise");

const sources = JSON.parse(process.env.SOURCES); // [{name, url, timeoutMs}]
const database = mysql.createPool({ ...JSON.parse(process.env.DATABASE), connectionLimit: 10 });
const subjectKey = process.env.SUBJECT_KEY;
const FRESH_MS = 300_000;
const KEYS_FRESH_MS = 1_000;
const cache = new Map();
const NEVER = new Set(["ssn", "credit_card", "password_hash", "bank_account"]);
const VISIBLE = {
  basic: new Set([
    "name", "first_name", "last_name", "phone", "company", "language", "account_id", "status", "vip_status", "member_since",
    "last_contact", "preferred_agent", "programs", "open_cases", "lifecycle_stage",
  ]), // prettier-ignore
  admin: null,
};
const TABLES = [
  `CREATE TABLE IF NOT EXISTS api_keys (hash CHAR(64) PRIMARY KEY, name VARCHAR(80) NOT NULL, tier VARCHAR(40) NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS audit (
     id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6) NOT NULL, actor VARCHAR(80) NOT NULL, tier VARCHAR(40) NOT NULL,
     event VARCHAR(20) NOT NULL, outcome VARCHAR(20) NOT NULL, subject CHAR(64) NOT NULL, call_sid VARCHAR(64) NOT NULL,
     sources JSON NOT NULL, fields JSON NOT NULL, INDEX (subject), INDEX (call_sid), INDEX (at))`,
  `CREATE TABLE IF NOT EXISTS calls (
     id BIGINT AUTO_INCREMENT PRIMARY KEY, call_sid VARCHAR(64) NOT NULL UNIQUE, panel_key CHAR(32) NOT NULL,
     number CHAR(64) NOT NULL, touched_at DATETIME(6) NOT NULL, INDEX (touched_at))`,
];

let keys = { at: -Infinity, rows: [] };

async function keyOf(request) {
  if (Date.now() - keys.at > KEYS_FRESH_MS) {
    const [rows] = await database.query("SELECT hash, name, tier FROM api_keys");
    keys = { at: Date.now(), rows };
  }
  const [scheme, presented] = (request.headers.authorization || "").split(" ");
  if (scheme !== "Bearer" || !presented) return undefined;
  const hash = createHash("sha256").update(presented).digest();
  return keys.rows.find((row) => timingSafeEqual(Buffer.from(row.hash, "hex"), hash));
}

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
  if (kept && Date.now() - kept.at < FRESH_MS) return { caller: shown(kept.caller, tier), sources: kept.states, cached: true };
  const settled = await Promise.allSettled(sources.map((source) => ask(source, phone)));
  const caller = merged(settled);
  const states = settled.map((outcome, index) => ({ name: sources[index].name, status: outcome.status }));
  cache.set(phone, { caller, states, at: Date.now() });
  return { caller: shown(caller, tier), sources: states, cached: false };
}

async function record(key, { phone, call_sid: callSid }, found) {
  const subject = createHmac("sha256", subjectKey).update(phone).digest("hex");
  const panelKey = createHash("md5").update(callSid).digest("hex");
  const now = new Date();
  const connection = await database.getConnection();
  try {
    await connection.beginTransaction();
    await connection.execute(
      "INSERT INTO audit (at, actor, tier, event, outcome, subject, call_sid, sources, fields) VALUES (?, ?, ?, 'lookup', 'ok', ?, ?, ?, ?)",
      [now, key.name, key.tier, subject, callSid, JSON.stringify(found.sources), JSON.stringify(Object.keys(found.caller))],
    );
    await connection.execute(
      "INSERT INTO calls (call_sid, panel_key, number, touched_at) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE touched_at = VALUES(touched_at)",
      [callSid, panelKey, subject, now],
    );
    await connection.commit();
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
}

async function answer(request, text) {
  const key = await keyOf(request);
  if (!key) return [401, { error: "unauthenticated" }];
  const asked = JSON.parse(text);
  const found = await lookUp(asked.phone, key.tier);
  await record(key, asked, found);
  return [200, found];
}

const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", async () => {
    const [status, found] = await answer(request, text).catch((error) => [503, { error: error.code || error.name }]);
    const body = JSON.stringify(found);
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;

async function start() {
  for (const table of TABLES) await database.query(table);
  await database.query("INSERT IGNORE INTO api_keys VALUES (?, 'bench', 'basic')", [process.env.API_KEY_HASH]);
  server.listen(Number(process.env.PORT), "127.0.0.1");
}

start();
