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

function isDuckDb(db) {
  if (typeof db?.runAndReadAll === "function") return true;
  if (typeof db?.prepare === "function") return false;
  const what = db === null ? "null" : (db?.constructor?.name ?? typeof db);
  throw new TypeError(`${what} is no connection: give one of better-sqlite3, node:sqlite or bun:sqlite, or of @duckdb/node-api, from \`await instance.connect()\``);
}

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

// Parameters in JSON. What JSON drops or turns into something else is refused: it would give other rows without a word.
function encode(params) {
  if (params === undefined || params === null) return null;
  if (typeof params !== "object" || ArrayBuffer.isView(params) || params instanceof Map || params instanceof Set) {
    throw new TypeError(`the parameters of a query are a ${params?.constructor?.name}; give an array for ? and $1, or an object for $name`);
  }
  return JSON.stringify(params, function (key, given) {
    const value = this[key]; // Before its toJSON, which hides a Buffer.
    if (typeof value === "bigint") {
      if (!JSON.rawJSON) throw new TypeError(`the parameter ${value}n takes Node 22; give it as text and cast it in the SQL`);
      return JSON.rawJSON(String(value));
    }
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new TypeError(`the parameter ${value} has no form in JSON; write nan and inf into the SQL, as 'nan'::DOUBLE`);
    }
    if (value instanceof Float32Array || value instanceof Float64Array) return Array.from(value);
    const kind = value?.constructor?.name;
    if (typeof value === "function" || typeof value === "symbol" || ArrayBuffer.isView(value) || ["ArrayBuffer", "Map", "Set", "Promise"].includes(kind)) {
      throw new TypeError(`a parameter of a query is a ${kind}; give a number, a text, a boolean, null, a Date, or an array or object of them`);
    }
    return given;
  });
}

const rowsOf = (fn) => (db, sql, params) => {
  if (isDuckDb(db)) {
    return db.runAndReadAll(sql, params).then((result) => result.getRowObjectsJS().map(plain));
  }
  return db.prepare(`SELECT row FROM ${fn}(?, ?)`).all(sql, encode(params)).map(({ row }) => parse(row));
};

const query = rowsOf("lumos_query");
const auto = rowsOf("lumos_auto");

function vector(numbers) {
  if (typeof numbers !== "object" || numbers === null) {
    throw new TypeError(`a vector is made of an array of numbers, not of ${typeof numbers === "string" ? JSON.stringify(numbers) : numbers}`);
  }
  return new Uint8Array(Float32Array.from(numbers).buffer);
}

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
