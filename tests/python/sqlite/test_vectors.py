"""Tables of vectors: every answer equals exact search over the rows that a plain table would hold, through any
writes, rollbacks, other connections, kills and damage."""

import json
import os
import random
import signal
import struct
import time
import unittest

import host
from host import child

STEPS = int(os.environ.get("LUMOS_VECTOR_STEPS", 5_000))
KILLS = int(os.environ.get("LUMOS_VECTOR_KILLS", 30))
DIMS = 6
TABLE = f"CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[{DIMS}] metric=%s, tag TEXT, n INTEGER, +body)"


def blob(vector):
    return struct.pack(f"<{len(vector)}f", *vector)


def draw_vector(draw):
    return [float(draw.randrange(-50, 51)) for _ in range(DIMS)]


def exact(db, rows, query, k, metric="l2"):
    """The ids of the k nearest, with the distances that SQL computes."""
    pairs = json.dumps([[i, v] for i, v in rows.items()])
    sql = f"""SELECT value ->> 0, lumos_{metric}(value -> 1, ?2) FROM json_each(?1)
              ORDER BY 2, 1 LIMIT ?3"""
    return db.rows(sql, pairs, json.dumps(query), k)


def nearest(db, query, k, where="", table="v"):
    sql = f"SELECT id, distance FROM {table} WHERE e MATCH ? AND k = ? {where} ORDER BY distance"
    return db.rows(sql, json.dumps(query), k)


class Vectors(host.Case):
    """Random histories against a dict."""

    table, name, steps = TABLE, staticmethod(lambda number: number), STEPS // 2
    # The table that is written, and what it says of a row that is there.
    target, conflict = "v", "is there already"

    def make(self, db, metric):
        db.rows(self.table % metric)

    def filled(self, db):
        """The rows of a history at its beginning."""
        return {}

    def check(self, db, model, draw, metric):
        query = draw_vector(draw)
        vectors = {i: r[0] for i, r in model.items() if r[0] is not None}
        k = draw.choice([1, 3, 10])
        self.same(nearest(db, query, k), db, vectors, query, k, metric)
        tag = draw.choice("abc")
        allowed = {i: v for i, v in vectors.items() if model[i][1] == tag}
        self.same(nearest(db, query, k, f"AND tag = '{tag}'"), db, allowed, query, k, metric)

    def same(self, got, db, rows, query, k, metric):
        self.assertEqual(got, exact(db, rows, query, k, metric))

    def test_random_history(self):
        for metric, seed in (("l2", 1), ("cosine", 2)):
            with self.subTest(metric=metric):
                self.history(metric, random.Random(seed), self.steps)

    def history(self, metric, draw, steps):
        path = self.folder / f"{metric}.sqlite"
        db, other = self.open(path), self.open(path)
        db.rows("PRAGMA journal_mode = WAL")
        db.rows("PRAGMA synchronous = OFF")
        self.make(db, metric)
        model, saved = self.filled(db), []  # `saved`: what is undone by ROLLBACK, then by each ROLLBACK TO

        for step in range(steps):
            what, i = draw.random(), self.name(draw.randrange(400))
            vector = None if draw.random() < 0.03 else draw_vector(draw)
            # JSON gives the zero vector and the integers; the BLOB is the way of programs.
            value = vector and (json.dumps(vector) if draw.random() < 0.3 else blob(vector))
            row = (vector, draw.choice("abc"), draw.randrange(10))
            if what < 0.45:
                db.rows(f"INSERT OR REPLACE INTO {self.target}(id, e, tag, n, body) VALUES (?, ?, ?, ?, 'x')", i, value, *row[1:])
                model[i] = row
            elif what < 0.60:
                db.rows(f"DELETE FROM {self.target} WHERE id = ?", i)
                model.pop(i, None)
            elif what < 0.68:
                db.rows(f"UPDATE {self.target} SET e = ? WHERE id = ?", value, i)
                if i in model:
                    model[i] = (vector, *model[i][1:])
            elif what < 0.74:
                db.rows(f"UPDATE {self.target} SET tag = ?, n = n + 1 WHERE id = ?", row[1], i)
                if i in model:
                    model[i] = (model[i][0], row[1], model[i][2] + 1)
            elif what < 0.76:
                new, replace = self.name(draw.randrange(400)), draw.random() < 0.3
                if new not in model or new == i or replace:
                    db.rows(f"UPDATE {'OR REPLACE' if replace else ''} {self.target} SET id = ? WHERE id = ?", new, i)
                    if i in model:
                        model[new] = model.pop(i)
                elif i in model:
                    self.refused(db, f"UPDATE {self.target} SET id = ? WHERE id = ?", self.conflict, values=(new, i))
            elif what < 0.78:
                # A statement that fails halfway leaves nothing behind.
                if model:
                    there = draw.choice(sorted(model))
                    self.refused(
                        db,
                        f"INSERT INTO {self.target}(id, e) SELECT value, '{json.dumps(draw_vector(draw))}' FROM json_each(?)",
                        self.conflict,
                        values=(json.dumps([self.name(1000), there]),),
                    )
            elif what < 0.84:
                if saved:
                    name = f"s{len(saved)}"
                    db.rows(f"SAVEPOINT {name}")
                    saved.append(dict(model))
                else:
                    db.rows(draw.choice(["BEGIN", "BEGIN IMMEDIATE"]))
                    saved.append(dict(model))
            elif what < 0.89 and len(saved) > 1:
                depth = draw.randrange(1, len(saved))
                model = dict(saved[depth])
                db.rows(f"ROLLBACK TO s{depth}")
                del saved[depth + 1 :]
            elif what < 0.92 and saved:
                if draw.random() < 0.5:
                    db.rows("COMMIT")
                else:
                    db.rows("ROLLBACK")
                    model = dict(saved[0])
                saved = []
            elif what < 0.93 and not saved:
                if draw.random() < 0.5:
                    db.close()
                    db = self.open(path)
                else:
                    db, other = other, db
            elif what < 0.935:
                db.rows("INSERT INTO v(v) VALUES (?)", draw.choice(["rebuild", "optimize"]))
            if step % 5 == 0:
                self.check(db, model, draw, metric)
            if step % 40 == 0:
                committed = saved[0] if saved else model
                self.check(other, committed, draw, metric)
            if step % 500 == 0:
                self.assertEqual(
                    db.rows("SELECT id, tag, n FROM v ORDER BY id"),
                    [(i, r[1], r[2]) for i, r in sorted(model.items())],
                )
                db.rows("INSERT INTO v(v) VALUES ('verify')")
        if saved:
            db.rows("ROLLBACK")
        self.assertEqual(db.rows("PRAGMA integrity_check"), [("ok",)])


