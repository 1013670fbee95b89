-- The tables of a graph of facts in DuckDB. Times are seconds since 1970 in UTC; NULL in valid_from is since ever, in valid_to still, in expired_at known until now.
CREATE TABLE IF NOT EXISTS lumos_fact(
  id BIGINT PRIMARY KEY,
  scope VARCHAR NOT NULL,
  subject VARCHAR NOT NULL,
  subject_key VARCHAR NOT NULL,
  predicate VARCHAR NOT NULL,
  object VARCHAR NOT NULL,
  object_key VARCHAR NOT NULL,
  functional BIGINT NOT NULL,
  valid_from BIGINT,
  valid_to BIGINT,
  created_at BIGINT NOT NULL,
  expired_at BIGINT,
  confidence DOUBLE NOT NULL,
  memory BIGINT,
  source VARCHAR
);
-- What else an entity is called, and the name that it goes by.
CREATE TABLE IF NOT EXISTS lumos_alias(
  scope VARCHAR NOT NULL,
  alias_key VARCHAR NOT NULL,
  alias VARCHAR NOT NULL,
  name_key VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope, alias_key)
);
