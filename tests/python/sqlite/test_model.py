"""Random schedules of all that SQLite does: after each sync, every tracked table equals its source.

LUMOS_SCHEDULES sets how many are run, LUMOS_FIRST_SCHEDULE the first; `make soak` uses both.
"""

import json
import os
import random
import re
import unittest

import host
import model

# Each driver runs its own half.
FIRST = int(os.environ.get("LUMOS_FIRST_SCHEDULE", 0 if host.DRIVER == "apsw" else 120))
SCHEDULES = int(os.environ.get("LUMOS_SCHEDULES", 120))
STEPS = 60

# What a sync may say while others write or this connection has a transaction open.
EXPECTED = ["database is locked", "database table is locked", "COMMIT or ROLLBACK"]


class Schedule:
    """One seed, run to its end."""

    OPTIONS = {"threads": 1}

    def __init__(self, seed, folder):
        self.seed, self.draw, self.log = seed, random.Random(seed), []
        path = folder / f"{seed}.sqlite"
        self.here, self.beside, self.plain = (host.Database(path, load=load) for load in (True, True, False))
        self.connections = [self.here, self.beside, self.plain]
        self.tables = model.Tables(self.draw, self.plain)

    def run(self):
        draw = self.draw
        self.do(self.plain, f"PRAGMA journal_mode = {draw.choice(['WAL', 'WAL', 'DELETE'])}")
        for db in self.connections:
            self.do(db, "PRAGMA busy_timeout = 0")
            self.do(db, f"PRAGMA trusted_schema = {draw.choice(['on', 'off'])}")
            self.do(db, "PRAGMA synchronous = OFF")
            if host.DRIVER == "apsw":
                db.connection.config(host.apsw.SQLITE_DBCONFIG_DEFENSIVE, draw.choice([0, 1]))
            self.settings(db)
        chosen = set(draw.sample(sorted(model.SCHEMAS), 4))
        chosen |= {"plain"} if "child" in chosen else set()
        for name in sorted(chosen):
            self.do(self.plain, f"CREATE TABLE {model.quote(name)}{model.SCHEMAS[name]}")
        for _ in range(8):
            self.do(self.plain, self.tables.dml())
        self.here.rows("SELECT lumos_attach(NULL, ?)", json.dumps(self.OPTIONS))
        for name in sorted(chosen):
            options = ['{"key": "rowid"}'] if name in model.BY_ROWID else []
            self.here.rows(f"SELECT lumos_track(?{', ?' * len(options)})", name.replace("[", "[[]"), *options)
        for _ in range(STEPS):
            try:
                self.step()
            except host.ERROR as error:
                # A COMMIT that waits for readers keeps new ones out, also the one that looks for tables.
                if "locked" not in str(error):
                    raise
                self.log.append(f"-- {error}")
        for db in self.connections:
            self.do(db, "ROLLBACK" if self.in_transaction(db) else "SELECT 1")
        self.sync(self.here)
        for db in self.connections:
            db.close()

    def do(self, db, sql):
        """Runs a statement that may well fail."""
        self.log.append(f"{self.connections.index(db)}: {sql}")
        try:
            db.rows(sql)
        except host.ERROR as error:
            self.log[-1] += f"  -- {error}"

    def in_transaction(self, db):
        return db.connection.in_transaction

    def settings(self, db):
        self.do(db, f"PRAGMA recursive_triggers = {self.draw.choice(['on', 'off', 'off'])}")
        self.do(db, f"PRAGMA foreign_keys = {self.draw.choice(['on', 'on', 'off'])}")

    def step(self):
        draw = self.draw
        db = draw.choice(self.connections)
        action = draw.random()
        if action < 0.15:
            self.sync(draw.choice([self.here, self.beside]))
        elif action < 0.22:
            self.do(db, draw.choice(["BEGIN", "BEGIN IMMEDIATE"]))
        elif action < 0.34:
            self.do(db, draw.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
        elif action < 0.40:
            self.do(db, draw.choice(["SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"]))
        elif action < 0.42:
            self.do(db, "VACUUM")
        elif action < 0.44:
            self.settings(db)
        elif action < 0.50:
            for sql in self.tables.ddl():
                self.do(db, sql)
        else:
            self.do(db, self.tables.dml())

    def sync(self, db):
        settled = not self.in_transaction(db)
        sql = self.draw.choice(["SELECT lumos_sync()", "SELECT * FROM lumos_query('SELECT 1')", "SELECT lumos_resync('*')"]
                               if self.draw.random() < 0.2 else ["SELECT lumos_sync()"])
        while True:
            self.log.append(f"{self.connections.index(db)}: {sql}")
            try:
                db.rows(sql)
                break
            except host.ERROR as error:
                self.log[-1] += f"  -- {error}"
                out = self.way_out(str(error))
                if any(words in str(error) for words in EXPECTED) or (out and not settled):
                    return
                if out is None or self.log[-1] in self.log[-9:-1]:
                    raise AssertionError(f"{sql}: {error}") from error
                for step in out:
                    self.do(db, step)
        if settled:
            different = model.differences(db)
            if different:
                raise AssertionError("\n".join(different))


    def way_out(self, error):
        """What an error says to do, if it is one that a schedule may meet."""
        if found := re.search(r'table "(.*)", column .* does not fit', error, re.DOTALL):
            return [f"SELECT lumos_resync({model.text(found[1])})"]
        if found := re.search(r'table "(.*)" has no usable key', error):
            name = model.text(found[1])
            return [f"SELECT lumos_untrack({name})", f"""SELECT lumos_track({name}, '{{"key": "rowid"}}')"""]
        return None


class Model(host.Case):
    def test_the_mirror_equals_the_source_after_every_sync(self):
        for seed in range(FIRST, FIRST + SCHEDULES):
            schedule = Schedule(seed, self.folder)
            try:
                schedule.run()
            except Exception as error:
                self.fail(f"seed {seed}: {type(error).__name__}: {error}\n" + "\n".join(schedule.log))


if __name__ == "__main__":
    unittest.main()
