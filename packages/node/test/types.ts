// Compiled by the tests, not run: what the types allow, and what they refuse.

import type Database from "better-sqlite3";
import type { DatabaseSync } from "node:sqlite";
import type { DuckDBConnection } from "@duckdb/node-api";
import lumosdb, { load, query, vector, watch } from "lumosdb";

declare const sync: DatabaseSync;
declare const duck: DuckDBConnection;

load(sync);
const loaded: Promise<void> = load(duck);
const rows: { n: number }[] = query<{ n: number }>(sync, "SELECT 1 AS n", [1, "a", null]);
const later: Promise<{ n: number }[]> = query<{ n: number }>(duck, "SELECT 1 AS n", { a: 1 });
const bytes: Uint8Array = vector(new Float32Array(3));
for await (const [row] of watch<{ n: number }>(sync, "SELECT 1 AS n", [], { every: 10 })) row.n.toFixed();
lumosdb.loadablePath().endsWith("lumos");
// @ts-expect-error parameters are a list or an object
query(sync, "SELECT ?", 1);
export { bytes, later, loaded, rows };
