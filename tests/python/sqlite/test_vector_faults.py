"""A full disk and interrupts at random points of what writes a table of vectors: nothing hangs, and afterwards it
holds what the ordinary table holds that is written in the same statements, and finds it."""

import faulthandler
import json
import os
import random
import unittest

import host

ROUNDS = int(os.environ.get("LUMOS_FAULT_ROUNDS", 150))
HANGS = 120  # seconds until a call counts as one that does not return

MIRROR = """
CREATE TABLE p(id INTEGER PRIMARY KEY, e, tag TEXT);
CREATE TRIGGER p_insert AFTER INSERT ON p BEGIN INSERT INTO v(id, e, tag) VALUES (new.id, new.e, new.tag); END;
CREATE TRIGGER p_delete AFTER DELETE ON p BEGIN DELETE FROM v WHERE id = old.id; END;
CREATE TRIGGER p_update AFTER UPDATE ON p BEGIN UPDATE v SET id = new.id, e = new.e, tag = new.tag WHERE id = old.id; END
"""


class Faults(host.Case):
    """`v` follows `p` by triggers, so that both are changed or neither."""

    kind = "flat4"

    def setUp(self):
        super().setUp()
        faulthandler.dump_traceback_later(HANGS, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        self.draw = random.Random(31)
        self.db = self.open(self.folder / "f.sqlite")
        self.db.rows("PRAGMA synchronous = OFF")
        self.db.rows(f"CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[4] kind={self.kind}, tag TEXT)")
        for statement in MIRROR.split(";\n"):
            self.db.rows(statement)

    def rows(self, count):
        vector = lambda: json.dumps([self.draw.randrange(-9, 10) for _ in range(4)])
        return json.dumps([[self.draw.randrange(600), vector(), self.draw.choice("abc")] for _ in range(count)])

    def change(self):
        """One or several statements, with a transaction or savepoints around some."""
        db, draw = self.db, self.draw
        what = draw.random()
        if what < 0.2:
            db.rows("BEGIN")
            for _ in range(draw.randrange(1, 5)):
                self.statement()
                if draw.random() < 0.3:
                    db.rows("SAVEPOINT s")
                    self.statement()
                    db.rows(draw.choice(["RELEASE s", "ROLLBACK TO s"]))
            db.rows(draw.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        else:
            self.statement()

    def statement(self):
        db, draw = self.db, self.draw
        rows, i, count = self.rows(draw.choice([1, 1, 30])), draw.randrange(600), draw.choice([1, 20, 100])
        values = "SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)"
        match draw.randrange(8):
            case 0 | 1 | 2:
                db.rows(f"DELETE FROM p WHERE id IN (SELECT value ->> 0 FROM json_each(?))", rows)
                db.rows(f"INSERT OR IGNORE INTO p {values}", rows)
            case 3:
                db.rows("UPDATE p SET tag = 'd' WHERE id BETWEEN ? AND ?", i, i + count)
            case 4:
                db.rows("UPDATE p SET e = '[1, 2, 3, 4]' WHERE id BETWEEN ? AND ?", i, i + count)
            case 5:
                db.rows("DELETE FROM p WHERE id BETWEEN ? AND ?", i, i + count)
            case 6:
                db.rows("UPDATE p SET id = id + 1000 WHERE id = ?", i)
            case 7:
                db.rows("INSERT INTO v(v) VALUES (?)", draw.choice(["optimize", "rebuild", "verify"]))

    def recover(self):
        """Ends what the fault left open, as a program does."""
        try:
            self.db.rows("ROLLBACK")
        except host.ERROR as e:
            self.assertIn("no transaction is active", str(e))

    def check(self, *databases):
        query = json.dumps([self.draw.randrange(-9, 10) for _ in range(4)])
        for db in databases:
            expected = db.rows("SELECT id, lumos_l2(e, ?) FROM p ORDER BY 2, 1 LIMIT 40", query)
            self.assertEqual(db.rows("SELECT id, distance FROM v WHERE e MATCH ? AND k = 40", query), expected)
            tagged = db.rows("SELECT id FROM p WHERE tag = 'a' ORDER BY lumos_l2(e, ?), 1 LIMIT 10", query)
            self.assertEqual(db.rows("SELECT id FROM v WHERE e MATCH ? AND tag = 'a' AND k = 10", query), tagged)
            self.assertEqual(db.rows("SELECT id, tag FROM v ORDER BY id"), db.rows("SELECT id, tag FROM p ORDER BY id"))

    def run_rounds(self, fault, mend):
        other, failed = self.open(self.folder / "f.sqlite"), 0
        for _ in range(10):
            self.change()
        for number in range(ROUNDS):
            fault()
            try:
                self.change()
            except host.ERROR:
                failed += 1
            mend()
            self.recover()
            # What the next call finds must not hang on a search in between.
            if self.draw.random() < 0.7:
                self.check(self.db)
            else:
                self.change()
            if number % 10 == 0:
                self.check(self.db, other)
                self.db.rows("INSERT INTO v(v) VALUES ('verify')")
        self.check(self.db, other)
        self.db.rows("INSERT INTO v(v) VALUES ('verify')")
        self.assertEqual(self.db.rows("PRAGMA integrity_check"), [("ok",)])
        self.assertGreater(failed, ROUNDS // 10)
        self.assertLess(failed, ROUNDS)

    def test_a_full_disk(self):
        def fault():
            # Full at once, or after some pages more; what is free inside counts too.
            self.db.rows("VACUUM")
            pages = self.db.value("PRAGMA page_count")
            self.db.rows(f"PRAGMA max_page_count = {pages + self.draw.choice([0, 1, 2, 3, 5, 8, 13])}")

        self.run_rounds(fault, lambda: self.db.rows("PRAGMA max_page_count = 1000000"))

    def test_interrupts(self):
        left = 0

        def handler():
            nonlocal left
            left -= 1
            return left <= 0

        def fault():
            nonlocal left
            left = int(2 ** (self.draw.random() * 9))
            host.progress(self.db, handler, 20)

        self.run_rounds(fault, lambda: host.progress(self.db, None, 0))

    def test_it_is_used_by_what_it_does(self):
        # A trigger on a shadow table that searches the table itself: an error, where it would wait for itself.
        self.db.rows("INSERT INTO p VALUES (1, '[1, 1, 1, 1]', 'a')")
        self.db.rows("CREATE TABLE log(id)")
        self.db.rows("""CREATE TRIGGER w AFTER INSERT ON v_rows BEGIN
            INSERT INTO log SELECT id FROM v WHERE e MATCH '[1, 1, 1, 1]' ORDER BY distance LIMIT 1; END""")
        self.refused(self.db, "INSERT INTO p VALUES (2, '[1, 1, 1, 1]', 'a')", "is used by a trigger or a view while")
        self.check(self.db)
        self.db.rows("DROP TRIGGER w")
        self.db.rows("INSERT INTO p VALUES (2, '[1, 1, 1, 1]', 'a')")
        self.check(self.db)


class FaultsOfGraphs(Faults):
    """The same with a graph."""

    kind = "hnsw"


if __name__ == "__main__":
    unittest.main()
