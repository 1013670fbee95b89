// Lumos in the SQLite and DuckDB drivers of Node, Bun and Deno; index.d.ts says what each function does.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const SUFFIX = { win32: ".dll", darwin: ".dylib" }[process.platform] ?? ".so";

function library(name) {
  let folder = process.env.LUMOSDB_DIR;
  if (!folder) {
    const carrier = `@lumosdb/${process.platform}-${process.arch}`;
    try {
      folder = path.dirname(require.resolve(`${carrier}/package.json`));
    } catch {
      throw new Error(
        `${carrier} is not installed, which has the libraries for this platform. Usual causes: npm install --omit=optional, ` +
          "node_modules copied from another system, a lock file made on one, Alpine (musl). LUMOSDB_DIR may name a folder with them",
      );
    }
    // Electron packs packages into a file, and unpacks native ones beside it.
    folder = folder.replace(/app\.asar(?=$|[\\/])/, "app.asar.unpacked");
  }
  const file = path.join(folder, name);
  if (!fs.existsSync(file)) {
    throw new Error(`${file} is missing`);
  }
  return file;
}

const loadablePath = () => library(`lumos${SUFFIX}`).slice(0, -SUFFIX.length);
const duckdbPath = () => library("lumos.duckdb_extension");

const isDuckDb = (db) => typeof db.runAndReadAll === "function";

function load(db) {
  if (isDuckDb(db)) {
    return db.run(`LOAD '${duckdbPath().replaceAll("'", "''")}'`).then(() => undefined);
  }
  // node:sqlite keeps loading off until it is asked, beside `allowExtension` of its constructor.
  db.enableLoadExtension?.(true);
  try {
    db.loadExtension(loadablePath());
  } finally {
    db.enableLoadExtension?.(false);
  }
}

// Whole numbers beyond 2^53 become BigInt, where the runtime tells the digits; most rows have none.
function parse(row) {
  if (!/\d{16}/.test(row)) {
    return JSON.parse(row);
  }
  return JSON.parse(row, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value,
  );
}

// The driver gives every BIGINT as BigInt; here only those that need it are.
function plain(row) {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) row[name] = Number(value);
  }
  return row;
}

const rowsOf = (fn) => (db, sql, params) => {
  if (isDuckDb(db)) {
    return db.runAndReadAll(sql, params).then((result) => result.getRowObjectsJS().map(plain));
  }
  const json = params === undefined ? null : JSON.stringify(params, (_, value) => (typeof value === "bigint" ? JSON.rawJSON(String(value)) : value));
  return db.prepare(`SELECT row FROM ${fn}(?, ?)`).all(sql, json).map(({ row }) => parse(row));
};

const query = rowsOf("lumos_query");
const auto = rowsOf("lumos_auto");

const vector = (numbers) => new Uint8Array(Float32Array.from(numbers).buffer);

async function* watch(db, sql, params, { every = 50, signal } = {}) {
  const position = db.prepare("SELECT max(committed_seq) AS seq FROM lumos_status");
  const news = db.prepare("SELECT max(seq) AS seq FROM lumos_changes(?)");
  let last;
  let seen = position.get().seq ?? 0;
  for (;;) {
    const rows = query(db, sql, params);
    const text = JSON.stringify(rows, (_, value) => (typeof value === "bigint" ? String(value) : value));
    if (text !== last) {
      last = text;
      yield rows;
    }
    for (let changed = false; !changed; ) {
      if (!(await pause(every, signal))) {
        return;
      }
      try {
        const { seq } = news.get(seen);
        changed = seq !== null;
        seen = seq ?? seen;
      } catch (error) {
        // The log was shortened past what was seen, or the database is another one: look at it anew.
        if (!/start again/.test(error.message)) {
          throw error;
        }
        changed = true;
        seen = position.get().seq ?? 0;
      }
    }
  }
}

// False if it was aborted.
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      return resolve(false);
    }
    const aborted = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve(true);
    }, milliseconds);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

module.exports = { auto, duckdbPath, load, loadablePath, query, vector, watch };
