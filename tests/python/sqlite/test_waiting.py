"""Several connections, threads and processes in every journal mode: the sums are right, nobody stands still, everybody
gets a turn, and who waits heeds interrupts and `busy_timeout`.

This process forks all others and never opens a mirror itself. Nothing here knows how fast the machine is: a wait is
seen by a progress handler, which SQLite calls as long as a call waits, and bounds are those of the connection.
"""

import collections
import json
import os
import pathlib
import random
import threading
import time
import unittest

import host
from host import child

MODES = ["WAL", "DELETE", "TRUNCATE", "PERSIST"]
CALLS = int(os.environ.get("LUMOS_WAITING_CALLS", 15))

# The seconds that `host.Database` gives SQLite to wait for a lock.
PATIENCE = 20

SUM = "SELECT sum(v)::BIGINT FROM account"
SCHEMA = [
    "CREATE TABLE account(id INTEGER PRIMARY KEY, v INTEGER)",
    "CREATE TABLE entry(id INTEGER PRIMARY KEY, who TEXT)",
    *(f"CREATE TABLE side{i}(id INTEGER PRIMARY KEY, v TEXT)" for i in range(8)),
    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) INSERT INTO account SELECT i, 10 FROM n",
    "INSERT INTO side0 VALUES (1, 'a')",
]

# Looks at no interrupt for minutes.
SLOW = "SELECT levenshtein(repeat(''a'', 300000), repeat(''b'', 300000))"


class Mixed:
    """What one connection does, and when."""

    def __init__(self, test, number, shared):
        self.test, self.number, self.shared = test, number, shared
        self.draw, self.entries, self.ends, self.longest = random.Random(number), 0, [], 0
        self.db = host.Database(test.path)
        self.db.rows("PRAGMA synchronous = OFF")
        self.attach()

    def attach(self):
        if self.shared:
            self.db.rows("""SELECT lumos_attach(NULL, '{"shared": true}')""")

    def transfer(self):
        a, b = self.draw.sample(range(1, 101), 2)
        self.db.rows(f"UPDATE account SET v = v + CASE id WHEN {a} THEN 1 ELSE -1 END WHERE id IN ({a}, {b})")

    def insert(self):
        self.db.rows("INSERT INTO entry(who) VALUES (?)", str(self.number))
        self.entries += 1

    def query(self):
        self.test.assertEqual(self.db.query(SUM), [(1000,)])

    def own(self):
        rows = self.db.query(f"SELECT count(*) FROM entry WHERE who = '{self.number}'")
        self.test.assertEqual(rows, [(self.entries,)])

    def scalar(self):
        self.test.assertEqual(self.db.value("SELECT lumos_scalar(?)", SUM), 1000)

    def auto(self):
        self.test.assertEqual(self.db.rows("SELECT c0 FROM lumos_auto('SELECT sum(v) FROM account')"), [(1000,)])

    def inside(self):
        """In a transaction that reads SQLite before it needs the mirror."""
        self.db.rows("BEGIN")
        self.test.assertEqual(self.db.rows("SELECT sum(v) FROM account"), [(1000,)])
        self.test.assertEqual(self.db.query(SUM), [(1000,)])
        self.db.rows("COMMIT")

    def exec(self):
        self.db.rows(f"SELECT lumos_exec('CREATE OR REPLACE TABLE own{self.number} AS SELECT 1 AS i')")

    def verify(self):
        self.test.assertEqual(self.db.rows("SELECT * FROM lumos_verify('account')"), [])

    def track(self):
        self.db.rows(f"SELECT lumos_track('side{self.number}')")
        self.db.rows(f"SELECT lumos_untrack('side{self.number}')")

    def detach(self):
        self.db.rows("SELECT lumos_detach()")
        self.attach()

    def run(self, calls, work):
        for _ in range(calls):
            begun = time.monotonic()
            kind = self.draw.choice(work)
            try:
                getattr(self, kind)()
            except host.ERROR as error:
                raise AssertionError(f"{kind} by {self.number}: {error}") from error
            self.ends.append(time.monotonic())
            self.longest = max(self.longest, self.ends[-1] - begun)


READ = ["query", "own", "scalar", "auto", "inside"]
USUAL = ["transfer"] * 4 + ["insert"] * 4 + READ * 3 + ["verify"]
ALL = USUAL * 2 + ["exec", "track", "detach"]


