"""A memory that is forgotten for ever leaves no byte: not in SQLite's file after VACUUM, not in DuckDB's after it is
written anew, not in a mirror that is made anew."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

import duckdb

import host

# Of words that no other text has, one of them in another form than the index has it.
SECRET = "Zyxqua sells wlkzrts and 雪豹暗号"
TRACES = [b"zyxqu", b"zyxqua", b"wlkzrt", "雪豹".encode(), "暗号".encode()]


def traces(*paths):
    """Which words of the secret the files have, whatever their case."""
    data = b"".join(path.read_bytes() for path in paths if path.exists()).lower()
    return [trace for trace in TRACES if trace in data]


class Forgotten(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def texts(self):
        """Calls that add the secret among others, and change it."""
        told = json.dumps({"session": "s", "now": 0})
        for i in range(300):
            if i == 150:
                yield "lumos_memory_add(?, ?)", SECRET, told
            yield "lumos_memory_add(?, ?)", f"turn {i} of the violin", told
        yield "lumos_memory_update(151, ?)", json.dumps({"content": SECRET + " today", "now": 60})

    def places(self, rows):
        return {place: found for place, found, _ in rows}

    def test_sqlite(self):
        path = self.folder / "m.sqlite"
        db = host.Database(path)
        self.addCleanup(db.close)
        db.rows("SELECT lumos_memory_init()")
        for call, *values in self.texts():
            db.rows(f"SELECT {call}", *values)
        # Its session is summed up, and it told a fact.
        db.rows("SELECT lumos_memory_update(151, ?)", json.dumps({"importance": 1, "now": 60}))
        db.rows("SELECT lumos_memory_add(?, ?)", SECRET + " today.", json.dumps({"dedup": False, "now": 60}))
        db.rows("SELECT lumos_memory_consolidate(?)", json.dumps({"now": 100_000}))
        db.rows("SELECT lumos_fact_add('Zyxqua', 'sells', 'wlkzrts', '{\"memory\": 151}')")
        asked = "SELECT * FROM lumos_memory_verify_forgotten(151)"
        found = self.places(db.rows(asked))
        self.assertTrue(found["memory"] and found["words"] and found["facts"], found)
        self.assertEqual(db.value("SELECT lumos_memory_forget(151, '{\"hard\": true}')"), 151)
        db.rows("VACUUM")
        self.assertEqual(set(self.places(db.rows(asked)).values()), {0}, db.rows(asked))
        db.close()
        self.assertEqual(traces(path, self.folder / "m.sqlite-wal"), [])

    def test_mirror(self):
        path = self.folder / "m.sqlite"
        db = host.Database(path)
        self.addCleanup(db.close)
        db.rows("SELECT lumos_memory_init()")
        for call, *values in self.texts():
            db.rows(f"SELECT {call}", *values)
        db.rows("SELECT lumos_track('lumos_memory')")
        asked = "SELECT * FROM lumos_memory_verify_forgotten(151)"
        self.assertEqual(self.places(db.rows(asked))["mirror"], 1)
        db.rows("SELECT lumos_memory_forget(151, '{\"hard\": true}')")
        self.assertEqual(self.places(db.rows(asked))["mirror"], 1)
        db.rows("SELECT lumos_sync()")
        db.rows("VACUUM")
        self.assertEqual(set(self.places(db.rows(asked)).values()), {0})
        # DuckDB does not overwrite what it deletes: the mirror is made anew from the database.
        db.close()
        mirror = self.folder / "m.sqlite-lumos.duckdb"
        self.assertTrue(mirror.exists())
        for file in self.folder.glob("m.sqlite-lumos.duckdb*"):
            file.unlink()
        db = host.Database(path)
        self.addCleanup(db.close)
        self.assertEqual(db.value("SELECT c0 FROM lumos_query('SELECT count(*) FROM lumos_memory')"), 300)
        db.close()
        self.assertEqual(traces(path, *self.folder.glob("m.sqlite*")), [])

    def test_duckdb(self):
        path, copied = self.folder / "m.duckdb", self.folder / "copied.duckdb"
        con = duckdb.connect(path, config={"allow_unsigned_extensions": "true"})
        self.addCleanup(con.close)
        con.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        con.execute(con.execute("SELECT lumos_memory_ddl()").fetchone()[0])
        con.execute("BEGIN")
        for call, *values in self.texts():
            con.execute(f"INSERT OR REPLACE INTO lumos_memory BY NAME FROM query({call})", values)
        con.execute("COMMIT")
        asked = "FROM query(lumos_memory_verify_forgotten(151))"
        self.assertEqual(self.places(con.execute(asked).fetchall())["memory"], 1)
        con.execute("DELETE FROM lumos_memory WHERE id = 151")
        self.assertEqual(set(self.places(con.execute(asked).fetchall()).values()), {0})
        con.execute(f"EXPORT DATABASE '{self.folder / 'exported'}' (FORMAT parquet)")
        con.close()
        con = duckdb.connect(copied, config={"allow_unsigned_extensions": "true"})
        self.addCleanup(con.close)
        con.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        con.execute(f"IMPORT DATABASE '{self.folder / 'exported'}'")
        con.execute("CHECKPOINT")
        self.assertEqual(traces(copied), [])
        self.assertEqual(con.execute("SELECT count(*) FROM lumos_memory").fetchone(), (300,))
        # An id is not given again.
        new = con.execute("INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('new')) RETURNING id")
        self.assertEqual(new.fetchone(), (302,))


if __name__ == "__main__":
    unittest.main()
