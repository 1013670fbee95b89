"""`kill -9` of the writer and of the process that syncs, at random times: after reopening, the mirror equals the
source, and the source has every committed row.

This process forks all others and never opens a mirror itself, so that each child starts as fresh as a program.
"""

import os
import random
import signal
import time
import unittest

import host
import model

ROUNDS = int(os.environ.get("LUMOS_KILL_ROUNDS", 60))

SCHEMA = [
    "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT NOT NULL)",
    "CREATE TABLE entry(code TEXT NOT NULL PRIMARY KEY, account INT, amount INT) WITHOUT ROWID",
    "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "INSERT INTO account SELECT value, 0 FROM json_each('[0,1,2,3,4,5,6,7,8,9]')",
]


def child(work):
    """Forks a process that does `work(say)`; `say` sends a line to what this gives beside the process id."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        signal.alarm(60)
        code = 1
        try:
            work(lambda line: os.write(write, f"{line}\n".encode()))
            code = 0
        except BaseException as error:
            os.write(write, f"failed: {type(error).__name__}: {error}\n".encode())
        os._exit(code)
    os.close(write)
    return process, os.fdopen(read)


def transfer(db, draw, code):
    """One transaction that keeps the sum of the entries equal to that of the balances."""
    account, amount = draw.randrange(10), draw.randrange(1, 100)
    db.rows("BEGIN IMMEDIATE")
    db.rows("INSERT INTO entry VALUES (?, ?, ?)", code, account, amount)
    db.rows("UPDATE account SET balance = balance + ? WHERE id = ?", amount, account)
    db.rows("REPLACE INTO tag(name) VALUES (?)", f"tag {account}")
    db.rows("COMMIT")


def write(path, seed, say):
    """Writes without Lumos until killed."""
    db, draw, n = host.Database(path, load=False), random.Random(seed), 0
    while True:
        transfer(db, draw, f"{seed}-{n}")
        say(f"{seed}-{n}")
        n += 1
        if n % 40 == 1:
            for statement in ["BEGIN IMMEDIATE", "DROP TABLE tag", SCHEMA[2], "COMMIT"]:
                db.rows(statement)
        if n % 40 == 20:
            db.rows(f"ALTER TABLE tag ADD COLUMN {model.quote(f'c{seed} {n}')} INT DEFAULT {n}")
        if draw.random() < 0.7:
            time.sleep(draw.random() / 100)


def sync(path, seed, say):
    """Writes a little and syncs until killed."""
    db, draw, n = host.Database(path), random.Random(seed), 0
    while True:
        say("synced")
        if draw.random() < 0.5:
            transfer(db, draw, f"{seed}-{n}")
            say(f"{seed}-{n}")
            n += 1
        work = draw.random()
        if work < 0.05:
            db.rows("SELECT lumos_resync(?)", draw.choice(["*", "tag"]))
        elif work < 0.1:
            db.rows("SELECT lumos_untrack('tag')")
            db.rows("SELECT lumos_track('*')")
        elif work < 0.15:
            db.rows("SELECT lumos_detach()")
        else:
            # Of one snapshot, whatever others write: the sums are equal.
            (sums,) = db.query("SELECT (SELECT sum(balance) FROM account), (SELECT coalesce(sum(amount), 0) FROM entry)", 2)
            assert sums[0] == sums[1], f"not one snapshot: {sums}"


def check(path, committed, say):
    """The mirror opens, takes what was committed, and equals the source."""
    db = host.Database(path)
    db.rows("SELECT lumos_sync()")
    db.rows("SELECT lumos_track('*')")
    different = model.differences(db)
    assert not different, different
    there = {code for (code,) in db.query("SELECT code FROM entry")}
    lost = [code for code in committed if code not in there]
    assert not lost, f"lost: {lost}"
    assert db.value("PRAGMA integrity_check") == "ok"


class Kill(host.Case):
    def test_kill_at_random_times(self):
        path = self.folder / "app.sqlite"
        draw = random.Random(host.DRIVER)
        db = host.Database(path, load=False)
        db.rows(f"PRAGMA journal_mode = {'WAL' if host.DRIVER == 'apsw' else 'DELETE'}")
        for statement in SCHEMA:
            db.rows(statement)
        db.close()
        self.end(child(lambda say: host.Database(path).rows("SELECT lumos_track('*')")))
        committed, synced = set(), 0
        for number in range(ROUNDS):
            children = [child(lambda say, work=work, side=side: work(path, f"{number}{side}", say))
                        for side, work in [("w", write), ("s", sync)]]
            # Long enough for the second child to open the mirror, mostly.
            time.sleep(0.05 + draw.random() * 0.4)
            draw.shuffle(children)
            for process, _ in children:
                os.kill(process, signal.SIGKILL)
            for process, lines in children:
                with lines:
                    said = lines.read().splitlines()
                os.waitpid(process, 0)
                # A line may be cut off by the kill; others are commits.
                self.assertEqual([line for line in said if line.startswith("failed")], [], f"round {number}")
                synced += said.count("synced")
                committed.update(line for line in said if line != "synced")
            self.end(child(lambda say: check(path, committed, say)), f"round {number}")
        self.assertGreater(len(committed), ROUNDS)
        self.assertGreater(synced, ROUNDS)

    def end(self, process, what="setup"):
        process, lines = process
        with lines:
            said = lines.read()
        self.assertEqual((os.waitpid(process, 0)[1], said), (0, ""), what)


if __name__ == "__main__":
    unittest.main()