class Waiting(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.failed = threading.Event()

    def make(self, mode, tracked="account entry"):
        for file in self.folder.iterdir():
            file.unlink()
        db = host.Database(self.path)
        db.rows(f"PRAGMA journal_mode = {mode}")
        for statement in SCHEMA:
            db.rows(statement)
        for table in tracked.split():
            db.rows("SELECT lumos_track(?)", table)
        db.close()

    def alone(self, work):
        """In a process of its own, which starts as fresh as a program."""
        return self.ends(child(work))[0]

    def threads(self, *works):
        errors = []

        def run(work):
            try:
                work()
            except BaseException as error:
                errors.append(repr(error))
                self.failed.set()

        threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30 * PATIENCE)
            self.assertFalse(thread.is_alive(), "a thread hangs")
        self.assertEqual(errors, [])

    def moved_on(self, ends, longest):
        """Nobody waited as long as one `busy_timeout`, which is how long a standstill lasts."""
        ends = sorted(ends)
        still = max(b - a for a, b in zip(ends, ends[1:]))
        self.assertLess(still, PATIENCE / 2, "all stood still")
        self.assertLess(longest, PATIENCE * 1.5, "one call waited for more than its busy_timeout")

    def all_there(self):
        db = host.Database(self.path)
        self.assertEqual(db.rows("SELECT * FROM lumos_verify('*')"), [])
        self.assertEqual(db.rows("SELECT sum(v) FROM account"), db.query(SUM))
        self.assertEqual(db.value("PRAGMA integrity_check"), "ok")

    def mixed_threads(self, mode, count, work):
        self.make(mode)
        all = [Mixed(self, number, False) for number in range(count)]
        self.threads(*(lambda one=one: one.run(CALLS, work) for one in all))
        self.moved_on([end for one in all for end in one.ends], max(one.longest for one in all))
        self.all_there()

    def test_threads_in_every_journal_mode(self):
        for mode in MODES:
            with self.subTest(mode):
                self.alone(lambda say: self.mixed_threads(mode, 4, ALL))

    def test_processes_in_every_journal_mode(self):
        def work(number, say):
            one = Mixed(self, number, True)
            one.run(CALLS // 2, ALL)
            say(f"{one.longest} " + " ".join(map(str, one.ends)))

        for mode in MODES:
            with self.subTest(mode):
                self.alone(lambda say: self.make(mode))
                said = self.ends(*(child(lambda say, n=n: work(n, say)) for n in range(3)))
                numbers = [list(map(float, line.split())) for lines in said for line in lines]
                self.moved_on([end for n in numbers for end in n[1:]], max(n[0] for n in numbers))
                self.alone(lambda say: self.all_there())

    # What can be asked of a connection that takes turns.
    TURNS = [
        *(f"SELECT * FROM lumos_{f}" for f in ["query('SELECT 1')", "query('FROM side0')", "auto('SELECT sum(v) FROM account')",
                                               "verify('*')", "status", "tiers", "schema_log"]),
        *(f"SELECT lumos_{f}" for f in ["scalar('SELECT 1')", "explain('FROM account')", "exec('CREATE TABLE made(i INT)')",
                                        "export('FROM account', 'FOLDER/out.csv')", "export('FROM account', 'FOLDER/out.parquet')",
                                        "import('main')", "cache_stats()", "track('side1')", "untrack('entry')", "sync()",
                                        "resync('*')", "repair('*')", "lag()", "optimize()", "tier('entry', 'who', '2000', 'FOLDER')",
                                        "tier_run('2000-01-01')", "untier('entry')"]),
        "CREATE VIRTUAL TABLE temp.q USING lumos_query(FROM account)",
        "CREATE VIRTUAL TABLE temp.t USING lumos_table('account')",
    ]

    def test_who_waits_for_sqlite_has_no_mirror(self):
        """Else three stand still: one has the mirror and waits for a writer, which waits for a reader to end, which waits
        for the mirror."""

        def work(say):
            self.make("DELETE")
            options = json.dumps({"shared": True, "allow_files": [str(self.folder)]})
            taken = pathlib.Path(f"{self.path}-lumos.duckdb.lock")
            writer = host.Database(self.path, load=False)
            for door in self.TURNS:
                db = host.Database(self.path)
                db.rows("SELECT lumos_attach(NULL, ?)", options)
                db.rows("PRAGMA busy_timeout = 100")
                self.assertFalse(taken.exists(), door)
                writer.rows("BEGIN EXCLUSIVE")
                ended = threading.Event()

                def call(db=db, door=door.replace("FOLDER", str(self.folder))):
                    try:
                        self.refused(db, door, "locked")
                    finally:
                        ended.set()

                def look(door=door):
                    while not ended.wait(0.001):
                        self.assertFalse(taken.exists(), f"{door} waits for SQLite and has the mirror")

                self.threads(call, look)
                writer.rows("ROLLBACK")
                db.close()
            self.all_there()

        self.alone(work)

    def test_every_reader_gets_its_turn(self):
        def work(say):
            self.make("WAL")
            done, stop = collections.Counter(), threading.Event()
            writer = Mixed(self, 7, False)
            # Whoever is ready first must not count what he does alone.
            ready = threading.Barrier(7, timeout=30 * PATIENCE)

            def read(one):
                one.run(1, ["own"])
                ready.wait()
                while not stop.is_set() and not self.failed.is_set():
                    one.run(1, ["own", "scalar"])
                    done[one.number] += 1

            def write():
                ready.wait()
                writer.run(10 * CALLS, ["transfer"])
                # Without an end: who is passed over for ever is met by the watchdog. How often each comes meanwhile
                # is the scheduler's.
                while min(done[number] for number in range(6)) < 5 and not self.failed.is_set():
                    writer.run(1, ["transfer"])
                stop.set()

            self.threads(write, *(lambda one=Mixed(self, n, False): read(one) for n in range(6)))

        self.alone(work)

    # One connection stops in the middle of writing the mirror, until it is told to go on.

    def frozen(self, mode, then, statement="SELECT lumos_resync('account')"):
        """Runs `then(go)` while `statement` is half done by another thread of this process."""
        self.make(mode)
        calls, half, reached, go = [0], [0], threading.Event(), threading.Event()

        def handler():
            calls[0] += 1
            if calls[0] == half[0]:
                reached.set()
                go.wait(30 * PATIENCE)
            return 0

        db = host.Database(self.path)
        db.query("SELECT 1")
        host.progress(db, handler, 20)
        db.rows(statement)
        half[0], calls[0] = calls[0] * 6 // 10, 0

        def others():
            self.assertTrue(reached.wait(30 * PATIENCE))
            try:
                then(go)
            finally:
                go.set()

        self.threads(lambda: db.rows(statement), others)
        host.progress(db, None, 0)
        self.all_there()

    DOORS = [
        "SELECT c0 FROM lumos_query('SELECT 1')",
        "SELECT lumos_scalar('SELECT 1')",
        "SELECT lumos_sync()",
        "SELECT count(*) FROM lumos_verify('account')",
        "SELECT lumos_resync('entry')",
        "SELECT lumos_optimize()",
    ]

    def test_who_waits_for_another_heeds_busy_timeout(self):
        def then(go):
            # Without one, two seconds.
            for timeout, doors in ((0, self.DOORS[:1]), (100, self.DOORS)):
                db = host.Database(self.path)
                db.rows(f"PRAGMA busy_timeout = {timeout}")
                for door in doors:
                    self.refused(db, door, "another connection", "busy_timeout")

        for mode in ("WAL", "DELETE"):
            self.alone(lambda say: self.frozen(mode, then))

    def test_who_waits_for_another_heeds_interrupts(self):
        def then(go):
            for door in self.DOORS:
                db = host.Database(self.path)
                waits = [0]

                def handler():
                    waits[0] += 1
                    return waits[0] > 200

                host.progress(db, handler, 20)
                self.refused(db, door, "interrupt")
                host.progress(db, None, 0)
                db.close()

        for mode in ("WAL", "DELETE"):
            self.alone(lambda say: self.frozen(mode, then))

    def test_who_waits_for_another_is_answered_then(self):
        def then(go):
            db = host.Database(self.path)
            waits = [0]

            def handler():
                waits[0] += 1
                if waits[0] > 200:
                    go.set()
                return 0

            host.progress(db, handler, 20)
            self.assertEqual(db.query(SUM), [(1000,)])
            self.assertGreater(waits[0], 200, "it did not wait")
            host.progress(db, None, 0)

        for mode in ("WAL", "DELETE"):
            self.alone(lambda say: self.frozen(mode, then))

    def test_a_function_that_hears_no_interrupt(self):
        def workers():
            """The processor's ticks that each thread of a query has used, by its number."""
            ticks = {}
            for task in pathlib.Path("/proc/self/task").iterdir():
                try:
                    name, _, rest = (task / "stat").read_text().partition(" (")[2].rpartition(") ")
                except OSError:
                    continue  # It just ended.
                if name == "lumos-query":
                    ticks[task.name] = int(rest.split()[11])
            return ticks

        def work(say):
            self.make("WAL")
            own = host.Database(self.path)
            own.rows("SELECT lumos_exec('CREATE TABLE held(x BIGINT)')")
            doors = (
                f"SELECT c0 FROM lumos_query('{SLOW}')",
                f"SELECT lumos_scalar('{SLOW}')",
                f"SELECT lumos_exec('{SLOW}')",
                f"SELECT lumos_exec('INSERT INTO held {SLOW}')",
            )
            for door in doors:
                db, before, calls = host.Database(self.path), workers(), [0]

                def handler():
                    # Nothing but the function itself takes so long; before it begins, DuckDB hears interrupts.
                    calls[0] += 1
                    new = [t for name, t in (workers().items() if calls[0] % 50 == 0 else ()) if name not in before]
                    return max(new, default=0) >= 20

                host.progress(db, handler, 20)
                self.refused(db, door, "interrupt")
                host.progress(db, None, 0)
                self.assertEqual(db.query(SUM), [(1000,)])
                db.close()
            # The functions have not ended, and hinder nobody who writes meanwhile.
            self.assertEqual(len(workers()), len(doors))
            own.rows("SELECT lumos_exec('INSERT INTO held VALUES (1)')")
            self.assertEqual(own.query("SELECT x FROM held"), [(1,)])
            own.close()
            # As if the process ended: the mirror is there for it as before.
            self.all_there()

        self.alone(work)

    # A mirror that another process has.

    def test_who_waits_for_another_process_is_in_nobodys_way(self):
        for mode in MODES:
            with self.subTest(mode):
                self.alone(lambda say: self.make(mode))
                (hears, says), told = os.pipe(), [False]

                def holds(say):
                    db = host.Database(self.path)
                    db.query("SELECT 1")
                    say("holds")
                    os.read(hears, 1)
                    # Without patience: nobody is in its way.
                    db.rows("PRAGMA busy_timeout = 0")
                    db.rows("INSERT INTO entry VALUES (1000, 'holder')")
                    self.assertEqual(db.query("SELECT who FROM entry"), [("holder",)])
                    db.close()

                def waits(say):
                    db = host.Database(self.path)
                    calls = [0]

                    def handler():
                        calls[0] += 1
                        if calls[0] > 200 and not told[0]:
                            told[0] = True
                            os.write(says, b"!")
                        return 0

                    host.progress(db, handler, 20)
                    self.assertEqual(db.query("SELECT who FROM entry"), [("holder",)])
                    self.assertTrue(told[0], "it did not wait")

                holder = child(holds)
                self.assertEqual(holder[1].readline(), "holds\n")
                self.ends(child(waits), holder)
                os.close(hears), os.close(says)

    def test_a_transaction_from_before_is_no_restored_backup(self):
        self.alone(lambda say: self.make("WAL"))
        (hears, says), = [os.pipe()]

        def began(say):
            db = host.Database(self.path)
            db.rows("BEGIN")
            db.rows("SELECT count(*) FROM entry")
            say("began")
            os.read(hears, 1)
            # The mirror has what was committed later.
            self.assertEqual(db.query("SELECT who FROM entry"), [("other",)])
            self.assertEqual(db.rows("SELECT * FROM entry"), [])
            db.rows("COMMIT")
            self.all_there()

        def other(say):
            db = host.Database(self.path)
            db.rows("INSERT INTO entry VALUES (1, 'other')")
            self.assertEqual(db.query("SELECT who FROM entry"), [("other",)])
            db.close()

        first = child(began)
        self.assertEqual(first[1].readline(), "began\n")
        self.ends(child(other))
        os.write(says, b"!")
        self.ends(first)

    def test_a_restored_backup_is_seen_all_the_same(self):
        def work(say):
            self.make("WAL")
            db = host.Database(self.path)
            db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
            backup = self.path.read_bytes()
            db = host.Database(self.path)
            db.rows("INSERT INTO entry VALUES (1, 'later')")
            db.query("SELECT 1")
            db.close()
            self.path.write_bytes(backup)
            for door in self.DOORS[:4]:
                db = host.Database(self.path)
                self.refused(db, door, "went back behind its mirror", "lumos_resync('*')")
                db.rows("BEGIN")
                db.rows("SELECT count(*) FROM entry")
                self.refused(db, door, "went back behind its mirror", "lumos_resync('*')")
                db.close()

        self.alone(work)


if __name__ == "__main__":
    unittest.main()
