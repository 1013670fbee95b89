"""Random writes by two processes, with syncs between, end with the mirror equal to the source."""

import json
import random
import unittest

import host

SEEDS = range(100)
STEPS = 60

SCHEMA = """
PRAGMA foreign_keys = ON;
CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL);
CREATE TABLE b(k TEXT, l INTEGER, v TEXT, PRIMARY KEY (k, l)) WITHOUT ROWID;
CREATE TABLE c(code TEXT NOT NULL PRIMARY KEY, a_id INTEGER REFERENCES a(id) ON DELETE CASCADE, v INTEGER);
CREATE TABLE d(x INTEGER NOT NULL, y INTEGER NOT NULL DEFAULT 0, v BLOB, UNIQUE (x), UNIQUE (y));
"""
SYNCS = ["SELECT lumos_sync()", "SELECT * FROM lumos_query('SELECT count(*) FROM a')"]
TABLES = {"a": 3, "b": 3, "c": 3, "d": 3}

# A process without Lumos: takes statements as lines of JSON, answers each with a line.
WRITER = """
import json, sys, host
db = host.Database(sys.argv[1], load=False)
db.connection.execute("PRAGMA busy_timeout = 0")
db.connection.execute("PRAGMA foreign_keys = ON")
for line in sys.stdin:
    try:
        db.rows(json.loads(line))
        print("ok", flush=True)
    except host.ERROR as error:
        print(error, flush=True)
"""


def statement(draw):
    """A random write to a random table; many meet rows that exist, or break a constraint."""
    i, j = draw.randrange(12), draw.randrange(12)
    text = repr(draw.choice(["x", "y", "é", "", "Z"]) + str(j % 5))
    insert = draw.choice(["INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE"])
    update = draw.choice(["UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE"])
    return draw.choice(
        [
            f"{insert} INTO a VALUES ({i}, {text}, {j}.5)",
            f"{insert} INTO a(name) VALUES ({text})",
            f"{update} a SET name = {text}, n = n + 1 WHERE id = {i}",
            f"{update} a SET id = {j} WHERE id = {i}",
            f"DELETE FROM a WHERE id = {i}",
            f"INSERT INTO a VALUES ({i}, {text}, 0) ON CONFLICT (id) DO UPDATE SET n = n - 1",
            f"{insert} INTO b VALUES ({text}, {i % 3}, {text})",
            f"{update} b SET l = l + {j % 3}, k = {text} WHERE l = {i % 3}",
            f"DELETE FROM b WHERE k > {text}",
            f"{insert} INTO c VALUES ({text}, {draw.choice([i, 'NULL'])}, {j})",
            f"{update} c SET code = {text} WHERE v = {j}",
            f"{insert} INTO d VALUES ({i}, {j}, x'0{i % 10}')",
            f"{insert} INTO d(x) VALUES ({i})",
            f"{update} d SET y = y + 1 WHERE x < {i}",
            f"{update} d SET x = {j}, v = NULL WHERE y = {i}",
            f"DELETE FROM d WHERE x > {i}",
        ]
    )


class Interleaving(host.Case):
    def run_seed(self, seed):
        draw = random.Random(seed)
        path = self.folder / f"{seed}.sqlite"
        db = host.Database(path)
        for line in SCHEMA.strip().splitlines():
            db.rows(line)
        db.rows(f"PRAGMA journal_mode = {draw.choice(['WAL', 'DELETE'])}")
        db.rows("PRAGMA busy_timeout = 0")
        db.rows("SELECT lumos_attach(?, ?)", None, json.dumps({"threads": 1, "auto_sync": seed % 2 == 0}))
        db.rows("SELECT lumos_track('*')")
        open_transaction = {"here": False, "there": False}

        with host.process(WRITER, path) as other:

            def there(sql):
                other.stdin.write(json.dumps(sql) + "\n")
                other.stdin.flush()
                return other.stdout.readline().strip() == "ok"

            def here(sql):
                try:
                    db.rows(sql)
                    return True
                except host.ERROR:
                    return False

            def finish(side, do):
                if open_transaction[side]:
                    # Another reader may be in the way of COMMIT; then nothing was written.
                    do(draw.choice(["COMMIT", "COMMIT", "ROLLBACK"])) or do("ROLLBACK")
                    open_transaction[side] = False

            for _ in range(STEPS):
                side, do = draw.choice([("here", here), ("there", there)])
                action = draw.random()
                if action < 0.12:
                    if open_transaction["here"]:
                        finish("here", here)
                    # A writer that commits just now may be in the way; nothing is lost by that.
                    here(draw.choice(SYNCS))
                elif action < 0.22 and not open_transaction[side]:
                    open_transaction[side] = do("BEGIN")
                elif action < 0.35:
                    finish(side, do)
                else:
                    do(statement(draw))
            finish("here", here)
            finish("there", there)
            other.stdin.close()
            other.wait(20)

        db.rows("PRAGMA busy_timeout = 20000")
        db.rows("SELECT lumos_sync()")
        self.assert_equal_to_source(db, seed)
        db.close()

    def assert_equal_to_source(self, db, seed):
        for table, width in TABLES.items():
            names = [name for (name,) in db.rows(f"SELECT name FROM pragma_table_info('{table}')")]
            columns = ", ".join(names)
            source = db.rows(f"SELECT {columns} FROM {table}")
            mirror = db.query(f"SELECT {columns} FROM {table}", width)
            self.assertEqual(sorted(mirror, key=repr), sorted(source, key=repr), f"seed {seed}, table {table}")

    def test_mirror_equals_source(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.run_seed(seed)


if __name__ == "__main__":
    unittest.main()
