"""A mirror's file is not encrypted: the tables of an encrypted database get into one only by the host's own word.

The hosts are SQLCipher and SQLite3MultipleCiphers, each in a process of its own, and whatever SQLite writes itself,
none of which may be taken for encrypted.
"""

import json
import unittest

import host

# In a process of its own: one SQLite library a process.
HOST = """
import json, os, sys
kind, folder, extension, steps = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
if kind == "sqlcipher":
    from sqlcipher3 import dbapi2
    connect = lambda path: dbapi2.connect(path, isolation_level=None)
else:
    sys.path.insert(0, os.path.join(os.path.dirname(sys.prefix), "sqlite3mc"))
    import apsw
    connect = apsw.Connection
connections = {}
for name, sql in steps:
    db = connections.get(name)
    if db is None:
        db = connections[name] = connect(os.path.join(folder, name.split(":")[0]))
    if sql == "load":
        db.enable_load_extension(True)
        db.load_extension(extension)
        continue
    try:
        print(json.dumps([list(row) for row in db.execute(sql)]))
    except Exception as e:
        print(json.dumps(str(e)))
"""

KEY = "PRAGMA key = 'a secret'"
HOSTS = ["sqlcipher", "sqlite3mc"]
MADE = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (1, 'the marker'), (2, 'more')"]
COUNT = "SELECT c0 FROM lumos_query('SELECT count(*) FROM t')"


class Encrypted(host.Case):
    def run_in(self, kind, *steps):
        """What each step gives, rows or an error's text; a step is a connection's name and a statement."""
        steps = [("a.db", step) if isinstance(step, str) else step for step in steps]
        printed = host.elsewhere(HOST, kind, self.folder, host.EXTENSION, json.dumps(steps))
        return [json.loads(line) for line in printed.splitlines()]

    def mirrors(self):
        return [p.name for p in self.folder.iterdir() if p.name.endswith(".duckdb")]

    def clear(self):
        for path in self.folder.iterdir():
            path.unlink()

    def test_refused_in_a_file_unless_allowed(self):
        for kind in HOSTS:
            for mode in ["delete", "wal"]:
                with self.subTest(kind=kind, mode=mode):
                    self.clear()
                    begin = [KEY, f"PRAGMA journal_mode = {mode}", *MADE, "load"]
                    attempts = ["SELECT lumos_track('*')", COUNT, "SELECT lumos_attach()",
                                "SELECT lumos_attach(NULL, '{\"shared\": true}')", "SELECT lumos_attach(NULL, '{\"plaintext\": false}')"]
                    answers = self.run_in(kind, *begin, *attempts)[-len(attempts):]
                    for attempt, answer in zip(attempts, answers):
                        self.assertIsInstance(answer, str, attempt)
                        for word in ["encrypted", "a.db-lumos.duckdb", ":memory:", "plaintext"]:
                            self.assertIn(word, answer, attempt)
                    self.assertEqual(self.mirrors(), [])
                    self.assertNotIn(b"SQLite format 3", (self.folder / "a.db").read_bytes()[:16])

                    # In memory, and where it is allowed.
                    answers = self.run_in(
                        kind, KEY, "load", "SELECT lumos_attach(':memory:')", "SELECT lumos_track('*')", COUNT, "SELECT lumos_detach()",
                    )
                    self.assertEqual(answers[-2:], [[[2]], [[1]]])
                    self.assertEqual(self.mirrors(), [])
                    answers = self.run_in(
                        kind, KEY, "load", "SELECT lumos_attach(NULL, '{\"plaintext\": true}')", COUNT,
                        "SELECT lumos_attach(NULL, '{\"cache_bytes\": 0}')", COUNT, "SELECT lumos_resync('*')", COUNT,
                    )
                    self.assertEqual(answers[-1], [[2]], answers)
                    self.assertEqual(answers[-3], [[2]], answers)
                    self.assertEqual(self.mirrors(), ["a.db-lumos.duckdb"])
                    # The next connection says so anew.
                    self.assertIn("encrypted", self.run_in(kind, KEY, "load", COUNT)[-1])

    def test_a_database_that_was_empty_when_it_was_attached(self):
        for kind in HOSTS:
            with self.subTest(kind=kind):
                self.clear()
                answers = self.run_in(kind, KEY, "load", "SELECT lumos_attach()", *MADE, "SELECT lumos_track('t')", COUNT)
                self.assertIn("encrypted", answers[-1])
                self.assertIn("encrypted", answers[-2])
                for path in self.folder.iterdir():
                    self.assertNotIn(b"the marker", path.read_bytes(), path)

    def test_a_header_that_is_left_plain(self):
        header = "PRAGMA cipher_plaintext_header_size = 32"
        salt = "PRAGMA cipher_salt = \"x'01010101010101010101010101010101'\""
        answers = self.run_in("sqlcipher", KEY, header, salt, *MADE, "load", COUNT)
        self.assertEqual((self.folder / "a.db").read_bytes()[:16], b"SQLite format 3\0")
        self.assertIn("encrypted", answers[-1])

    def test_a_header_that_is_left_plain_by_each_cipher(self):
        for cipher in ["chacha20", "sqlcipher", "ascon128", "aegis"]:
            with self.subTest(cipher=cipher):
                self.clear()
                header = [f"PRAGMA cipher = '{cipher}'", "PRAGMA plaintext_header_size = 32"]
                answers = self.run_in("sqlite3mc", *header, KEY, *MADE, "load", "SELECT lumos_track('t')", COUNT)
                self.assertEqual((self.folder / "a.db").read_bytes()[:16], b"SQLite format 3\0")
                for answer in answers[-2:]:
                    self.assertIn("encrypted", answer)
                self.assertEqual(self.mirrors(), [])

    def test_a_database_that_gets_a_key_later(self):
        tracked = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "load", "SELECT lumos_track('t')", COUNT]
        calls = [COUNT, "SELECT lumos_sync()", "SELECT lumos_resync('*')", "SELECT lumos_scalar('SELECT max(v) FROM t')"]
        for call in calls:
            with self.subTest(call=call):
                self.clear()
                answers = self.run_in("sqlite3mc", *tracked, "PRAGMA rekey = 'a secret'", *MADE[1:], call, "PRAGMA rekey = ''", COUNT)
                self.assertIn("encrypted", answers[-3])
                # Once it is plain again, all is as before.
                self.assertEqual(answers[-1], [[2]])
                self.clear()
                self.run_in("sqlite3mc", *tracked, "PRAGMA rekey = 'a secret'", *MADE[1:], call)
                for path in self.folder.iterdir():
                    self.assertNotIn(b"the marker", path.read_bytes(), path)

    def test_plain_databases_of_these_hosts(self):
        for kind in HOSTS:
            with self.subTest(kind=kind):
                self.clear()
                answers = self.run_in(kind, *MADE, "load", "SELECT lumos_track('t')", COUNT)
                self.assertEqual(answers[-1], [[2]])