class Graphs(Vectors):
    """The same with a graph, over as many rows as make one."""

    table, steps = TABLE.replace("metric=%s", "metric=%s kind=hnsw"), STEPS // 20

    def filled(self, db):
        model = fill(db, random.Random(11), range(200, 4400))
        db.rows("INSERT INTO v(v) VALUES ('optimize')")
        return model

    def test_when_it_is_made(self):
        db, draw = self.open(self.folder / "v.sqlite"), random.Random(12)
        db.rows(self.table % "l2")
        parts = "SELECT count(*), min(generation) FROM v_blocks WHERE number >= 1 << 31"
        fill(db, draw, range(100))
        db.rows("INSERT INTO v(v) VALUES ('optimize')")
        self.assertEqual(db.rows(parts), [(0, None)], "few rows need none")
        rows = {i: r[0] for i, r in fill(db, draw, range(4200)).items()}
        self.assertEqual(db.rows(parts), [(0, None)], "a row that is written makes none")
        db.rows("INSERT INTO v(v) VALUES ('optimize')")
        made = db.rows(parts)
        self.assertGreater(made[0][0], 0)
        # Few changes leave it, and are found all the same; a connection that has read it already sees them too.
        other = self.open(self.folder / "v.sqlite")
        query = draw_vector(draw)
        self.same(nearest(other, query, 10), db, rows, query, 10, "l2")
        db.rows("INSERT OR REPLACE INTO v(id, e) VALUES (7, ?), (9999, ?)", blob(query), blob(query))
        db.rows("DELETE FROM v WHERE id = ?", next(i for i, _ in nearest(db, query, 3) if i not in (7, 9999)))
        rows = {i: list(struct.unpack(f"<{DIMS}f", e)) for i, e in db.rows("SELECT id, e FROM v")}
        for connection in (db, other):
            self.assertEqual(nearest(connection, query, 2), [(7, 0.0), (9999, 0.0)])
            self.same(nearest(connection, query, 10), db, rows, query, 10, "l2")
        db.rows("INSERT INTO v(v) VALUES ('optimize'), ('verify')")
        self.assertEqual(db.rows(parts), made)
        # Many have it made anew, and those who have the old one see that.
        rows |= {i: r[0] for i, r in fill(db, draw, range(5000, 5600)).items()}
        db.rows("INSERT INTO v(v) VALUES ('optimize'), ('verify')")
        self.assertGreater(db.rows(parts), made)
        self.same(nearest(other, query, 10), db, rows, query, 10, "l2")
        self.assertEqual(db.rows("SELECT recall FROM lumos_recall('v', 50)"), [(1.0,)])
        # Taken back, the old one counts.
        db.rows("BEGIN")
        more = fill(db, draw, range(6000, 6600), begin=False)
        db.rows("SAVEPOINT s")
        db.rows("INSERT INTO v(v) VALUES ('rebuild')")
        both = rows | {i: r[0] for i, r in more.items()}
        self.same(nearest(db, query, 10), db, both, query, 10, "l2")
        db.rows("ROLLBACK TO s")
        self.same(nearest(db, query, 10), db, both, query, 10, "l2")
        db.rows("ROLLBACK")
        self.same(nearest(db, query, 10), db, rows, query, 10, "l2")
        db.rows("INSERT INTO v(v) VALUES ('verify')")

    def test_interrupted_it_stays_as_it_was(self):
        db, draw = self.open(self.folder / "v.sqlite"), random.Random(13)
        db.rows(self.table % "l2")
        rows = {i: r[0] for i, r in fill(db, draw, range(4200)).items()}
        before = db.rows("SELECT number, data FROM v_blocks")
        with host.interrupts(db):
            db.rows("INSERT INTO v(v) SELECT 'rebuild' FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9]')")
        self.assertEqual(db.rows("SELECT number, data FROM v_blocks"), before)
        query = draw_vector(draw)
        self.same(nearest(db, query, 10), db, rows, query, 10, "l2")
        db.rows("INSERT INTO v(v) VALUES ('verify')")


