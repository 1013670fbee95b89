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

-- The mirrored tables as they were copied: `id` as in the source, `schema` the CREATE statement then,
-- `types` a JSON array of the columns' types here, `schema_version` the source's when a rowid-keyed table was copied.
CREATE TABLE IF NOT EXISTS _lumos.tables(
  id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  schema VARCHAR NOT NULL,
  types VARCHAR NOT NULL,
  schema_version BIGINT NOT NULL
);

-- The column that lumos_optimize sorts a table by, where it is not the key.
CREATE TABLE IF NOT EXISTS _lumos.orders(
  id BIGINT NOT NULL,
  order_by VARCHAR NOT NULL
);
