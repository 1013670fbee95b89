// Bun and Deno: `bun other.mjs bun:sqlite`, `deno run -A other.mjs node:sqlite`. Prints what came.

import { auto, load, query, vector } from "lumosdb";

const driver = globalThis.Bun ? "bun:sqlite" : "node:sqlite";
const { Database, DatabaseSync } = await import(driver);
const db = Database ? new Database(":memory:") : new DatabaseSync(":memory:", { allowExtension: true });
load(db);
db.exec("CREATE TABLE sales(id INTEGER PRIMARY KEY, country TEXT, amount REAL)");
for (const [country, amount] of [["USA", 500], ["Canada", 300], ["USA", 23.06]]) {
  db.prepare("INSERT INTO sales(country, amount) VALUES (?, ?)").run(country, amount);
}
db.prepare("SELECT lumos_track('sales')").all();
db.exec("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])");
db.prepare("INSERT INTO v VALUES (?, ?)").run(7, vector([0, 1]));
console.log(JSON.stringify([
  query(db, "SELECT country, sum(amount) AS amount FROM sales GROUP BY ALL ORDER BY 2 DESC"),
  auto(db, "SELECT country FROM sales WHERE id = ?", [2]),
  db.prepare("SELECT id FROM v WHERE e MATCH ? AND k = ?").all(vector([0, 0]), 3),
]));
db.close();
