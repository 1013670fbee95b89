"""How the mirrored rows lie: sorted by lumos_optimize, in files by lumos_tier, whatever ends these on their way."""

import json
import os
import random
import resource
import signal
import time
import unittest

import host
import model
import test_model
from host import child

FIRST = int(os.environ.get("LUMOS_FIRST_SCHEDULE", 0 if host.DRIVER == "apsw" else 1_000))
SCHEDULES = int(os.environ.get("LUMOS_SCHEDULES", 25))
KILLS = int(os.environ.get("LUMOS_KILL_ROUNDS", 20))

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
        with host.interrupts(db, after=1, by="handler"):
            db.rows("""SELECT lumos_optimize('event', '{"order_by": "day"}')""")
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


class Tier(Layout):
    """A folder `cold` beside the database, and a table with old rows in it."""

    def setUp(self):
        super().setUp()
        self.cold = self.folder / "cold"
        self.cold.mkdir()

    def attach(self, db):
        db.rows("SELECT lumos_attach(NULL, json_object('allow_files', json_array(?)))", str(self.folder))
        return db

    def begin(self, rows=20_000):
        db = self.attach(self.start(rows))
        self.addCleanup(db.close)
        db.rows("SELECT lumos_track('event')")
        self.tier(db)
        return db

    def tier(self, db, older_than="2022-01-01"):
        return db.rows("SELECT lumos_tier('event', 'day', ?, ?, ?)", older_than, str(self.cold), '{"partition_by": "year"}')

    def files(self):
        return sorted(self.cold.iterdir())

    def same(self, db):
        self.assertEqual(model.differences(db), [])

    def test_rows_in_files_that_change(self):
        db = self.begin()
        self.assertEqual(len(self.files()), 2)
        self.assertEqual(db.query("SELECT count(*) FROM event"), [(20_000,)])
        for statement in [
            "UPDATE event SET note = 'new' WHERE id < 100",
            "UPDATE event SET day = '2023-05-05' WHERE id BETWEEN 100 AND 200",
            "UPDATE event SET day = '2020-05-05' WHERE id BETWEEN 150 AND 250",
            "DELETE FROM event WHERE id BETWEEN 300 AND 320",
            "INSERT INTO event VALUES (310, '2020-02-02', 1.5, 'again'), (311, '2030-02-02', 1.5, NULL)",
            "REPLACE INTO event VALUES (400, '2020-02-02', NULL, 'replaced'), (30000, '2020-02-02', 0, 'old and new')",
            "UPDATE event SET id = id + 100000 WHERE id BETWEEN 500 AND 600",
            "INSERT INTO event VALUES (510, '2021-02-02', 9, 'in the place of another')",
            "DELETE FROM event WHERE id % 3 = 0",
        ]:
            db.rows(statement)
            self.same(db)
        before = self.files()
        db.rows("SELECT lumos_tier_run('2026-01-01')")
        self.same(db)
        self.assertEqual((len(self.files()), set(self.files()) & set(before)), (2, set()))
        old = "SELECT count(*) FROM event WHERE day < '2022-01-01'"
        self.assertEqual(db.query(old), db.rows(old))
        self.assertEqual(db.value("SELECT lumos_scalar('SELECT count(*) FROM _lumos_data.event')"),
                         db.value("SELECT count(*) FROM event WHERE day >= '2022-01-01'"))
        # Another process knows the files without being told the folder, and may not read others there.
        db.rows("SELECT lumos_detach()")
        self.assertEqual(host.elsewhere(
            "import sys, host, model\n"
            "db = host.Database(sys.argv[1])\n"
            "print(model.differences(db), db.query('SELECT count(*) > 1000 FROM event'))\n"
            "try: db.query(f\"FROM read_text('{sys.argv[2]}/x')\")\n"
            "except host.ERROR as e: print('disabled' in str(e))\n"
            "try: db.rows(\"SELECT lumos_tier_run('2026-01-01')\")\n"
            "except host.ERROR as e: print('allow_files' in str(e))",
            self.path, self.cold), "[] [(1,)]\nTrue\nTrue")

    def test_a_copy_and_the_end_of_tracking_remove_the_files(self):
        db = self.begin()
        foreign = self.cold / "event-2020-mine.parquet"
        foreign.write_bytes(b"mine")
        db.rows("SELECT lumos_resync('event')")
        self.assertEqual(self.files(), [foreign])
        self.same(db)
        db.rows("SELECT lumos_tier_run('2026-01-01')")
        self.assertEqual(len(self.files()), 3)
        db.rows("ALTER TABLE event ADD COLUMN more DATE")
        db.rows("UPDATE event SET more = day WHERE id < 10")
        self.same(db)
        db.rows("SELECT lumos_tier_run('2026-01-01')")
        db.rows("ALTER TABLE event RENAME TO happening")
        self.assertEqual(db.query("SELECT count(*), count(more) FROM happening", 2), [(20_000, 9)])
        self.same(db)
        db.rows("SELECT lumos_tier_run('2026-01-01')")
        self.same(db)
        db.rows("SELECT lumos_untrack('*')")
        self.assertEqual(self.files(), [foreign])

    def test_a_query_that_reads_keeps_its_files(self):
        db = self.begin(200_000)
        rows = iter(db.connection.execute("SELECT c0 FROM lumos_query('SELECT id FROM event')"))
        first = [next(rows)[0] for _ in range(10)]
        other = self.attach(self.open())
        other.rows("DELETE FROM event WHERE id = 5")
        before = self.files()
        other.rows("SELECT lumos_tier_run('2026-01-01')")
        self.assertLess(set(before), set(self.files()) | {None})
        self.assertEqual(len({*first, *(i for (i,) in rows)}), 200_000)
        other.rows("SELECT lumos_tier_run('2026-01-01')")
        self.assertEqual(len(self.files()), 2)
        self.same(other)

    def test_damaged_and_missing_files_are_errors_with_a_way_out(self):
        draw = random.Random(11)
        db = self.begin()
        db.rows("CREATE TABLE other(id INTEGER PRIMARY KEY)")
        db.rows("SELECT lumos_track('other')")
        self.tier(db)
        for number in range(8):
            file = draw.choice(self.files())
            whole = file.read_bytes()
            if number % 4 == 0:
                file.unlink()
            elif number % 4 == 1:
                file.write_bytes(whole[: draw.randrange(len(whole))])
            else:
                changed = bytearray(whole)
                changed[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
                file.write_bytes(changed)
            words = (str(file), "is missing" if number % 4 == 0 else "was changed", "lumos_resync('event')")
            self.refused(db, "SELECT * FROM lumos_query('SELECT sum(amount) FROM event WHERE id <> 3')", *words)
            self.refused(db, "SELECT lumos_tier_run('2026-01-01')", *words)
            self.refused(db, "SELECT lumos_untier('event')", *words)
            # SQLite has the rows; other tables, and changes of this one, are as ever.
            total = "SELECT sum(amount) FROM event"
            self.assertEqual(db.rows("SELECT c0 FROM lumos_auto(?)", total), db.rows(total))
            db.rows("INSERT INTO other DEFAULT VALUES")
            db.rows("UPDATE event SET amount = -1 WHERE id = ?", number + 1)
            self.assertEqual(db.query("SELECT count(*) FROM other"), [(number + 1,)])
            if number % 2:
                db.rows("SELECT lumos_resync('event')")
            else:
                # Put back it has another time, and the same content.
                file.write_bytes(whole)
            self.same(db)
            db.rows("SELECT lumos_tier_run('2026-01-01')")
            self.same(db)
            self.assertEqual(len(self.files()), 2)

    def test_interrupt_and_full_disk_leave_all_as_it_was(self):
        db = self.begin(400_000)
        db.rows("SELECT lumos_untier('event')")
        for after in (1, 2, 3):
            with host.interrupts(db, after, by="handler"):
                self.tier(db)
            self.assertEqual(self.files(), [])
        self.same(db)
        db.rows("SELECT lumos_detach()")

        def small_files(say):
            db = self.attach(host.Database(self.path))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            self.refused(db, "SELECT lumos_tier('event', 'day', '2023-01-01', ?)", "lumos_tier: ", values=(str(self.cold),))
            self.assertEqual(self.files(), [])
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.same(db)

        self.checked(small_files)

    def test_kill_at_random_times(self):
        self.checked(lambda say: self.attach(self.start(100_000)).rows("SELECT lumos_track('event')"))
        draw = random.Random(5)

        def work(seed):
            def run(say):
                db, draw = self.attach(host.Database(self.path)), random.Random(seed)
                db.rows("SELECT lumos_sync()")
                say("begun")
                while True:
                    self.tier(db, draw.choice(["2021-01-01", "2022-01-01", "2023-01-01"]))
                    first = draw.randrange(100_000)
                    db.rows("UPDATE event SET amount = amount + 1, day = date(day, '+1 month') WHERE id BETWEEN ? AND ?", first, first + 500)
                    db.rows("DELETE FROM event WHERE id = ?", draw.randrange(100_000))
                    if draw.random() < 0.2:
                        db.rows(draw.choice(["SELECT lumos_untier('event')", "SELECT lumos_resync('event')"]))
            return run

        def check(say):
            db = self.attach(host.Database(self.path))
            total = "SELECT count(*), sum(id), sum(amount), sum(length(note)), count(DISTINCT day) FROM event"
            self.assertEqual(db.query(total, 5), db.rows(total))
            self.tier(db)
            self.assertEqual(db.query(total, 5), db.rows(total))
            self.assertEqual(len(self.files()), db.value("SELECT lumos_scalar('SELECT count(*) FROM _lumos.files')"))

        for number in range(KILLS):
            self.killed(work(number), draw.random() * 0.7)
            self.checked(check)

    def test_random_schedules(self):
        """Tables with all kinds of keys whose rows are moved at random times."""
        moved = 0
        for seed in range(FIRST, FIRST + SCHEDULES):
            folder = self.folder / str(seed)
            folder.mkdir()
            schedule = Tiered(seed, folder)
            if wrong := test_model.outcome(schedule, Tiered.run):
                self.fail(f"seed {seed}: {wrong}\n{schedule.text()}")
            moved += schedule.moved
        self.assertGreater(moved, SCHEDULES)


class Tiered(test_model.Schedule):
    """A schedule that moves rows before it syncs."""

    PLACES = ["NULL"]

    def __init__(self, seed, folder):
        super().__init__(seed, folder)
        self.cold, self.moved = str(folder), 0
        self.OPTIONS = {"threads": 1, "allow_files": [self.cold]}

    def move(self):
        draw = self.draw
        if draw.random() < 0.7:
            table = self.tables.name()
            column, declared, _ = draw.choice(self.tables.columns(table))
            value = model.literal(draw, declared)
            return f"SELECT lumos_tier({model.text(table)}, {model.text(column)}, {value}, {model.text(self.cold)})"
        if draw.random() < 0.7:
            return "SELECT lumos_tier_run('2024-02-10')"
        return f"SELECT lumos_untier({model.text(self.tables.name())})"

    def sync(self, index, sql):
        self.log.append([index, self.move(), ""])
        try:
            answer = json.loads(str(self.connections[index].value(self.log[-1][1])))
            reports = answer if isinstance(answer, list) else [answer] if isinstance(answer, dict) else []
            self.moved += sum(report["rows"] for report in reports)
        except host.ERROR as error:
            # No such column, no such value, a transaction that is open: many a call cannot be.
            self.log[-1][2] = str(error)
        super().sync(index, sql)


if __name__ == "__main__":
    unittest.main()
