// A driver of Node: load, ask, bind, watch, close. packages/test runs it for each driver, in several versions of Node:
// LUMOS_NODE_DRIVER is `better-sqlite3` or `node:sqlite`, since a process takes Lumos in one SQLite only.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { Worker } from "node:worker_threads";

import BetterSqlite3 from "better-sqlite3";
import { DuckDBInstance } from "@duckdb/node-api";
import { DatabaseSync } from "node:sqlite";

import lumosdb, { auto, load, query, vector, watch } from "lumosdb";

const FIXTURE = process.env.LUMOS_CHINOOK;
const REVENUE = "SELECT BillingCountry AS country, sum(Total) AS revenue FROM Invoice GROUP BY ALL ORDER BY revenue DESC LIMIT 2";
const FIRST = [{ country: "USA", revenue: 523.06 }, { country: "Canada", revenue: 303.96 }];

function chinook(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "lumos-node-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.copyFileSync(FIXTURE, path.join(folder, "chinook.sqlite"));
  return path.join(folder, "chinook.sqlite");
}

const open = {
  "better-sqlite3": (file) => new BetterSqlite3(file),
  "node:sqlite": (file) => new DatabaseSync(file, { allowExtension: true }),
};

const driver = process.env.LUMOS_NODE_DRIVER;
const connect = open[driver];
const connected = (t, file = chinook(t)) => {
  const db = connect(file);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000");
  load(db);
  return db;
};

test(`${driver}: rows with their names and numbers`, (t) => {
  const db = connected(t);
  assert.deepEqual(query(db, REVENUE), FIRST);
  assert.deepEqual(auto(db, "SELECT Name FROM Genre WHERE GenreId = ?", [2]), [{ Name: "Jazz" }]);
  assert.deepEqual(query(db, "SELECT $a + 1 AS b", { a: 2 }), [{ b: 3 }]);
  assert.deepEqual(query(db, "SELECT 1.50::DECIMAL(9,2) AS d, 9007199254740993 AS big, [1, 2] AS list, 'inf'::DOUBLE AS inf"), [
    { d: 1.5, big: 9007199254740993n, list: [1, 2], inf: Infinity },
  ]);
  assert.deepEqual(query(db, "SELECT ? AS big", [9007199254740993n]), [{ big: 9007199254740993n }]);
  assert.throws(() => query(db, "SELECT x FROM Genre"), /Referenced column "x" not found/);
  if (driver === "node:sqlite") assert.throws(() => db.loadExtension(lumosdb.loadablePath()), /not allowed|not authorized/);
  db.close();
});

test(`${driver}: what is no connection, no list of parameters, or has no form in JSON`, (t) => {
  for (const wrong of [undefined, null, "chinook.sqlite", 7, {}, Promise.resolve()]) {
    assert.throws(() => load(wrong), /is no connection: give one of better-sqlite3/);
    assert.throws(() => query(wrong, "SELECT 1"), /is no connection/);
  }
  const db = connected(t);
  for (const wrong of ["abc", 7, true, Buffer.from("x"), new Map(), new Set([1])]) {
    assert.throws(() => query(db, "SELECT ?", wrong), /the parameters of a query are a .*; give an array for \?/);
  }
  for (const wrong of [NaN, Infinity, [-Infinity], { a: NaN }]) assert.throws(() => query(db, "SELECT ?", [wrong]), /has no form in JSON/);
  for (const wrong of [Buffer.from("x"), new Uint8Array(4), new ArrayBuffer(4), new Map(), new Set(), () => 1, Symbol("x"), [Buffer.from("x")], Promise.resolve()]) {
    assert.throws(() => query(db, "SELECT ?", [wrong]), /a parameter of a query is a /);
  }
  const given = [new Date("2026-01-02T03:04:05Z"), new Float32Array([1, 2]), undefined, null, [1, "a"], { a: 1 }];
  assert.deepEqual(query(db, "SELECT year(?::TIMESTAMP) AS y, ?::FLOAT[] AS v, ? AS u, ? AS n, ?::VARCHAR[] AS l, ? AS o", given), [
    { y: 2026, v: [1, 2], u: null, n: null, l: ["1", "a"], o: '{"a":1}' },
  ]);
  assert.deepEqual(query(db, "SELECT 1 AS a", null), [{ a: 1 }]);
  for (const wrong of [5, "12", null, undefined]) assert.throws(() => vector(wrong), /a vector is made of an array of numbers/);
  db.close();
  assert.throws(() => query(db, "SELECT 1"), /not open|closed/);
});

test(`${driver}: plain numbers as k, id and option`, (t) => {
  const db = connected(t);
  db.prepare("SELECT lumos_attach(NULL, ?)").get('{"threads": 2.0}');
  db.exec("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])");
  const insert = db.prepare("INSERT INTO v VALUES (?, ?)");
  const kinds = [new Float32Array([0, 1]), vector([0, 2]), Buffer.from(vector([0, 3])), new Uint8Array(vector([0, 4]))];
  kinds.forEach((kind, i) => assert.equal(insert.run(i + 1, kind).lastInsertRowid, i + 1));
  const at = vector([0, 0]);
  assert.deepEqual(db.prepare("SELECT id FROM v WHERE e MATCH ? AND k = ?").all(at, 2).map((row) => row.id), [1, 2]);
  assert.deepEqual(db.prepare("SELECT id FROM lumos_search('v', ?, ?)").all(at, 3).map((row) => row.id), [1, 2, 3]);
  assert.throws(() => db.prepare("SELECT id FROM lumos_search('v', ?, ?)").all(at, 3.5), /k is 3.5; give a whole number/);
  db.prepare("DELETE FROM v WHERE id = ?").run(2);
  assert.equal(db.prepare("SELECT count(*) AS n FROM v").get().n, 3);
  db.close();
});

