"""`kill -9` of the writer and of the process that syncs, at each step and at random times: after reopening, the
mirror equals the source, and the source has every committed row. A step that fails leaves both as they were.

This process forks all others and never opens a mirror itself, so that each child starts as fresh as a program.
"""

import json
import os
import pathlib
import random
import re
import signal
import time
import unittest

import host
import model
from host import child

RANDOM_ROUNDS = int(os.environ.get("LUMOS_KILL_ROUNDS", 40))
# The n-th time that a step is reached.
TIMES = range(1, 1 + int(os.environ.get("LUMOS_KILL_TIMES", 1)))

# Lumos with the steps of `fault!` in it.
WITH_FAULTS = str(pathlib.Path(host.EXTENSION).with_name("lumos-faults"))
SOURCE = pathlib.Path(host.__file__).parents[2] / "sqlite-ext" / "src"
STEPS = sorted({step for file in SOURCE.rglob("*.rs") for step in re.findall(r'^ *fault!\("(.*)"\)', file.read_text(), re.M)})

TAG = "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT UNIQUE)"
SCHEMA = [
    "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT NOT NULL)",
    "CREATE TABLE entry(code TEXT NOT NULL PRIMARY KEY, account INT, amount INT) WITHOUT ROWID",
    TAG,
    "CREATE TABLE many(id INTEGER PRIMARY KEY, n INT)",
    "INSERT INTO account SELECT value, 0 FROM json_each('[0,1,2,3,4,5,6,7,8,9]')",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2500) INSERT INTO many SELECT i, i FROM n",
]


def transfer(db, draw, code):
    """One transaction that keeps the sum of the entries equal to that of the balances."""
    account, amount = draw.randrange(10), draw.randrange(1, 100)
    db.rows("BEGIN IMMEDIATE")
    db.rows("INSERT INTO entry VALUES (?, ?, ?)", code, account, amount)
    db.rows("UPDATE account SET balance = balance + ? WHERE id = ?", amount, account)
    db.rows("REPLACE INTO tag(name) VALUES (?)", f"tag {account}")
    db.rows("COMMIT")


def alter(db):
    """Adds a column, or once there are some drops one; renames another."""
    db.rows("BEGIN IMMEDIATE")
    last, count = db.rows("SELECT name, cid FROM pragma_table_info('tag') ORDER BY cid")[-1]
    if count < 4:
        db.rows(f"ALTER TABLE tag ADD COLUMN c{count} INT DEFAULT 7")
    else:
        db.rows(f"ALTER TABLE tag DROP COLUMN {last}" if last[0] == "d" else f"ALTER TABLE tag RENAME COLUMN {last} TO d{count}")
    db.rows("COMMIT")


def write(path, seed, say):
    """Writes without Lumos until killed."""
    db, draw, n = host.Database(path, load=False), random.Random(seed), 0
    while True:
        transfer(db, draw, f"{seed}-{n}")
        say(f"{seed}-{n}")
        n += 1
        if n % 40 == 1:
            for statement in ["BEGIN IMMEDIATE", "DROP TABLE tag", TAG, "COMMIT"]:
                db.rows(statement)
        if n % 40 == 20:
            alter(db)
        if draw.random() < 0.7:
            time.sleep(draw.random() / 100)


def work(db, draw, say, seed):
    """Writes a little and syncs in all ways, until killed."""
    number = iter(range(10**9))
    (file,) = db.rows("SELECT file FROM pragma_database_list WHERE name = 'main'")[0]
    cold = pathlib.Path(file).with_name("cold")
    cold.mkdir(exist_ok=True)

    def one_snapshot():
        # Whatever others write: the sums are equal.
        (sums,) = db.query("SELECT (SELECT sum(balance) FROM account), (SELECT coalesce(sum(amount), 0) FROM entry)", 2)
        assert sums[0] == sums[1], f"not one snapshot: {sums}"

    def rename():
        db.rows("ALTER TABLE many RENAME TO renamed")
        one_snapshot()
        db.rows("ALTER TABLE renamed RENAME TO many")

    def misfit():
        db.rows("INSERT INTO many VALUES (-1, 'does not fit')")
        try:
            db.rows("SELECT lumos_sync()")
        except host.ERROR as error:
            if "the step" in str(error):
                raise
        db.rows("DELETE FROM many WHERE id = -1")
        db.rows("SELECT lumos_sync()")

    def tier():
        db.rows("SELECT lumos_detach()")
        db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(cold)]}))
        db.rows("SELECT lumos_tier('many', 'n', ?, ?)", draw.randrange(500, 3000), str(cold))

    steps = [
        tier,
        tier,
        lambda: db.rows("SELECT lumos_untier('many')"),
        lambda: db.rows("SELECT lumos_optimize(NULL)"),
        # More than the log keeps.
        lambda: [db.rows("UPDATE many SET n = n + 1") for _ in range(5)],
        lambda: alter(db),
        misfit,
        rename,
        lambda: db.rows("SELECT lumos_resync('*')"),
        # A step that failed while all were tracked may have left it out.
        lambda: [db.rows(f"SELECT {call}('tag')") for call in ["lumos_track", "lumos_resync"]],
        lambda: [db.rows(f"SELECT {call}") for call in ["lumos_track('tag')", "lumos_untrack('tag')", "lumos_track('*')"]],
        lambda: [db.rows(f"SELECT {call}") for call in ["lumos_untrack('*')", "lumos_track('*')"]],
        lambda: db.rows("SELECT lumos_detach()"),
    ] + [one_snapshot] * 6
    while True:
        draw.shuffle(steps)
        for step in steps:
            if draw.random() < 0.5:
                code = f"{seed}-{next(number)}"
                transfer(db, draw, code)
                say(code)
            step()
            say("synced")


