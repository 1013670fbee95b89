"""One mirror for several processes: they take turns, and the default of one alone makes the others wait."""

import os
import random
import signal
import time
import unittest

import host
import model
from host import child
from test_kill import SCHEMA, transfer

SUMS = "SELECT (SELECT sum(balance) FROM account), (SELECT coalesce(sum(amount), 0) FROM entry)"
SECONDS = float(os.environ.get("LUMOS_SHARING_SECONDS", 6))


class Sharing(host.Case):
    """This process forks all others and never opens a mirror itself."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        db = host.Database(self.path, load=False)
        db.rows("PRAGMA journal_mode = WAL")
        for statement in SCHEMA:
            db.rows(statement)
        db.close()

    def shared(self):
        db = host.Database(self.path)
        db.rows("""SELECT lumos_attach(NULL, '{"shared": true}')""")
        return db

    def wait_for(self, name):
        """Until another process has made the file; the alarm of a child ends it."""
        while not (self.folder / name).exists():
            time.sleep(0.01)

    def busy(self, seed, until, say):
        db, draw, n, turns = self.shared(), random.Random(seed), 0, 0
        while time.time() < until or turns < 2:
            turns += 1
            for _ in range(draw.randrange(3)):
                transfer(db, draw, f"{seed}-{n}")
                say(f"{seed}-{n}")
                n += 1
            work = draw.random()
            if work < 0.1:
                db.rows("SELECT lumos_sync()")
            elif work < 0.15:
                db.rows("SELECT lumos_resync('tag')")
            elif work < 0.2:
                db.rows("SELECT count(*) FROM lumos_status")
            elif work < 0.3:
                code = f"{seed}-{draw.randrange(n + 1)}"
                there = "SELECT count(*) FROM entry WHERE code = " + model.text(code)
                self.assertEqual(db.rows("SELECT c0 FROM lumos_auto(?)", there), db.rows(there))
            else:
                # Of one snapshot, whatever others write; and with all that this process has committed.
                ((balance, amount),) = db.query(SUMS, 2)
                self.assertEqual(balance, amount)
                self.assertEqual(db.query(f"SELECT count(*) FROM entry WHERE code LIKE '{seed}-%'"), [(n,)])
            say("turn")

    def all_there(self, committed):
        def check(say):
            db = self.shared()
            self.assertEqual(model.differences(db), [])
            self.assertEqual(set(committed) - {code for (code,) in db.query("SELECT code FROM entry")}, set())
            self.assertEqual(db.value("PRAGMA integrity_check"), "ok")
        self.ends(child(check))

    def test_processes_take_turns(self):
        self.ends(child(lambda say: self.shared().rows("SELECT lumos_track('*')")))
        until = time.time() + SECONDS
        said = self.ends(*(child(lambda say, seed=seed: self.busy(seed, until, say)) for seed in range(3)))
        for lines in said:
            self.assertGreaterEqual(lines.count("turn"), 2)
        self.all_there([line for lines in said for line in lines if line != "turn"])
        self.assertFalse((self.folder / "app.sqlite-lumos.duckdb.lock").exists())

    def test_a_killed_one_holds_nobody_up(self):
        self.ends(child(lambda say: self.shared().rows("SELECT lumos_track('*')")))
        draw, committed = random.Random(3), []
        for number in range(8):
            victim = child(lambda say: self.busy(f"v{number}", time.time() + 60, say))
            other = child(lambda say: self.busy(f"o{number}", time.time() + 1.2, say))
            time.sleep(0.2 + draw.random())
            os.kill(victim[0], signal.SIGKILL)
            with victim[1]:
                said = victim[1].read().splitlines()
            os.waitpid(victim[0], 0)
            self.assertEqual([s for s in said if s.startswith("failed")], [])
            committed += [s for s in said + self.ends(other)[0] if s != "turn"]
            self.all_there(committed)

    def test_a_reader_holds_it_until_it_is_done(self):
        def reads(say):
            db = self.shared()
            db.rows("SELECT lumos_track('*')")
            rows = iter(db.connection.execute("SELECT c0 FROM lumos_query('SELECT i FROM range(1000000) r(i)')"))
            next(rows)
            say("reads")
            self.wait_for("asked")
            # Time for an answer that does not wait.
            time.sleep(0.5)
            rows = sum(1 for _ in rows)
            (self.folder / "read").touch()
            say(str(rows))

        def waits(say):
            (self.folder / "asked").touch()
            db = self.shared()
            self.assertEqual(db.query("SELECT count(*) FROM account"), [(10,)])
            say("waited" if (self.folder / "read").exists() else "did not wait")

        reader = child(reads)
        self.assertEqual(reader[1].readline(), "reads\n")
        self.assertEqual(self.ends(child(waits), reader), [["waited"], ["999999"]])

    def test_the_default_waits_too_and_says_who_has_it(self):
        def holds(say):
            db = host.Database(self.path)
            db.rows("SELECT lumos_track('*')")
            say("holds")
            self.wait_for("refused")

        def asks(say):
            db = host.Database(self.path)
            db.rows("PRAGMA busy_timeout = 200")
            start = time.time()
            told = self.refused(db, "SELECT lumos_attach()", "is in use by another process", f"({holder[0]})", '{"shared": true}')
            self.assertLess(0.2, time.time() - start, told)
            db.rows("PRAGMA busy_timeout = 20000")
            (self.folder / "refused").touch()
            self.assertEqual(db.query("SELECT count(*) FROM account"), [(10,)])

        holder = child(holds)
        self.assertEqual(holder[1].readline(), "holds\n")
        self.ends(child(asks), holder)

    def test_threads_of_one_process(self):
        def work(say):
            import threading
            self.shared().rows("SELECT lumos_track('*')")
            errors = []

            def run(seed):
                try:
                    self.busy(seed, time.time() + 2, lambda line: None)
                except BaseException as error:
                    errors.append(repr(error))
            threads = [threading.Thread(target=run, args=(f"t{i}",)) for i in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])
        self.ends(child(work))
        self.all_there([])

    def test_memory_cannot_be_shared(self):
        def work(say):
            self.refused(host.Database(self.path), """SELECT lumos_attach(':memory:', '{"shared": true}')""", "for one process")
        self.ends(child(work))


if __name__ == "__main__":
    unittest.main()
