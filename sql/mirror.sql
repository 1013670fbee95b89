-- The bookkeeping of a mirror, in DuckDB: the schema _lumos. The mirrored rows are tables of the schema
-- _lumos_data, and what queries name are views of them in main.

CREATE SCHEMA IF NOT EXISTS _lumos;
CREATE SCHEMA IF NOT EXISTS _lumos_data;

-- What the mirror equals: the changelog of `source` up to `seq`. Written in the transaction that applies it.
-- `mark` is that of the log row at `seq`: if it differs later, the source was restored from a backup.
CREATE TABLE IF NOT EXISTS _lumos.state(
  source VARCHAR NOT NULL,
  seq BIGINT NOT NULL,
  mark VARCHAR NOT NULL
);

-- The mirrored tables: `id` as in the source, `schema` its CREATE statement, `columns` what its pragmas say of its
-- columns, `types` a JSON array of the columns' types here, `place` where the source's schema has it, all as they were
-- at `schema_version`, when they were last compared.
CREATE TABLE IF NOT EXISTS _lumos.tables(
  id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  schema VARCHAR NOT NULL,
  types VARCHAR NOT NULL,
  schema_version BIGINT NOT NULL,
  key VARCHAR NOT NULL,
  columns VARCHAR NOT NULL,
  place VARCHAR NOT NULL
);

-- What happened to them, for people: the last 1,000 events.
CREATE TABLE IF NOT EXISTS _lumos.schema_log(
  seq BIGINT NOT NULL,
  recorded_at VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  event VARCHAR NOT NULL,
  rows BIGINT,
  schema_version BIGINT NOT NULL
);

-- The column that lumos_optimize sorts a table by, where it is not the key.
CREATE TABLE IF NOT EXISTS _lumos.orders(
  id BIGINT NOT NULL,
  order_by VARCHAR NOT NULL
);
