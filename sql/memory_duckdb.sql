-- The tables of an agent's memory in DuckDB, as lumos_memory_ddl() gives them. Times are seconds since 1970 in UTC.
CREATE SEQUENCE IF NOT EXISTS lumos_memory_ids;
CREATE TABLE IF NOT EXISTS lumos_memory(
  id BIGINT PRIMARY KEY,
  scope VARCHAR NOT NULL,
  session VARCHAR,
  turn BIGINT,
  kind VARCHAR NOT NULL,
  tier VARCHAR NOT NULL,
  content VARCHAR NOT NULL,
  tags VARCHAR NOT NULL,
  sources VARCHAR NOT NULL,
  importance DOUBLE NOT NULL,
  valence DOUBLE NOT NULL,
  arousal DOUBLE NOT NULL,
  pinned BIGINT NOT NULL,
  event_time BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  valid_from BIGINT,
  valid_to BIGINT,
  expired_at BIGINT,
  expires_at BIGINT,
  superseded_by BIGINT,
  stability DOUBLE NOT NULL,
  difficulty DOUBLE NOT NULL,
  last_review BIGINT NOT NULL,
  reviews BIGINT NOT NULL,
  lapses BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  first_use BIGINT NOT NULL,
  last_uses VARCHAR NOT NULL,
  helpful BIGINT NOT NULL,
  harmful BIGINT NOT NULL,
  archived_from VARCHAR,
  hash BIGINT NOT NULL,
  length BIGINT NOT NULL,
  terms BLOB NOT NULL,
  uri VARCHAR,
  media_type VARCHAR,
  embedding BLOB
);
-- Of an earlier version.
ALTER TABLE lumos_memory ADD COLUMN IF NOT EXISTS uri VARCHAR;
ALTER TABLE lumos_memory ADD COLUMN IF NOT EXISTS media_type VARCHAR;
ALTER TABLE lumos_memory ADD COLUMN IF NOT EXISTS embedding BLOB;
