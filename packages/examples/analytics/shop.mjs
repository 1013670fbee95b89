// A shop's orders and its dashboard, live: `node shop.mjs shop.sqlite`, then open the address that it prints.
//
// Orders come in by transactions of another process, which has no Lumos (shop.mjs FILE --orders). The dashboard's
// queries run on the mirror and again whenever a committed order changes their rows: the page follows by server-sent
// events. After a kill, start it again: what was committed is there. The mirror may be deleted while nothing runs.

import { fork } from "node:child_process";
import fs from "node:fs";
import http from "node:http";

import Database from "better-sqlite3";
import { load, query, watch } from "lumosdb";

const [file = "shop.sqlite", mode] = process.argv.slice(2);
const COUNTRIES = ["USA", "Canada", "Brazil", "France", "Germany", "Norway"];
const PRODUCTS = ["tea", "coffee", "cocoa", "honey"];

const open = () => {
  const db = new Database(file);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000");
  db.exec(`CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY, placed TEXT NOT NULL, country TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS lines(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, product TEXT NOT NULL, amount REAL NOT NULL)`);
  return db;
};

// Orders whose contents follow from their number: the same shop on every run.
function order(db, n) {
  const placed = new Date(Date.UTC(2026, 0, 1) + n * 7_919_000).toISOString().replace("T", " ").slice(0, 19);
  const { lastInsertRowid } = db.prepare("INSERT INTO orders(placed, country) VALUES (?, ?)").run(placed, COUNTRIES[((n * 2654435761) >>> 8) % COUNTRIES.length]);
  for (let line = 0; line <= n % 3; line++) {
    db.prepare("INSERT INTO lines(order_id, product, amount) VALUES (?, ?, ?)").run(lastInsertRowid, PRODUCTS[(n + line) % PRODUCTS.length], 5 + ((n * 31 + line * 17) % 400) / 10);
  }
}

const QUERIES = {
  revenue: "SELECT country, round(sum(amount), 2) AS revenue FROM orders JOIN lines ON order_id = orders.id GROUP BY ALL ORDER BY revenue DESC, country",
  months: "SELECT strftime(placed::TIMESTAMP, '%Y-%m') AS month, round(sum(amount), 2) AS revenue FROM orders JOIN lines ON order_id = orders.id GROUP BY ALL ORDER BY month",
  best: `SELECT country, product, round(sum(amount), 2) AS revenue FROM orders JOIN lines ON order_id = orders.id GROUP BY country, product
    QUALIFY row_number() OVER (PARTITION BY country ORDER BY sum(amount) DESC, product) = 1 ORDER BY country`,
};

if (mode === "--orders") {
  const db = open();
  const [{ n: first }] = db.prepare("SELECT count(*) AS n FROM orders").all();
  for (let n = first; ; n++) {
    db.transaction(() => order(db, n)).immediate();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const db = open();
load(db);
if (db.prepare("SELECT count(*) AS n FROM orders").get().n === 0) {
  db.transaction(() => { for (let n = 0; n < 2000; n++) order(db, n); })();
}
db.prepare("SELECT lumos_track('orders'), lumos_track('lines')").all();

const page = fs.readFileSync(new URL("page.html", import.meta.url));
const server = http.createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/") return response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  if (pathname === "/best") return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(query(db, QUERIES.best)));
  const name = pathname.slice("/live/".length);
  if (!pathname.startsWith("/live/") || !Object.hasOwn(QUERIES, name)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const gone = new AbortController();
  request.on("close", () => gone.abort());
  for await (const rows of watch(db, QUERIES[name], [], { every: 50, signal: gone.signal })) response.write(`data: ${JSON.stringify(rows)}\n\n`);
  response.end();
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));

const orders = fork(new URL(import.meta.url), [file, "--orders"]);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    orders.kill();
    db.close();
    process.exit(0);
  });
}
process.on("exit", () => orders.kill());
