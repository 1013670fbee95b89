"""How the mirrored rows lie: sorted by lumos_optimize, whatever ends it on its way."""

import os
import random
import signal
import threading
import time
import unittest

import host
import model
from test_kill import child

ROWS = 200_000
FILL = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {rows}) "
    "INSERT INTO event SELECT i, date('2020-01-01', '+' || (i * 7919 % 1461) || ' days'), i % 97 / 4.0, 'note ' || i FROM n"
)


class Layout(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"

    def start(self, rows=ROWS):
        db = host.Database(self.path)
        db.rows("PRAGMA journal_mode = WAL")
        db.rows("CREATE TABLE event(id INTEGER PRIMARY KEY, day DATE NOT NULL, amount REAL, note TEXT)")
        db.rows(FILL.format(rows=rows))
        return db

    def killed(self, work, after):
        """Runs `work` in a process that is killed so many seconds after it says that it has begun."""
        process, lines = child(work)
        with lines:
            self.assertEqual(lines.readline(), "begun\n")
            time.sleep(after)
            os.kill(process, signal.SIGKILL)
            said = lines.read()
        os.waitpid(process, 0)
        self.assertNotIn("failed", said)

    def checked(self, work):
        """Runs `work` in a process of its own, to its end."""
        process, lines = child(work)
        with lines:
            said = lines.read()
        self.assertEqual((os.waitpid(process, 0)[1], said), (0, ""))


class Optimize(Layout):
    def order(self, db):
        rows = [d for (d,) in db.query("SELECT day FROM event")]
        return "day" if rows == sorted(rows) else "id"

    def test_interrupt_leaves_the_old_order(self):
        db = self.start(1_000_000)
        self.addCleanup(db.close)
        db.rows("SELECT lumos_track('event')")
        timer = threading.Timer(0.1, db.connection.interrupt)
        timer.start()
        with self.assertRaises(host.ERROR) as caught:
            db.rows("""SELECT lumos_optimize('event', '{"order_by": "day"}')""")
        timer.join()
        self.assertIn("interrupt", str(caught.exception).lower())
        self.assertEqual(self.order(db), "id")
        db.rows("SELECT lumos_optimize()")
        self.assertEqual(self.order(db), "id", "an order that was not reached is not remembered")

    def test_kill_leaves_one_order_or_the_other(self):
        self.checked(lambda say: self.start().rows("SELECT lumos_track('event')"))

        def sort(say):
            db = host.Database(self.path)
            db.rows("SELECT lumos_sync()")
            say("begun")
            for column in ["day", "note"] * 50:
                db.rows(f"""SELECT lumos_optimize('event', '{{"order_by": "{column}"}}')""")

        def same(say):
            db = host.Database(self.path)
            total = "SELECT count(*), sum(id), sum(amount), count(DISTINCT note), min(day), max(day) FROM event"
            assert db.query(total, 6) == db.rows(total), db.query(total, 6)
            db.rows("SELECT lumos_optimize()")
            assert self.order(db) in ("day", "id")

        draw = random.Random(4)
        for _ in range(6):
            self.killed(sort, draw.random() * 0.8)
            self.checked(same)


if __name__ == "__main__":
    unittest.main()