def fill(db, draw, ids, begin=True):
    """Writes rows, and returns them as a history has them."""
    rows = {i: (draw_vector(draw), "a", i % 10) for i in ids}
    if begin:
        db.rows("BEGIN")
    for i, (vector, tag, n) in rows.items():
        db.rows("INSERT OR REPLACE INTO v(id, e, tag, n) VALUES (?, ?, ?, ?)", i, blob(vector), tag, n)
    if begin:
        db.rows("COMMIT")
    return rows


class TextKeys(Vectors):
    """The same with keys of text; of rows at the same distance, the one that was there first is nearer."""

    table, name = TABLE.replace("INTEGER PRIMARY", "TEXT PRIMARY"), staticmethod(lambda number: f"k'{number:04}")

    def same(self, got, db, rows, query, k, metric):
        truth = exact(db, rows, query, len(rows), metric)
        self.assertEqual([d for _, d in got], [d for _, d in truth[:k]])
        self.assertLessEqual(set(got), set(truth))
        self.assertEqual(len(dict(got)), len(got))

    def test_where_keys_come_out(self):
        db = self.open(self.folder / "v.sqlite")
        db.rows(self.table % "l2")
        rows = {f"row {i}": [float(i)] * DIMS for i in range(300)}
        for key, vector in rows.items():
            db.rows("INSERT INTO v(id, e, n) VALUES (?, ?, ?)", key, blob(vector), int(key[4:]))
        query = json.dumps([0.0] * DIMS)
        near = [f"row {i}" for i in range(3)]
        self.assertEqual([i for i, _ in nearest(db, [0.0] * DIMS, 3)], near)
        self.assertEqual(db.rows("SELECT id FROM lumos_search('v', ?, 3)", query), [(i,) for i in near])
        options = json.dumps({"ids": ["row 7", "row 5", "nothing"], "filter": "n <> 3"})
        self.assertEqual(db.rows("SELECT id FROM lumos_search('v', ?, 3, ?)", query, options), [("row 5",), ("row 7",)])
        self.refused(db, "SELECT * FROM lumos_search('v', ?, 3, '{\"ids\": [7, \"row 7\"]}')", "ids is [7,\"row 7\"]; give a list of texts", values=(query,))
        # Integers are rowids, as FTS5 has them.
        self.assertEqual(db.rows("SELECT id FROM lumos_search('v', ?, 3, '{\"ids\": [7]}')", query), [("row 6",)])
        self.assertEqual(db.rows("SELECT recall, queries FROM lumos_recall('v', 20)"), [(1.0, 19)])
        # Words are those of a row by its rowid; of rows that have none, nothing is known.
        db.rows("CREATE VIRTUAL TABLE words USING fts5(body)")
        db.rows("INSERT INTO words(rowid, body) SELECT rowid, 'word ' || n FROM v")
        db.rows("INSERT INTO words(rowid, body) VALUES (5000, 'word 250')")
        found = "SELECT id, distance IS NULL FROM lumos_hybrid('v', ?, 'word 250', 2, ?)"
        weights = json.dumps({"fts": "words", "weights": [0, 1]})
        self.assertEqual(db.rows(found, query, weights)[0], ("row 250", 1))
        self.assertEqual(db.value("SELECT count(*) FROM lumos_hybrid('v', NULL, '250', 9, ?)", weights), 1)
        # A row keeps its rowid when it is replaced, and has no other.
        rowid = db.value("SELECT rowid FROM v WHERE id = 'row 9'")
        db.rows("INSERT OR REPLACE INTO v(id, e) VALUES ('row 9', ?)", query)
        self.assertEqual(db.rows("SELECT rowid, n FROM v WHERE id = 'row 9'"), [(rowid, None)])
        self.refused(db, "UPDATE v SET rowid = 1000 WHERE id = 'row 9'", "the rowid of a row with a text key stays")
        for value, type in ((7, "an INTEGER"), (b"7", "a BLOB"), (None, "NULL")):
            self.refused(db, "INSERT INTO v(id, e) VALUES (?, ?)", f"the id is {type}; give a text", values=(value, query))
        db.rows("INSERT INTO v(v) VALUES ('verify')")