def check(db, committed):
    """The mirror takes what was committed, and equals the source."""
    if db.rows("SELECT 1 FROM sqlite_schema WHERE name = 'renamed'"):
        db.rows("ALTER TABLE renamed RENAME TO many")
    db.rows("DELETE FROM many WHERE id = -1")
    db.rows("SELECT lumos_sync()")
    db.rows("SELECT lumos_track('*')")
    different = model.differences(db) or db.rows("SELECT * FROM lumos_verify('*')")
    assert not different, different
    there = {code for (code,) in db.query("SELECT code FROM entry")}
    lost = [code for code in committed if code not in there]
    assert not lost, f"lost: {lost}"
    assert db.value("PRAGMA integrity_check") == "ok"


class Kill(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.draw = random.Random(host.DRIVER)
        self.committed, self.synced, self.kills = set(), 0, 0
        db = host.Database(self.path, load=False)
        db.rows(f"PRAGMA journal_mode = {'WAL' if host.DRIVER == 'apsw' else 'DELETE'}")
        for statement in SCHEMA:
            db.rows(statement)
        db.close()

    def open_and_check(self, **options):
        db = host.Database(self.path, **options)
        check(db, self.committed)
        return db

    def round(self, number, step=None):
        """One process checks what the last round left and goes on to write and sync, another writes: both are
        killed, the first at the step or else at a random time."""

        def sync(say):
            db = self.open_and_check(extension=WITH_FAULTS)
            say("checked")
            if step:
                os.environ["LUMOS_FAULT"] = f"{step[0]} kill {step[1]}"
            work(db, random.Random(number), say, f"{number}s")

        syncing = child(sync)
        said = [syncing[1].readline().strip()]
        children = [syncing]
        if said == ["checked"]:
            children.append(child(lambda say: write(self.path, f"{number}w", say)))
            if step is None:
                # After some of its steps, so that a slow machine kills no earlier.
                steps = self.draw.randrange(4)
                while said.count("synced") < steps and (line := syncing[1].readline().strip()):
                    said.append(line)
                time.sleep(self.draw.random() * 0.1)
            self.draw.shuffle(children)
        for process, lines in children:
            if step is None or process != syncing[0]:
                os.kill(process, signal.SIGKILL)
            with lines:
                said += lines.read().splitlines()
            status = os.waitpid(process, 0)[1]
            # A line may be cut off by the kill; others are commits.
            self.assertEqual([line for line in said if line.startswith("failed")], [], f"round {number}, {step}")
            self.assertEqual(status, signal.SIGKILL, f"round {number}: {step} is not reached")
            self.kills += 1
        self.synced += said.count("synced")
        self.committed.update(line for line in said if line not in ("synced", "checked"))

    def end(self):
        self.in_child(lambda say: self.open_and_check())

    def in_child(self, work):
        process, lines = child(work)
        with lines:
            said = lines.read()
        self.assertEqual((os.waitpid(process, 0)[1], said), (0, ""))

    def test_kill_at_each_step(self):
        self.assertGreater(len(STEPS), 20)
        for number, (step, time) in enumerate((step, time) for step in STEPS for time in TIMES):
            self.round(number, (time, step))
        self.end()
        self.assertEqual(self.kills, 2 * len(STEPS) * len(TIMES))

    def test_kill_at_random_times(self):
        for number in range(RANDOM_ROUNDS):
            self.round(number)
        self.end()
        self.assertGreater(len(self.committed), RANDOM_ROUNDS)
        self.assertGreater(self.synced, RANDOM_ROUNDS)

    def test_a_step_that_fails(self):
        def fail(say):
            db = self.open_and_check(extension=WITH_FAULTS)
            for step in STEPS:
                for time in TIMES:
                    os.environ["LUMOS_FAULT"] = f"{time} error {step}"
                    try:
                        work(db, random.Random(time), lambda line: None, f"{step} {time}")
                    except host.ERROR as error:
                        assert f"the step {step} failed" in str(error), error
                    del os.environ["LUMOS_FAULT"]
                    assert not db.connection.in_transaction, f"{step} {time}: a transaction is left open"
                    check(db, [])

        self.in_child(fail)


if __name__ == "__main__":
    unittest.main()
