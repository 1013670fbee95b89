/** A connection of better-sqlite3, node:sqlite (Node and Deno) or bun:sqlite. */
export interface SqliteConnection {
  prepare(sql: string): { all(...params: any[]): any[]; get(...params: any[]): any };
  loadExtension(path: string): unknown;
  enableLoadExtension?(allow: boolean): unknown;
}

/** A connection of @duckdb/node-api. */
export interface DuckDbConnection {
  run(sql: string): Promise<unknown>;
  runAndReadAll(sql: string, params?: any): Promise<{ getRowObjectsJS(): any[] }>;
}

/** What fills `?` and `$1` (an array) or `$name` (an object). */
export type Params = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The path of the SQLite extension without its suffix, as `loadExtension` takes it. Throws if this platform has none. */
export function loadablePath(): string;

/** The path of the DuckDB extension. Throws if this platform has none. */
export function duckdbPath(): string;

/** Loads Lumos; of node:sqlite open the database with `{ allowExtension: true }`. Loading is off again afterwards. */
export function load(db: SqliteConnection): void;
/** Loads Lumos; open the instance with `{ allow_unsigned_extensions: "true" }`. */
export function load(db: DuckDbConnection): Promise<void>;

/**
 * The rows of one SELECT in DuckDB's SQL, by column names. Whole numbers beyond 2^53 are BigInt where the runtime tells
 * their digits (Node 21 and newer). In a transaction that has written it is an error: commit first, or use `auto`.
 */
export function query<T = Record<string, any>>(db: SqliteConnection, sql: string, params?: Params): T[];
export function query<T = Record<string, any>>(db: DuckDbConnection, sql: string, params?: Params): Promise<T[]>;

/** The rows of one SELECT in SQLite's SQL, from SQLite or from the mirror, whichever is faster. */
export function auto<T = Record<string, any>>(db: SqliteConnection, sql: string, params?: Params): T[];
export function auto<T = Record<string, any>>(db: DuckDbConnection, sql: string, params?: Params): Promise<T[]>;

/** The BLOB of a vector, 32-bit floats. */
export function vector(numbers: ArrayLike<number> | Iterable<number>): Uint8Array;

/**
 * The rows of a query, and then again whenever a committed change of any process gives others. Its tables must be
 * tracked (lumos_track). Looks every so many milliseconds (50), at some tens of microseconds a look; ends by `signal`, or by leaving
 * the loop.
 */
export function watch<T = Record<string, any>>(
  db: SqliteConnection,
  sql: string,
  params?: Params,
  options?: { every?: number; signal?: AbortSignal },
): AsyncGenerator<T[], void, void>;

declare const lumosdb: {
  auto: typeof auto;
  duckdbPath: typeof duckdbPath;
  load: typeof load;
  loadablePath: typeof loadablePath;
  query: typeof query;
  vector: typeof vector;
  watch: typeof watch;
};
export default lumosdb;