class Plain(host.Case):
    def test_nothing_that_sqlite_writes_is_taken_for_encrypted(self):
        for size in [512, 1024, 4096, 65536]:
            for tables in [1, 100]:
                for mode, encoding in [("delete", "UTF-8"), ("wal", "UTF-16le"), ("memory", "UTF-16be")]:
                    with self.subTest(size=size, tables=tables, mode=mode, encoding=encoding):
                        path = self.folder / f"{size}-{tables}-{mode}.db"
                        db = host.Database(path)
                        db.rows(f"PRAGMA page_size = {size}")
                        db.rows(f"PRAGMA encoding = '{encoding}'")
                        db.rows(f"PRAGMA journal_mode = {mode}")
                        db.rows("SELECT lumos_attach()")
                        for i in range(tables):
                            db.rows(f"CREATE TABLE t{i}(id INTEGER PRIMARY KEY, v)")
                        db.rows("INSERT INTO t0 VALUES (1, 'x')")
                        db.rows("SELECT lumos_track('t0')")
                        self.assertEqual(db.query("SELECT count(*) FROM t0"), [(1,)])
                        db.close()
                        db = host.Database(path)
                        self.assertEqual(db.query("SELECT count(*) FROM t0"), [(1,)])
                        db.close()

    def test_databases_without_a_file(self):
        for path in [":memory:", ""]:
            db = host.Database(path)
            self.addCleanup(db.close)
            db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY)")
            db.rows("SELECT lumos_track('t')")
            self.assertEqual(db.query("SELECT count(*) FROM t"), [(0,)])


if __name__ == "__main__":
    unittest.main()