class OtherTables(Vectors):
    """The same over the rows of another table, whose triggers keep the index current."""

    table = TABLE[:-1] + ", content='docs', content_rowid='id')"
    target, conflict = "docs", "UNIQUE constraint failed"

    def make(self, db, metric, triggers=True):
        db.rows("CREATE TABLE docs(id INTEGER PRIMARY KEY, body, tag TEXT, n INTEGER, e)")
        db.rows("INSERT INTO docs(id, e, tag) VALUES (1, '[1,1,1,1,1,1]', 'a')")
        db.rows(self.table % metric)
        if triggers:
            db.rows("CREATE TRIGGER docs_insert AFTER INSERT ON docs BEGIN INSERT INTO v(rowid) VALUES (new.id); END")
            db.rows("CREATE TRIGGER docs_delete AFTER DELETE ON docs BEGIN INSERT INTO v(v, rowid) VALUES ('delete', old.id); END")
            db.rows("""CREATE TRIGGER docs_update AFTER UPDATE OF id, e ON docs BEGIN
                INSERT INTO v(v, rowid) VALUES ('delete', old.id); INSERT INTO v(rowid) VALUES (new.id); END""")
            db.rows("DELETE FROM docs")

    def test_without_triggers(self):
        path = self.folder / "v.sqlite"
        db, draw = self.open(path), random.Random(9)
        self.make(db, "l2", triggers=False)
        near = "SELECT id, e, tag FROM v WHERE e MATCH '[1,1,1,1,1,1]' AND k = 2"
        # The rows that were there are found; filters and values are those of now.
        db.rows("UPDATE docs SET tag = 'b'")
        self.assertEqual(db.rows(near), [(1, "[1,1,1,1,1,1]", "b")])
        self.assertEqual(db.rows(near + " AND tag = 'a'"), [])
        # A new row is not found until it is named, or all are read; verify says so.
        db.rows("INSERT INTO docs(id, e) VALUES (2, ?)", blob([1.0, 1, 1, 1, 1, 2]))
        self.assertEqual([r[0] for r in db.rows(near)], [1])
        proven = "SELECT id FROM lumos_search('v', '[1,1,1,1,1,1]', 2, '{\"exact\": true}')"
        self.assertEqual(db.rows(proven), [(1,), (2,)])
        self.refused(db, "INSERT INTO v(v) VALUES ('verify')", "row 2 is not in the index", "rows may be missed until", "'rebuild'")
        db.rows("INSERT INTO v(rowid) VALUES (2)")
        self.assertEqual([r[0] for r in db.rows(near)], [1, 2])
        # A row that is gone is not found, though the index has it; others take its place.
        db.rows("DELETE FROM docs WHERE id = 1")
        db.rows("INSERT INTO docs(id, e) VALUES (3, '[1,1,1,1,1,3]'), (4, NULL)")
        db.rows("INSERT INTO v(rowid) VALUES (3), (4), (77)")
        self.assertEqual([r[0] for r in db.rows(near)], [2, 3])
        self.assertEqual([r[0] for r in self.open(path).rows(near)], [2, 3])
        self.refused(db, "INSERT INTO v(v) VALUES ('verify')", "the index has 3 rows and the table 2")
        db.rows("INSERT INTO v(v) VALUES ('rebuild')")
        db.rows("INSERT INTO v(v) VALUES ('verify')")
        # What is no vector is named.
        db.rows("UPDATE docs SET e = 'no vector' WHERE id = 3")
        self.refused(db, near, "the vector of row 3", "UPDATE it")
        self.refused(db, "INSERT INTO v(v) VALUES ('rebuild')", "the vector of row 3", "UPDATE it")
        db.rows("UPDATE docs SET e = '[1]' WHERE id = 3")
        self.refused(db, "INSERT INTO v(rowid) VALUES (3)", "a vector of 1 dimensions; table v has 6")
        self.refused(db, "INSERT INTO v(v) VALUES ('rebuild')", "row 3: a vector of 1 dimensions; the index has 6")
        self.assertEqual([r[0] for r in db.rows(near)], [2])

    def test_the_rows_are_not_its_own(self):
        db = self.open(self.folder / "v.sqlite")
        self.make(db, "l2")
        db.rows("INSERT INTO docs(id, e) VALUES (5, '[1,1,1,1,1,1]')")
        for sql in ("INSERT INTO v(id, tag) VALUES (5, 'x')", "INSERT INTO v(e) VALUES ('[1,1,1,1,1,1]')"):
            self.refused(db, sql, "the rows are those of docs; give the rowid alone")
        for sql in ("DELETE FROM v", "UPDATE v SET tag = 'x'", "UPDATE v SET id = 6"):
            self.refused(db, sql, "the rows are those of docs; change them there")
        self.refused(db, "INSERT INTO v(v) VALUES ('delete')", "'delete' needs the rowid of the row")
        near = "SELECT id FROM %s WHERE e MATCH '[1,1,1,1,1,1]' AND k = 2"
        for old, new in (("v", "the w"), ("docs", "pages"), ("the w", "u")):
            db.rows(f'ALTER TABLE "{old}" RENAME TO "{new}"')
        self.assertEqual(db.rows(near % "u"), [(5,)])
        self.assertEqual(self.open(self.folder / "v.sqlite").rows(near % "u"), [(5,)])
        db.rows("DROP TABLE u")
        self.assertEqual(db.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"), [("pages",)])
        for columns, words in (
            ("e FLOAT[6], colour TEXT, content=pages", "no such column: c.colour"),
            ("e FLOAT[6], content=nothing", "no such table: main.nothing"),
            ("e FLOAT[2], content=pages", "row 5: a vector of 6 dimensions; the index has 2"),
            ("id TEXT PRIMARY KEY, e FLOAT[6], content=pages", "rows of another table have integer keys"),
            ("e FLOAT[6], content_rowid=id", "content_rowid without content"),
        ):
            self.refused(db, f"CREATE VIRTUAL TABLE v USING lumos_vec({columns})", words)
        self.assertEqual(db.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"), [("pages",)])


class Damage(host.Case):
    """Whatever is wrong in the stored blocks, answers are right; `verify` says it, `rebuild` mends it."""

    table, make, count = TABLE, Vectors.make, 1500
    target, said = "v", "answers are right all the same"

    def setUp(self):
        super().setUp()
        self.path = self.folder / "v.sqlite"
        draw = random.Random(3)
        db = self.open(self.path)
        self.make(db, "l2")
        db.rows("BEGIN")
        self.rows = {i: draw_vector(draw) for i in range(self.count)}
        for i, v in self.rows.items():
            db.rows(f"INSERT INTO {self.target}(id, e, tag) VALUES (?, ?, 'a')", i, blob(v))
        db.rows("COMMIT")
        self.db, self.queries = db, [draw_vector(draw) for _ in range(20)]
        self.truth = [exact(db, self.rows, q, 10) for q in self.queries]

    def test_damaged_blocks(self):
        draw = random.Random(4)
        good = self.db.rows("SELECT number, data FROM v_blocks")
        self.assertGreater(len(good), 2)
        for number, data in good:
            for _ in range(12):
                at = draw.randrange(len(data))
                bad = bytearray(data)
                bad[at] ^= 1 << draw.randrange(8)
                self.look("UPDATE v_blocks SET data = ? WHERE number = ?", bytes(bad), number)
                self.db.rows("UPDATE v_blocks SET data = ? WHERE number = ?", data, number)
        self.look("UPDATE v_blocks SET data = zeroblob(0) WHERE number = 0")
        self.look("UPDATE v_blocks SET data = (SELECT data FROM v_blocks WHERE number = 1) WHERE number = 0")
        self.look("DELETE FROM v_blocks WHERE number = 1")
        self.look("DELETE FROM v_blocks")
        self.db.rows("INSERT INTO v(v) VALUES ('rebuild')")
        self.db.rows("INSERT INTO v(v) VALUES ('verify')")
        self.assertEqual([nearest(self.open(self.path), q, 10) for q in self.queries], self.truth)

    def look(self, damage, *values):
        self.db.rows(damage, *values)
        db = host.Database(self.path)
        self.assertEqual([nearest(db, q, 10) for q in self.queries], self.truth, damage)
        self.refused(db, "INSERT INTO v(v) VALUES ('verify')", self.said, "'rebuild'")
        db.close()

    def test_a_write_mends_the_block(self):
        number, data = self.db.rows("SELECT number, data FROM v_blocks WHERE number = 1")[0]
        self.db.rows("UPDATE v_blocks SET data = ? WHERE number = 1", data[:-1] + b"\0")
        db = self.open(self.path)
        db.rows(f"UPDATE {self.target} SET e = ? WHERE id = 3", blob(self.rows[3]))
        db.rows("INSERT INTO v(v) VALUES ('verify')")
        self.assertEqual([nearest(db, q, 10) for q in self.queries], self.truth)


class DamageOverOtherTables(Damage):
    """The same over the rows of another table."""

    table, make = OtherTables.table, OtherTables.make
    target, said = "docs", "rows may be missed until"


class DamageOfGraphs(Damage):
    """The same with a graph, which then is not used."""

    table, count = Graphs.table, 4200

    def setUp(self):
        super().setUp()
        self.db.rows("INSERT INTO v(v) VALUES ('optimize')")

    def test_a_write_mends_the_block(self):
        self.db.rows("UPDATE v_blocks SET data = zeroblob(9) WHERE number = 1")
        db = self.open(self.path)
        db.rows("UPDATE v SET e = ? WHERE id = 3", blob(self.rows[3]))
        self.refused(db, "INSERT INTO v(v) VALUES ('verify')", "the index's graph is missing", self.said)
        self.assertEqual([nearest(db, q, 10) for q in self.queries], self.truth)
        db.rows("INSERT INTO v(v) VALUES ('optimize'), ('verify')")
        self.assertEqual([nearest(db, q, 10) for q in self.queries], self.truth)


class Filters(host.Case):
    """A filter that leaves m rows gives min(k, m), at any selectivity and by any condition."""

    def test_selectivity(self):
        db, draw = self.open(self.folder / "v.sqlite"), random.Random(5)
        db.rows(TABLE % "cosine")
        db.rows("BEGIN")
        rows = {i: draw_vector(draw) for i in range(3000)}
        for i, v in rows.items():
            db.rows("INSERT INTO v(id, e, tag, n, body) VALUES (?, ?, ?, ?, ?)", i, blob(v), f"t{i % 100}", i, f"b{i % 7}")
        db.rows("COMMIT")
        for condition, keep in [
            ("n < 1500", lambda i: i < 1500),
            ("n >= 2997", lambda i: i >= 2997),
            ("n BETWEEN 10 AND 12.5", lambda i: 10 <= i <= 12),
            ("tag = 't5'", lambda i: i % 100 == 5),
            ("tag IN ('t5', 't6', 'nothing')", lambda i: i % 100 in (5, 6)),
            ("tag <> 't5' AND n < 20", lambda i: i % 100 != 5 and i < 20),
            ("tag LIKE 'T9_'", lambda i: 90 <= i % 100),
            ("tag GLOB 't9?' AND body = 'b0'", lambda i: 90 <= i % 100 and i % 7 == 0),
            ("id IN (SELECT value * 3 FROM json_each('[1, 2, 3]'))", lambda i: i in (3, 6, 9)),
            ("id > 2990", lambda i: i > 2990),
            ("n = '7'", lambda i: i == 7),
            ("n = 7.0", lambda i: i == 7),
            ("body IS NULL", lambda i: False),
            ("n IS NOT NULL", lambda i: True),
            ("tag > 't98'", lambda i: i % 100 == 99),
            ("rowid = 12", lambda i: i == 12),
        ]:
            for k in (1, 10, 400, 5000):
                query = draw_vector(draw)
                kept = {i: v for i, v in rows.items() if keep(i)}
                with self.subTest(condition=condition, k=k):
                    truth = exact(db, kept, query, k, "cosine")
                    self.assertEqual(len(truth), min(k, len(kept)))
                    self.assertEqual(nearest(db, query, k, f"AND {condition}"), truth)
        # What a table of SQLite cannot hand on: LIMIT reads on until there are enough.
        for condition, keep in [
            ("length(tag || body) = 4 AND (n % 50 = 3 OR body = 'b2')", lambda i: i % 100 < 10 and False or len(f"t{i % 100}b{i % 7}") == 4 and (i % 50 == 3 or i % 7 == 2)),
            ("abs(n - 1700) < 2", lambda i: abs(i - 1700) < 2),
        ]:
            query = draw_vector(draw)
            kept = {i: v for i, v in rows.items() if keep(i)}
            for limit, offset in ((10, 0), (5, 3), (4000, 0)):
                sql = f"SELECT id, distance FROM v WHERE e MATCH ? AND {condition} ORDER BY distance LIMIT ? OFFSET ?"
                got = db.rows(sql, json.dumps(query), limit, offset)
                self.assertEqual(got, exact(db, kept, query, limit + offset, "cosine")[offset:], condition)

    def test_what_is_proven_is_exact(self):
        db, draw = self.open(self.folder / "v.sqlite"), random.Random(8)
        centres = [draw_vector(draw) for _ in range(9)]
        for metric in ("l2", "cosine", "ip"):
            for kind in ("flat4", "flat8"):
                db.rows(f"CREATE VIRTUAL TABLE p USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[{DIMS}] metric={metric} kind={kind}, tag TEXT)")
                rows = {i: [x + draw.gauss(0, 10 ** -(i % 5)) for x in centres[i % 9]] for i in range(600)}
                db.rows("BEGIN")
                for i, vector in rows.items():
                    db.rows("INSERT INTO p VALUES (?, ?, ?)", i, json.dumps(vector), f"t{i % 3}")
                db.rows("COMMIT")
                rows = {i: struct.unpack(f"<{DIMS}f", blob(vector)) for i, vector in rows.items()}
                for number in range(12):
                    query, k = draw.choice([draw_vector(draw), centres[number % 9]]), draw.choice([1, 10, 250])
                    options = draw.choice([{"exact": True}, {"exact": True, "filter": "tag = 't1'"}])
                    kept = {i: v for i, v in rows.items() if len(options) == 1 or i % 3 == 1}
                    got = db.rows("SELECT id, distance FROM lumos_search('p', ?, ?, ?)", json.dumps(query), k, json.dumps(options))
                    self.assertEqual(got, exact(db, kept, query, k, metric), (metric, kind, number))
                db.rows("DROP TABLE p")

    def test_distance_bounds_and_pages(self):
        db, draw = self.open(self.folder / "v.sqlite"), random.Random(6)
        db.rows(TABLE % "l2")
        rows = {i: draw_vector(draw) for i in range(1200)}
        db.rows("BEGIN")
        for i, v in rows.items():
            db.rows("INSERT INTO v(id, e) VALUES (?, ?)", i, blob(v))
        db.rows("COMMIT")
        query = draw_vector(draw)
        truth = exact(db, rows, query, 1200)
        sql = "SELECT id, distance FROM v WHERE e MATCH ?"
        bind = json.dumps(query)
        self.assertEqual(db.rows(f"{sql} ORDER BY distance", bind), truth)
        self.assertEqual(sorted(db.rows(sql, bind)), sorted(truth))
        middle = truth[600][1]
        self.assertEqual(db.rows(f"{sql} AND distance < ?", bind, middle), truth[:600])
        self.assertEqual(db.rows(f"{sql} AND distance > ? AND k = 7", bind, middle), truth[601:608])
        self.assertEqual(db.rows(f"{sql} AND distance >= ? AND distance <= ? AND k = 7", bind, middle, middle), truth[600:601])
        self.assertEqual(db.rows(f"{sql} ORDER BY distance DESC LIMIT 3", bind), truth[:-4:-1])
        for offset in (0, 5, 700):
            page = db.rows(f"{sql} ORDER BY distance, id LIMIT 50 OFFSET ?", bind, offset)
            self.assertEqual(page, truth[offset : offset + 50])
        joined = db.rows("SELECT q.value, (SELECT id FROM v WHERE e MATCH ?1 AND k = 1 AND n IS NULL) FROM json_each('[1, 2]') q", bind)
        self.assertEqual([r[1] for r in joined], [truth[0][0]] * 2)


class Connections(host.Case):
    """Several connections, and other processes."""

    def test_others_writes_are_seen(self):
        path = self.folder / "v.sqlite"
        db = self.open(path)
        db.rows("PRAGMA journal_mode = WAL")
        db.rows(TABLE % "l2")
        near = "SELECT group_concat(id) FROM (SELECT id FROM v WHERE e MATCH '[1,1,1,1,1,1]' AND k = 3)"
        self.assertEqual(db.value(near), None)
        other = self.open(path)
        other.rows("INSERT INTO v(id, e) VALUES (1, '[1,1,1,1,1,1]'), (2, '[2,1,1,1,1,1]')")
        self.assertEqual(db.value(near), "1,2")
        host.elsewhere(
            "import sys, host\n"
            "db = host.Database(sys.argv[1])\n"
            "db.rows(\"INSERT INTO v(id, e) VALUES (3, '[0,1,1,1,1,1]')\")\n"
            "db.rows('DELETE FROM v WHERE id = 1')",
            path,
        )
        self.assertEqual((db.value(near), other.value(near)), ("2,3", "2,3"))
        # A reader keeps its snapshot.
        other.rows("BEGIN")
        self.assertEqual(other.value(near), "2,3")
        db.rows("DELETE FROM v WHERE id = 2")
        self.assertEqual((db.value(near), other.value(near)), ("3", "2,3"))
        other.rows("COMMIT")
        self.assertEqual(other.value(near), "3")
        # A table of the same name, made anew elsewhere.
        other.rows("DROP TABLE v")
        other.rows(TABLE % "l2")
        other.rows("INSERT INTO v(id, e) VALUES (9, '[0,1,1,1,1,1]')")
        self.assertEqual(db.value(near), "9")


class Kills(host.Case):
    """`kill -9` of a process that writes and builds: what is committed is there, and found."""

    table, make, target = TABLE, Vectors.make, "v"

    def test_nothing_committed_is_lost(self):
        path, draw, committed = self.folder / "v.sqlite", random.Random(7), 0
        db = host.Database(path)
        db.rows("PRAGMA journal_mode = WAL")
        self.make(db, "l2")
        rows = {int(i): list(struct.unpack(f"<{DIMS}f", e)) for i, e in db.rows("SELECT id, e FROM v")}
        db.close()
        for round_ in range(KILLS):
            process, lines = child(lambda say: self.write(path, round_, rows, say))
            # After some commits, so that a slow machine kills no earlier.
            told = [lines.readline() for _ in range(2 * draw.randrange(1, 8))]
            time.sleep(draw.random() * 0.02)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            before = rows
            for line in told + lines.readlines():
                self.assertFalse(line.startswith("failed"), line)
                # What the process was about to commit when it was killed may be there or not.
                if line == "committed\n":
                    rows, before, committed = before, before, committed + 1
                elif line.endswith("\n"):
                    before = apply(rows, json.loads(line))
            lines.close()
            db = host.Database(path)
            there = {i: list(struct.unpack(f"<{DIMS}f", e)) for i, e in db.rows("SELECT id, e FROM v")}
            self.assertIn(there, (rows, before), "a committed row is lost, or doubled, or half written")
            rows, query = there, draw_vector(draw)
            self.assertEqual(nearest(db, query, 5), exact(db, rows, query, 5))
            db.rows("INSERT INTO v(v) VALUES ('verify')")
            db.close()
        self.assertGreaterEqual(committed, KILLS)

    def write(self, path, seed, rows, say):
        """Writes until killed; says what it is about to commit, and then that it has."""
        db, draw = host.Database(path), random.Random(seed)
        while True:
            change = {}
            db.rows("BEGIN IMMEDIATE")
            for _ in range(draw.randrange(1, 8)):
                i, vector, what = draw.randrange(3000), draw_vector(draw), draw.random()
                if what < 0.2:
                    db.rows(f"DELETE FROM {self.target} WHERE id = ?", i)
                    change[i] = None
                elif what < 0.4 and apply(rows, change).get(i):
                    db.rows(f"UPDATE {self.target} SET e = ? WHERE id = ?", blob(vector), i)
                    change[i] = vector
                else:
                    db.rows(f"INSERT OR REPLACE INTO {self.target}(id, e) VALUES (?, ?)", i, blob(vector))
                    change[i] = vector
            if draw.random() < 0.1:
                db.rows("INSERT INTO v(v) VALUES (?)", draw.choice(["rebuild", "optimize"]))
            say(json.dumps(change))
            db.rows("COMMIT")
            say("committed")
            rows = apply(rows, change)


class KillsOverOtherTables(Kills):
    """The same over the rows of another table."""

    table, make, target = OtherTables.table, OtherTables.make, "docs"


class KillsOfGraphs(Kills):
    """The same with a graph, over as many rows as make one."""

    table = Graphs.table

    def make(self, db, metric):
        db.rows(self.table % metric)
        fill(db, random.Random(14), range(4200))
        db.rows("INSERT INTO v(v) VALUES ('optimize')")


def apply(rows, change):
    """The rows after a change; None deletes."""
    new = {**rows, **{int(i): vector for i, vector in change.items()}}
    return {i: vector for i, vector in new.items() if vector is not None}


if __name__ == "__main__":
    unittest.main()
