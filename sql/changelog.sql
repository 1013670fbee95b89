-- The changelog of a SQLite database: what Lumos adds to it besides triggers.
-- Plain SQL, so that writers without the extension keep it current.
-- Dropping the tables and the triggers named _lumos_* removes Lumos.

-- Which database this is. `source` is random, made once; a copy of the file carries it along.
-- `last_id` is the last id given to a table: ids do not come again. The rowid is random: VACUUM makes it 1 as it makes
-- those of all tables that have no index and no INTEGER PRIMARY KEY, so that it tells whether their rowids are others.
CREATE TABLE IF NOT EXISTS _lumos_meta(
  source TEXT NOT NULL,
  format INTEGER NOT NULL,
  last_id INTEGER NOT NULL
);

-- The tracked tables. `key` is a JSON array of column names; `schema` the CREATE statement that the
-- triggers were made for.
CREATE TABLE IF NOT EXISTS _lumos_tables(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  key TEXT NOT NULL,
  schema TEXT NOT NULL,
  options TEXT NOT NULL
);

-- The touched keys: `op` is 1 for an inserted row, 2 for an updated one, 0 for one that is gone or about to go.
-- Applying re-reads the rows, so this only tells people what happened. 3 stands without a key: rows may have been
-- replaced that no trigger could name, and the table is copied. `seq` never repeats: the last row
-- stays when the log is pruned, which is cheaper for writers than AUTOINCREMENT. `mark` tells two rows of the same
-- `seq` apart, of which one was in a database that went on after a backup and one in the restored backup.
CREATE TABLE IF NOT EXISTS _lumos_log(
  seq INTEGER PRIMARY KEY,
  tbl INTEGER NOT NULL,
  op INTEGER NOT NULL,
  mark INTEGER NOT NULL DEFAULT (random() >> 32),
  k1,
  k2
);
