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
-- at `schema_version`, when they were last compared. `rowids` is the mark of the source that VACUUM wipes out as it
-- numbers rows anew.
CREATE TABLE IF NOT EXISTS _lumos.tables(
  id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  schema VARCHAR NOT NULL,
  types VARCHAR NOT NULL,
  schema_version BIGINT NOT NULL,
  key VARCHAR NOT NULL,
  columns VARCHAR NOT NULL,
  place VARCHAR NOT NULL,
  rowids BIGINT NOT NULL
);

-- The tracked tables whose mirror cannot be what they are, each with a view in main that raises `message`. They are
-- tried again once the source's schema is not at `schema_version`, or the value named by `unfit` is another.
CREATE TABLE IF NOT EXISTS _lumos.failures(
  id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  message VARCHAR NOT NULL,
  schema_version BIGINT,
  unfit VARCHAR
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

-- Which rows of a table leave the mirror for files: those whose column is below `older_than`, an age or a value.
CREATE TABLE IF NOT EXISTS _lumos.tiers(
  id BIGINT NOT NULL,
  column_name VARCHAR NOT NULL,
  older_than VARCHAR NOT NULL,
  folder VARCHAR NOT NULL,
  partition_by VARCHAR NOT NULL
);

-- The files of Lumos: those with rows of a table are `live`. The others are `new` while they are written, or `old`
-- once their rows are elsewhere; whoever comes next removes them. `checksum` is the CRC-32 of the file, `stamp` its
-- inode and the time of its last change, `first_key` and `last_key` the ends of the first key column in it.
CREATE TABLE IF NOT EXISTS _lumos.files(
  id BIGINT NOT NULL,
  path VARCHAR NOT NULL,
  part VARCHAR NOT NULL,
  state VARCHAR NOT NULL,
  rows BIGINT,
  bytes BIGINT,
  checksum BIGINT,
  stamp VARCHAR,
  first_key VARCHAR,
  last_key VARCHAR
);

-- Of a table with files: a view of the rows in them, and a table of the keys of those that are so no more.
CREATE SCHEMA IF NOT EXISTS _lumos_cold;
CREATE SCHEMA IF NOT EXISTS _lumos_gone;