test(`${driver}: a transaction that has written`, (t) => {
  const db = connected(t);
  db.prepare("SELECT lumos_track('Genre')").all();
  db.exec("BEGIN; UPDATE Genre SET Name = 'Loud' WHERE GenreId = 1");
  assert.throws(() => query(db, "SELECT * FROM Genre"), /COMMIT or ROLLBACK first, or ask lumos_auto/);
  assert.deepEqual(auto(db, "SELECT Name FROM Genre WHERE GenreId = 1"), [{ Name: "Loud" }]);
  db.exec("ROLLBACK");
  db.close();
});

test(`${driver}: closes with an iterator open`, (t) => {
  const db = connected(t);
  const rows = db.prepare("SELECT c0 FROM lumos_query('SELECT * FROM range(100000)')").iterate();
  rows.next();
  if (driver === "better-sqlite3") {
    assert.throws(() => db.close(), /busy/); // The driver's own rule.
    rows.return();
  }
  db.close();
});

test(`${driver}: watch gives rows at once and after each commit, of other connections too`, { timeout: 20_000 }, async (t) => {
  const file = chinook(t);
  const [db, writer] = [connected(t, file), connect(file)]; // The writer has no Lumos.
  writer.exec("PRAGMA busy_timeout = 5000");
  db.prepare("SELECT lumos_track('Invoice')").all();
  const seen = [];
  for await (const rows of watch(db, "SELECT count(*) AS n, sum(Total) AS s FROM Invoice WHERE Total > ?", [20], { every: 5 })) {
    seen.push(rows[0].n);
    if (seen.length === 1) {
      writer.exec("UPDATE Invoice SET Total = 1 WHERE InvoiceId = 1"); // Gives the same rows.
      setTimeout(() => writer.exec("INSERT INTO Invoice(CustomerId, InvoiceDate, Total) VALUES (1, '2026-01-01', 99)"), 30);
    } else if (seen.length === 2) {
      db.exec("BEGIN; UPDATE Invoice SET Total = 1000; ROLLBACK");
      db.exec("DELETE FROM Invoice WHERE Total > 90");
    } else {
      break;
    }
  }
  assert.deepEqual(seen, [4, 5, 4]);
  const stop = new AbortController();
  const ended = (async () => {
    for await (const _ of watch(db, "SELECT 1 AS a FROM Invoice LIMIT 1", [], { signal: stop.signal })) stop.abort();
  })();
  await ended;
  writer.close();
  db.close();
});

test(`${driver}: four threads on one file`, { timeout: 60_000 }, async (t) => {
  const file = chinook(t);
  const db = connected(t, file);
  db.prepare("SELECT lumos_track('Genre')").all();
  const code = `
    const { workerData: { file, driver, n } } = require("node:worker_threads");
    const { load, query } = require("lumosdb");
    const db = driver === "node:sqlite" ? new (require("node:sqlite").DatabaseSync)(file, { allowExtension: true }) : new (require("better-sqlite3"))(file);
    db.exec("PRAGMA busy_timeout = 20000");
    load(db);
    for (let i = 0; i < 25; i++) {
      db.prepare("INSERT INTO Genre(Name) VALUES (?)").run("thread " + n + "." + i);
      const [{ c }] = query(db, "SELECT count(*) AS c FROM Genre WHERE Name LIKE ?", ["thread " + n + ".%"]);
      if (c !== i + 1) throw new Error("thread " + n + " sees " + c + " of " + (i + 1));
    }
    if (n % 2) db.close(); // The others end without.
  `;
  const require = createRequire(import.meta.url);
  const cwd = path.dirname(require.resolve("lumosdb/package.json"));
  const workers = [0, 1, 2, 3].map((n) => new Worker(`process.chdir(${JSON.stringify(cwd)}); ${code}`.replace(/process\.chdir\([^)]*\); /, ""), {
    eval: true,
    workerData: { file, driver, n },
  }));
  await Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once("error", reject).once("exit", resolve))));
  assert.deepEqual(query(db, "SELECT count(*) AS n FROM Genre"), [{ n: 125 }]);
  assert.deepEqual(db.prepare("SELECT * FROM lumos_verify('*')").all(), []);
  db.close();
});

test("@duckdb/node-api, beside Lumos in SQLite", async (t) => {
  const db = connected(t);
  const instance = await DuckDBInstance.create(":memory:", { allow_unsigned_extensions: "true" });
  const duck = await instance.connect();
  await load(duck);
  assert.deepEqual(await query(duck, "SELECT lumos_dims([1, 2, 3]) AS n, ? AS x", ["a"]), [{ n: 3, x: "a" }]);
  assert.deepEqual(query(db, REVENUE), FIRST);
  duck.closeSync();
  instance.closeSync();
  db.close();
});

test("a second SQLite library in the process is refused", (t) => {
  connected(t).close();
  const [other] = Object.entries(open).filter(([name]) => name !== driver);
  assert.throws(() => load(other[1](":memory:")), /already loaded into another SQLite library of this process; use one of them only/);
});

test("CommonJS and ESM give the same, and what is missing is named", () => {
  const require = createRequire(import.meta.url);
  assert.equal(require("lumosdb").query, query);
  const given = process.env.LUMOSDB_DIR;
  process.env.LUMOSDB_DIR = "/nowhere";
  assert.throws(() => lumosdb.loadablePath(), /\/nowhere\/lumos\.so is missing/);
  delete process.env.LUMOSDB_DIR;
  if (given) process.env.LUMOSDB_DIR = given;
  assert.ok(fs.existsSync(`${lumosdb.loadablePath()}.so`));
  assert.ok(fs.existsSync(lumosdb.duckdbPath()));
});
