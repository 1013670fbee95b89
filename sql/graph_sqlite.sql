-- The tables of a graph of facts in SQLite, as lumos_memory_init() makes them. Times are seconds since 1970 in UTC; NULL
-- in valid_from is since ever, in valid_to still, in expired_at known until now.
CREATE TABLE IF NOT EXISTS lumos_fact(
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  subject TEXT NOT NULL,
  subject_key TEXT NOT NULL,
  predicate TEXT NOT NULL,
  object TEXT NOT NULL,
  object_key TEXT NOT NULL,
  functional INTEGER NOT NULL,
  valid_from INTEGER,
  valid_to INTEGER,
  created_at INTEGER NOT NULL,
  expired_at INTEGER,
  confidence REAL NOT NULL,
  memory INTEGER,
  source TEXT
);
CREATE INDEX IF NOT EXISTS lumos_fact_subject ON lumos_fact(scope, subject_key, predicate);
CREATE INDEX IF NOT EXISTS lumos_fact_object ON lumos_fact(scope, object_key);
-- What else an entity is called, and the name that it goes by.
CREATE TABLE IF NOT EXISTS lumos_alias(
  scope TEXT NOT NULL,
  alias_key TEXT NOT NULL,
  alias TEXT NOT NULL,
  name_key TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (scope, alias_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lumos_alias_name ON lumos_alias(scope, name_key);
