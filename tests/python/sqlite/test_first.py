"""Each function that reads or changes the mirror is right as the first one after another connection, without Lumos,
wrote rows or changed the schema: nothing asks for `lumos_sync` before."""

import json
import unittest

import host

# A table that is tracked with options is copied again after most changes of the schema, under another id.
OPTIONS = '{"on_mismatch": "varchar"}'
CHANGES = {
    "rows": ["INSERT INTO t VALUES (3, 30)", "DELETE FROM t WHERE id = 1"],
    "a column more": ["ALTER TABLE t ADD COLUMN n DEFAULT 5", "INSERT INTO t VALUES (3, 30, 6)"],
    "a column less": ["ALTER TABLE t ADD COLUMN n", "ALTER TABLE t DROP COLUMN n"],
    "an index": ["CREATE UNIQUE INDEX i ON t(b)", "REPLACE INTO t VALUES (9, 10)"],
    "made anew": ["DROP TABLE t", "CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT)", "INSERT INTO t VALUES (7, '70'), (8, '80')"],
}
ALL = "SELECT count(*) || ' ' || sum(id) FROM t"


class First(host.Case):
    """What each gives is asked of SQLite itself."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"

    def begins(self, options, statements):
        """A mirrored table, changed by another connection since."""
        for file in self.folder.iterdir():
            file.unlink()
        db, plain = self.open(), self.open(load=False)
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, b)")
        db.rows("INSERT INTO t VALUES (1, 10), (2, 20)")
        db.rows("SELECT lumos_attach(NULL, json_object('allow_files', json_array(?)))", str(self.folder))
        db.rows("SELECT lumos_exec('CREATE TABLE held(x VARCHAR)')")
        db.rows("CREATE VIRTUAL TABLE temp.shown USING lumos_table(t)")
        db.rows("SELECT lumos_track('t', ?)", options)
        for statement in statements:
            plain.rows(statement)
        return db, plain

    def scalar(self, db):
        return db.value("SELECT lumos_scalar(?)", ALL)

    def auto(self, db):
        return db.value("SELECT c0 FROM lumos_auto(?)", ALL)

    def exec(self, db):
        db.rows("SELECT lumos_exec(?)", f"INSERT INTO held {ALL}")
        return db.value("SELECT lumos_scalar('SELECT x FROM held')")

    def export(self, db):
        answers = []
        for ending in ("csv", "json", "parquet"):
            path = str(self.folder / f"out.{ending}")
            db.rows("SELECT lumos_export(?, ?)", ALL + " AS x", path)
            db.rows("SELECT lumos_load(?, ?, '{\"all_text\": true}')", path, f"from_{ending}")
            answers.append(db.rows(f"SELECT * FROM from_{ending}")[0][0])
        self.assertEqual(len(set(answers)), 1, answers)
        return answers[0]

    def table(self, db):
        return db.value("SELECT count(*) || ' ' || sum(id) FROM shown")

    def verify(self, db):
        self.assertEqual(db.rows("SELECT * FROM lumos_verify('t')"), [])

    def repair(self, db):
        [report] = json.loads(db.value("SELECT lumos_repair('t')"))
        self.assertEqual((report["different"], report["copied"]), (0, False))

    def sync(self, db):
        db.rows("SELECT lumos_sync('t')")
        self.assertEqual(db.value("SELECT lumos_lag('t')"), 0)

    def resync(self, db):
        [report] = json.loads(db.value("SELECT lumos_resync('t')"))
        self.assertEqual(report["rows"], db.value("SELECT count(*) FROM t"))

    def optimize(self, db):
        self.assertEqual(json.loads(db.value("SELECT lumos_optimize('t')"))["tables"], 1)

    CALLS = (scalar, auto, exec, export, table, verify, repair, sync, resync, optimize)

    def test_each_call_after_each_change(self):
        for change, statements in CHANGES.items():
            for call in self.CALLS:
                with self.subTest(change=change, call=call.__name__):
                    db, plain = self.begins(OPTIONS, statements)
                    given = call(self, db)
                    wanted = plain.value(ALL)
                    if given is not None:
                        self.assertEqual(given, wanted)
                    self.assertEqual(self.scalar(db), wanted)
                    db.close()
                    plain.close()

    def test_exec_in_a_transaction_that_has_written(self):
        """It reads its own tables, and refuses what the mirror does not know yet."""
        db, _ = self.begins("{}", [])
        db.rows("BEGIN")
        db.rows("INSERT INTO t VALUES (3, 30)")
        db.rows("SELECT lumos_exec('INSERT INTO held VALUES (''a'')')")
        self.refused(db, f"SELECT lumos_exec('INSERT INTO held {ALL.replace(chr(39), chr(39) * 2)}')", "has written", "lumos_auto")
        db.rows("COMMIT")
        self.assertEqual(self.exec(db), "a")
        self.assertEqual(db.query("SELECT x FROM held ORDER BY x"), [("3 6",), ("a",)])


if __name__ == "__main__":
    unittest.main()
