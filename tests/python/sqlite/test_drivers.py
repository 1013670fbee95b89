"""The main job of Lumos through a driver of Python."""

import json
import os
import unittest

import host

REVENUE = (
    "SELECT BillingCountry, sum(Total) AS revenue FROM Invoice GROUP BY ALL"
    " ORDER BY revenue DESC LIMIT 3"
)


class Drivers(host.Case):
    def test_main_job(self):
        db = self.open()
        attached = json.loads(db.value("SELECT lumos_attach()"))
        self.assertEqual(os.path.realpath(attached["mirror"]), os.path.realpath(self.mirror))
        self.assertEqual(set(attached), {"mirror", "auto_sync", "memory_limit", "threads"})
        tracked = json.loads(db.value("SELECT lumos_track('*')"))
        self.assertEqual(len(tracked), 11)
        self.assertEqual(sum(t["rows"] for t in tracked), 15607)
        self.assertEqual(
            db.query(REVENUE, 2), [("USA", 523.06), ("Canada", 303.96), ("France", 195.1)]
        )
        db.rows(
            "INSERT INTO Invoice(CustomerId, InvoiceDate, BillingCountry, Total)"
            " VALUES (?, ?, ?, ?)", 1, "2026-01-15 00:00:00", "France", 1000
        )
        db.rows("DELETE FROM Invoice WHERE BillingCountry = ?", "USA")
        self.assertEqual(
            db.query(REVENUE, 2), [("France", 1195.1), ("Canada", 303.96), ("Brazil", 190.1)]
        )

    def test_rows_are_json_objects(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        row = db.value("SELECT * FROM lumos_query('SELECT * FROM Genre WHERE GenreId = 1')")
        self.assertEqual(json.loads(row), {"GenreId": 1, "Name": "Rock"})

    def test_parameters(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        sql = "SELECT c0 FROM lumos_query(?, ?)"
        by_position = "SELECT Name FROM Genre WHERE GenreId = ?"
        self.assertEqual(db.rows(sql, by_position, "[2]"), [("Jazz",)])
        by_name = "SELECT Name FROM Genre WHERE GenreId = $id"
        self.assertEqual(db.rows(sql, by_name, json.dumps({"id": 2})), [("Jazz",)])

    def test_both_entry_points(self):
        for entry in ["sqlite3_lumos_init", "sqlite3_extension_init"]:
            db = self.open(":memory:", entry=entry)
            self.assertRegex(db.value("SELECT lumos_version()"), r"^\d+\.\d+\.\d+$")

    def test_loading_twice_and_after_close(self):
        for _ in range(3):
            db = host.Database(self.path)
            db.load()
            db.rows("SELECT lumos_track('Genre')")
            self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
            db.close()

    def test_database_in_memory(self):
        db = self.open(":memory:")
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
        db.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        self.assertEqual(json.loads(db.value("SELECT lumos_attach()"))["mirror"], ":memory:")
        db.rows("SELECT lumos_track('t')")
        db.rows("UPDATE t SET v = 'c' WHERE id = 2")
        self.assertEqual(db.query("SELECT * FROM t ORDER BY id", 2), [(1, "a"), (2, "c")])

    def test_writes_of_a_second_connection_and_a_second_process(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        second = self.open(load=False)
        second.rows("INSERT INTO Genre VALUES (26, 'Zydeco')")
        self.assertEqual(db.query("SELECT max(Name) FROM Genre"), [("Zydeco",)])
        host.plain(self.path, "UPDATE Genre SET Name = 'Zzz' WHERE GenreId = 1")
        self.assertEqual(db.query("SELECT max(Name) FROM Genre"), [("Zzz",)])
        host.plain(self.path, "DELETE FROM Genre WHERE GenreId <> 1")
        self.assertEqual(db.query("SELECT count(*), max(Name) FROM Genre", 2), [(1, "Zzz")])

    def test_two_connections_share_one_mirror(self):
        first, second = self.open(), self.open()
        first.rows("SELECT lumos_track('Genre')")
        second.rows("INSERT INTO Genre VALUES (26, 'Zydeco')")
        self.assertEqual(second.query("SELECT count(*) FROM Genre"), [(26,)])
        self.assertEqual(first.query("SELECT count(*) FROM Genre"), [(26,)])
        self.assertEqual(first.value("SELECT lumos_detach()"), 1)
        self.assertEqual(second.query("SELECT max(Name) FROM Genre"), [("Zydeco",)])

    def test_another_mirror_takes_the_place_of_the_first(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        other = self.folder / "other.duckdb"
        db.rows("SELECT lumos_attach(?)", str(other))
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
        self.assertTrue(other.exists())

    def test_a_reader_that_stops_early(self):
        db = self.open()
        cursor = db.connection.execute(
            "SELECT c0 FROM lumos_query('SELECT range FROM range(1000000000000)')"
        )
        self.assertEqual(next(cursor)[0], 0)
        self.assertEqual(next(cursor)[0], 1)
        cursor.close()
        self.assertEqual(db.query("SELECT 1"), [(1,)])

    def test_two_cursors_at_once(self):
        db = self.open()
        sql = "SELECT c0 FROM lumos_query('SELECT range FROM range(5000)')"
        cursors = [iter(db.connection.execute(sql)) for _ in range(2)]
        for a, b in zip(*cursors, strict=True):
            self.assertEqual(tuple(a), tuple(b))


if __name__ == "__main__":
    unittest.main()
