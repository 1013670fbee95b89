"""Random schedules of all that SQLite does: after each sync, every tracked table equals its source.

LUMOS_SCHEDULES sets how many are run, LUMOS_FIRST_SCHEDULE the first; `make soak` uses both. What fails is named
with its seed, which draws the same statements each time, and made as short as it still fails.
"""

import json
import os
import random
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import host
import model

# Each driver runs its own half.
SCHEDULES = int(os.environ.get("LUMOS_SCHEDULES", 500))
FIRST = int(os.environ.get("LUMOS_FIRST_SCHEDULE", 0 if host.DRIVER == "apsw" else SCHEDULES))

# What a sync may say while others write or this connection has a transaction open.
EXPECTED = ["database is locked", "database table is locked", "COMMIT or ROLLBACK"]

# What a schedule does besides SQL.
DEFENSIVE, REMOVE_MIRROR = "-- defensive", "-- detach and remove the mirror"
# The path of a mirror in SQL.
SHARED = "<shared>"
SETTINGS = {"threads": 1, "cache_bytes": 1_000_000}


class Wrong(Exception):
    """The mirror is not the source, or a sync failed that must not."""


class Run:
    """A database in a folder, what writes to it, and all that was done. The connections: two with Lumos, one
    without, and one without to which the database is only attached."""

    HERE, BESIDE, PLAIN, ATTACHED = range(4)

    def __init__(self, folder, shared=None):
        self.log = []
        path = folder / "app.sqlite"
        # For a DuckDB that goes on from one schedule to the next: starting one costs more than a schedule.
        self.shared = shared or folder / "shared.duckdb"
        self.mirror = folder / "app.sqlite-lumos.duckdb"
        self.connections = [host.Database(path, load=load) for load in (True, True, False)]
        self.connections.append(host.Database(":memory:", load=False))
        self.connections[self.ATTACHED].rows("ATTACH ? AS app", str(path))

    def close(self):
        for db in self.connections:
            db.close()

    def in_transaction(self, index):
        return self.connections[index].connection.in_transaction

    def do(self, index, sql):
        """Does something that may well fail; gives the error."""
        self.log.append([index, sql, ""])
        db = self.connections[index]
        try:
            if sql == DEFENSIVE:
                if host.DRIVER == "apsw":
                    db.connection.config(host.apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            elif sql == REMOVE_MIRROR:
                for each in self.connections[:2]:
                    each.rows("SELECT lumos_detach()")
                for file in (self.mirror, Path(f"{self.mirror}.wal")):
                    file.unlink(missing_ok=True)
            else:
                db.rows(sql.replace(SHARED, str(self.shared)))
        except host.ERROR as error:
            self.log[-1][2] = str(error)
        return self.log[-1][2]

    def sync(self, index, sql):
        """Syncs in one way; afterwards the mirror equals the source."""
        settled = not self.in_transaction(index)
        for _ in range(8):
            # A query fails for the tables that it reads alone, a sync for each.
            error = self.do(index, sql) or (self.do(index, SYNC) if settled and sql != SYNC else "")
            if not error:
                break
            out = self.way_out(error)
            if any(words in error for words in EXPECTED) or (out and not settled):
                return
            if out is None:
                raise Wrong(f"{sql}: {error}")
            for step in out:
                if "database is locked" in self.do(index, step):
                    # Another connection is in a transaction; a later sync finds the way.
                    return
        else:
            raise Wrong(f"{sql}: {error}")
        if not settled:
            return
        if different := model.differences(self.connections[index]):
            raise Wrong("\n".join(different))
        self.verify(self.connections[index])

    def verify(self, db):
        """Lumos finds no difference either."""
        try:
            found = db.rows("SELECT * FROM lumos_verify('*')")
        except host.ERROR as error:
            if not any(words in str(error) for words in [*EXPECTED, "is not tracked"]):
                raise Wrong(f"lumos_verify: {error}") from error
            return
        if found:
            raise Wrong(f"lumos_verify: {found}")

    def way_out(self, error):
        """What an error says to do, if it is one that a schedule may meet."""
        if found := re.search(r'table "(.*)", column .* does not fit', error, re.DOTALL):
            name = model.text(found[1])
            # A type that was given, a key, or values of which no type holds all.
            others = f"SELECT lumos_track({name}, '{{\"key\": \"rowid\", \"on_mismatch\": \"widen\"}}')"
            anew = f"SELECT lumos_resync({name})"
            is_second = any(sql == anew and said == error for _, sql, said in self.log[-4:])
            return [others if is_second or "lumos_resync(" not in error else anew]
        if found := re.search(r'table "(.*)" has no PRIMARY KEY or UNIQUE constraint of exactly', error):
            name = model.text(found[1])
            return [f"SELECT lumos_untrack({name})", f"SELECT lumos_track({name})"]
        if found := re.search(r'tables "(.*)" and ".*" have the name', error):
            return [f"SELECT lumos_untrack({model.text(found[1])})"]
        # Of two mirrors, one sees that the other's connection ended all tracking.
        if "lumos_resync('*')" in error and any("':memory:'" in sql for _, sql, _ in self.log):
            return ["SELECT lumos_resync('*')"]
        return None

    def text(self):
        return "\n".join(f"{index}: {sql}" + (f"  -- {error}" if error else "") for index, sql, error in self.log)


SYNC = "SELECT lumos_sync()"
SYNCS = [SYNC] * 7 + ["SELECT * FROM lumos_query('SELECT 1')", "SELECT lumos_resync('*')"]


class Schedule(Run):
    """One seed, run to its end."""

    # In memory each connection has a mirror of its own, so that there are two of one database.
    PLACES = ["NULL", "':memory:'"] + [f"'{SHARED}'"] * 8
    OPTIONS = SETTINGS

    def __init__(self, seed, folder, shared=None):
        super().__init__(folder, shared)
        self.alone = shared is None
        self.draw = random.Random(seed)
        self.tables = model.Tables(self.draw, self.connections[self.PLAIN])

    def run(self):
        draw = self.draw
        self.do(self.PLAIN, f"PRAGMA journal_mode = {draw.choice(['WAL', 'WAL', 'DELETE'])}")
        for index in range(4):
            self.do(index, "PRAGMA busy_timeout = 0")
            self.do(index, f"PRAGMA trusted_schema = {draw.choice(['on', 'off'])}")
            self.do(index, "PRAGMA synchronous = OFF")
            if draw.random() < 0.5:
                self.do(index, DEFENSIVE)
            self.settings(index)
        chosen = set(draw.sample(sorted(model.SCHEMAS), draw.choice([1, 2, 3])))
        chosen |= {"plain"} if "child" in chosen else set()
        for name in sorted(chosen):
            self.do(self.PLAIN, f"CREATE TABLE {model.quote(name)}{model.SCHEMAS[name]}")
        for _ in range(6):
            self.do(self.PLAIN, self.tables.dml())
        self.place = draw.choice(self.PLACES)
        for index in [self.HERE, self.BESIDE]:
            self.do(index, f"SELECT lumos_attach({self.place}, {model.text(json.dumps(self.OPTIONS))})")
        self.do(self.HERE, "SELECT lumos_track('*')")
        for name in sorted(chosen):
            if draw.random() < 0.4:
                self.track(name)
        for _ in range(draw.randint(8, 36)):
            try:
                self.step()
            except host.ERROR as error:
                # A COMMIT that waits for readers keeps new ones out, also the one that looks for tables.
                if "locked" not in str(error):
                    raise
        for index in range(4):
            if self.in_transaction(index):
                self.do(index, "ROLLBACK")
        self.sync(draw.choice([self.HERE, self.BESIDE]), SYNC)
        # The next schedule finds an empty mirror.
        if not self.alone and "not tracked" not in (error := self.do(self.HERE, "SELECT lumos_untrack('*')")) and error:
            raise Wrong(error)

    def settings(self, index):
        self.do(index, f"PRAGMA recursive_triggers = {self.draw.choice(['on', 'off', 'off'])}")
        self.do(index, f"PRAGMA foreign_keys = {self.draw.choice(['on', 'on', 'off'])}")

    def track(self, name):
        given = model.options(self.draw, self.connections[self.PLAIN], name) if self.draw.random() < 0.7 else {}
        if not self.do(self.HERE, f"SELECT lumos_track({model.text(name)}, {model.text(json.dumps(given))})"):
            return
        # Refused: without options.
        self.do(self.HERE, f"SELECT lumos_track({model.text(name)})")

    def step(self):
        draw = self.draw
        index, action = draw.randrange(4), draw.random()
        if index == self.ATTACHED and action < 0.56 and not 0.15 < action < 0.40:
            # It sees the tables, but a new one would be its own.
            action = 1
        if action < 0.15:
            self.sync(draw.choice([self.HERE, self.BESIDE]), draw.choice(SYNCS))
        elif action < 0.22:
            self.do(index, draw.choice(["BEGIN", "BEGIN IMMEDIATE"]))
        elif action < 0.34:
            self.do(index, draw.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
        elif action < 0.40:
            self.do(index, draw.choice(["SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"]))
        elif action < 0.42:
            self.do(index, "VACUUM")
        elif action < 0.44:
            self.settings(index)
        elif action < 0.46:
            self.do(self.HERE, REMOVE_MIRROR if self.place == "NULL" else self.tables.dml())
        elif action < 0.48:
            name = self.tables.name()
            self.do(self.HERE, f"SELECT lumos_untrack({model.text(name)})")
            if draw.random() < 0.7:
                self.track(name)
        elif action < 0.56:
            for sql in self.tables.ddl():
                self.do(index, sql)
        else:
            self.do(index, self.tables.dml())


def outcome(run, body):
    """Why a run is wrong, or None."""
    try:
        body(run)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        run.close()
    return None


def again(log, folder):
    """What comes of the same statements once more."""

    def body(run):
        for index, sql, _ in log:
            if sql in SYNCS:
                run.sync(index, sql)
            else:
                run.do(index, sql)

    with tempfile.TemporaryDirectory(dir=folder) as inner:
        run = Run(Path(inner))
        return outcome(run, body), run


def shortened(log, folder):
    """A part of the statements that still fails, and how."""
    log, shortest = list(log), None
    size = len(log) // 2
    while size:
        at = len(log) - size
        while at >= 0:
            part = log[:at] + log[at + size:]
            wrong, run = again(part, folder)
            if wrong:
                log, shortest = part, f"{wrong}\n{run.text()}"
            at -= size
        size //= 2
    return shortest or "does not fail when done once more"


class Model(host.Case):
    def test_the_mirror_equals_the_source_after_every_sync(self):
        shared = self.folder / "shared.duckdb"
        keeper = self.open(":memory:")
        keeper.rows("SELECT lumos_attach(?, ?)", str(shared), json.dumps(SETTINGS))
        for seed in range(FIRST, FIRST + SCHEDULES):
            folder = self.folder / str(seed)
            folder.mkdir()
            schedule = Schedule(seed, folder, shared)
            if wrong := outcome(schedule, Schedule.run):
                self.fail(
                    f"seed {seed} (LUMOS_FIRST_SCHEDULE={seed} LUMOS_SCHEDULES=1): {wrong}\n{schedule.text()}\n\n"
                    f"shortened: {shortened(schedule.log, self.folder)}"
                )
            shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main()
