-- The tables of an agent's memory in SQLite, as lumos_memory_init() makes them. Times are seconds since 1970 in UTC.
CREATE TABLE IF NOT EXISTS lumos_memory(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  session TEXT,
  turn INTEGER,
  kind TEXT NOT NULL,
  tier TEXT NOT NULL,
  content TEXT NOT NULL,
  tags TEXT NOT NULL,
  sources TEXT NOT NULL,
  importance REAL NOT NULL,
  valence REAL NOT NULL,
  arousal REAL NOT NULL,
  pinned INTEGER NOT NULL,
  event_time INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  valid_from INTEGER,
  valid_to INTEGER,
  expired_at INTEGER,
  expires_at INTEGER,
  superseded_by INTEGER,
  stability REAL NOT NULL,
  difficulty REAL NOT NULL,
  last_review INTEGER NOT NULL,
  reviews INTEGER NOT NULL,
  lapses INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  first_use INTEGER NOT NULL,
  last_uses TEXT NOT NULL,
  helpful INTEGER NOT NULL,
  harmful INTEGER NOT NULL,
  archived_from TEXT,
  hash INTEGER NOT NULL,
  length INTEGER NOT NULL,
  terms BLOB NOT NULL,
  uri TEXT,
  media_type TEXT,
  embedding BLOB
);
CREATE INDEX IF NOT EXISTS lumos_memory_hash ON lumos_memory(scope, hash);
CREATE INDEX IF NOT EXISTS lumos_memory_turn ON lumos_memory(scope, session, turn, length) WHERE session IS NOT NULL;
CREATE INDEX IF NOT EXISTS lumos_memory_superseded ON lumos_memory(superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX IF NOT EXISTS lumos_memory_embedded ON lumos_memory(scope) WHERE embedding IS NOT NULL;
CREATE INDEX IF NOT EXISTS lumos_memory_summary ON lumos_memory(scope, uri) WHERE kind = 'summary';
-- In the order of time, for lumos_memory_timeline.
CREATE INDEX IF NOT EXISTS lumos_memory_event ON lumos_memory(scope, event_time);
-- How many memories a scope has, and the sum of their lengths.
CREATE TABLE IF NOT EXISTS lumos_memory_scope(
  scope TEXT PRIMARY KEY,
  memories INTEGER NOT NULL,
  length INTEGER NOT NULL
) WITHOUT ROWID;
-- The words, as one index for all scopes: a scope is a word of its own.
CREATE VIEW IF NOT EXISTS lumos_memory_text AS SELECT id, 's' || hex(scope) AS scope, content FROM lumos_memory;
CREATE VIRTUAL TABLE IF NOT EXISTS lumos_memory_words USING fts5(
  scope, content, content = 'lumos_memory_text', content_rowid = 'id', tokenize = 'lumos'
);
CREATE TRIGGER IF NOT EXISTS lumos_memory_added AFTER INSERT ON lumos_memory BEGIN
  INSERT INTO lumos_memory_words(rowid, scope, content) VALUES (new.id, 's' || hex(new.scope), new.content);
  INSERT INTO lumos_memory_scope VALUES (new.scope, 1, new.length)
    ON CONFLICT(scope) DO UPDATE SET memories = memories + 1, length = length + excluded.length;
END;
CREATE TRIGGER IF NOT EXISTS lumos_memory_removed AFTER DELETE ON lumos_memory BEGIN
  INSERT INTO lumos_memory_words(lumos_memory_words, rowid, scope, content)
    VALUES ('delete', old.id, 's' || hex(old.scope), old.content);
  UPDATE lumos_memory_scope SET memories = memories - 1, length = length - old.length WHERE scope = old.scope;
END;
CREATE TRIGGER IF NOT EXISTS lumos_memory_changed AFTER UPDATE OF id, scope, content, length ON lumos_memory
WHEN old.id IS NOT new.id OR old.scope IS NOT new.scope OR old.content IS NOT new.content OR old.length IS NOT new.length BEGIN
  INSERT INTO lumos_memory_words(lumos_memory_words, rowid, scope, content)
    VALUES ('delete', old.id, 's' || hex(old.scope), old.content);
  INSERT INTO lumos_memory_words(rowid, scope, content) VALUES (new.id, 's' || hex(new.scope), new.content);
  UPDATE lumos_memory_scope SET memories = memories - 1, length = length - old.length WHERE scope = old.scope;
  INSERT INTO lumos_memory_scope VALUES (new.scope, 1, new.length)
    ON CONFLICT(scope) DO UPDATE SET memories = memories + 1, length = length + excluded.length;
END;
CREATE TRIGGER IF NOT EXISTS lumos_memory_pinned BEFORE DELETE ON lumos_memory WHEN old.pinned BEGIN
  SELECT RAISE(ABORT, 'the memory is pinned; lumos_memory_pin(id, 0) unpins it');
END;
