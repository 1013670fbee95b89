"""Lumos in SQLite beside Python's own `duckdb`, in one process and in two."""

import os
import struct
import unittest

import duckdb
import host

BOTH = """
import os, sys
order, flags, path = sys.argv[1:]
if flags == "global":
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)
def theirs():
    global duckdb
    import duckdb
    assert duckdb.sql("SELECT sum(range) FROM range(100000)").fetchall() == [(4999950000,)]
def ours():
    global db, host
    import host
    db = host.Database(path)
    db.rows("SELECT lumos_track('*')")
    assert db.query("SELECT sum(Total) FROM Invoice") == [(2328.6,)]
for use in ([theirs, ours] if order == "duckdb first" else [ours, theirs]) * 2:
    use()
theirs = duckdb.sql("SELECT version()").fetchall()[0][0]
print(theirs, db.query("SELECT version()")[0][0])
try:
    duckdb.sql("SELECT error('theirs')").fetchall()
except duckdb.Error as error:
    assert "theirs" in str(error)
try:
    db.query("SELECT error('ours')")
except host.ERROR as error:
    assert "ours" in str(error)
db.close()
assert duckdb.sql("SELECT 1").fetchall() == [(1,)]
"""

HOLD = """
import sys, duckdb
db = duckdb.connect(sys.argv[1])
db.execute("CREATE TABLE IF NOT EXISTS t(i INT)")
print("open", flush=True)
sys.stdin.read()
"""

OPEN = """
import sys, duckdb
try:
    duckdb.connect(sys.argv[1])
    print("opened")
except duckdb.Error as error:
    print(error)
"""


class BothUsed(host.Case):
    def test_in_either_order_with_local_and_global_symbols(self):
        for order in ["duckdb first", "lumos first"]:
            for flags in ["local", "global"]:
                with self.subTest(order=order, flags=flags):
                    versions = host.elsewhere(BOTH, order, flags, self.path)
                    self.assertEqual(versions.split()[0].lstrip("v"), duckdb.__version__)


class Guard(host.Case):
    def refuses(self, *words):
        db = self.open()
        db.rows("PRAGMA busy_timeout = 50")
        self.refused(db, "SELECT lumos_attach()", "lumos_attach: ", self.mirror.name, *words)
        self.refused(db, "SELECT * FROM lumos_query('SELECT 1')", "lumos_query: ", self.mirror.name)
        db.close()

    def test_a_file_that_duckdb_has_open_in_this_process(self):
        for read_only in [False, True]:
            duckdb.connect(str(self.mirror)).close()
            theirs = duckdb.connect(str(self.mirror), read_only=read_only)
            with self.nothing_changes():
                self.refuses("this process")
            theirs.close()
        self.assertEqual(self.open().query("SELECT 1"), [(1,)])

    def test_the_same_file_under_another_name(self):
        link = self.folder / "link.duckdb"
        theirs = duckdb.connect(str(self.mirror))
        for make, why in [(os.symlink, "this process"), (os.link, "hard links")]:
            make(self.mirror, link)
            db = self.open()
            self.refused(db, "SELECT lumos_attach(?)", why, values=[str(link)])
            db.close()
            link.unlink()
        theirs.execute("CREATE TABLE t AS SELECT 42 AS i")
        theirs.close()
        again = duckdb.connect(str(self.mirror))
        self.assertEqual(again.sql("FROM t").fetchall(), [(42,)])
        again.close()

    def test_a_file_that_another_process_has_open(self):
        with host.process(HOLD, self.mirror) as other:
            self.assertEqual(other.stdout.readline().strip(), "open")
            self.refuses("process")
            other.communicate("")
        self.assertEqual(self.open().query("SELECT 1"), [(1,)])

    def test_another_process_cannot_open_what_is_attached(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        self.assertIn("lock", host.elsewhere(OPEN, self.mirror))
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
        db.rows("SELECT lumos_detach()")
        self.assertEqual(host.elsewhere(OPEN, self.mirror), "opened")

    def test_a_second_process_with_lumos_is_told_so(self):
        code = (
            "import sys, host\n"
            "db = host.Database(sys.argv[1])\n"
            "db.rows('PRAGMA busy_timeout = 50')\n"
            "try: db.rows('SELECT lumos_attach()')\n"
            "except host.ERROR as error: print(error)"
        )
        db = self.open()
        db.rows("SELECT lumos_attach()")
        told = host.elsewhere(code, self.path)
        self.assertIn("lumos_attach: ", told)
        self.assertIn("process", told)


class Versions(host.Case):
    def test_a_file_of_a_newer_duckdb(self):
        duckdb.connect(str(self.mirror)).close()
        content = bytearray(self.mirror.read_bytes())
        content[12:20] = struct.pack("<Q", 1000)
        content[0:8] = struct.pack("<Q", checksum(content[8:4096]))
        self.mirror.write_bytes(content)
        with self.nothing_changes():
            db = host.Database(self.path)
            self.refused(db, "SELECT lumos_attach()", "lumos_attach: ", self.mirror.name, "newer")
            db.close()

    def test_this_version_reads_the_mirror(self):
        db = self.open()
        db.rows("SELECT lumos_track('*')")
        db.close()
        theirs = duckdb.connect(str(self.mirror), read_only=True)
        self.addCleanup(theirs.close)
        views = theirs.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'")
        self.assertEqual(views.fetchall(), [(11,)])
        self.assertEqual(str(theirs.sql("SELECT sum(Total) FROM Invoice").fetchall()[0][0]), "2328.60")


def checksum(block):
    """DuckDB's checksum of a block of its file."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        result ^= word * 0xBF58476D1CE4E5B9 % (1 << 64)
    return result


if __name__ == "__main__":
    unittest.main()
