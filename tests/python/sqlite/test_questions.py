"""Questions are answered from what the connection may read now: an authorizer that came after the first question counts, and
so do views that fail, temporary tables, and changes that were undone."""

import json
import unittest

import host
from test_access import DENY, IGNORE, authorized

SCHEMA = """
CREATE TABLE emp(id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT);
INSERT INTO emp VALUES (1, 'Ada', 'ada@hidden.example', 'Lyon'), (2, 'Bo', 'bo@hidden.example', 'Oslo');
CREATE TABLE gen(id INTEGER PRIMARY KEY, flavour TEXT, loud TEXT AS (flavour || '!'));
INSERT INTO gen(flavour) VALUES ('Vanilla');
CREATE VIEW broken AS SELECT gone FROM nowhere;
CREATE VIEW failing AS SELECT abs(-9223372036854775808) AS overflow, city FROM emp;
"""

EMAIL = "Which employee has the email ada@hidden.example?"


class Questions(host.Case):
    def setUp(self):
        super().setUp()
        self.db = self.open(self.folder / "emp.sqlite")
        for sql in SCHEMA.strip().splitlines():
            self.db.rows(sql)

    def meant(self, question):
        """The columns, tables and values that the words of a question may mean."""
        return {target for _, kind, target, _ in self.db.rows("SELECT * FROM lumos_link(?)", question)}

    def answer(self, question):
        return [json.loads(row) for row, in self.db.rows("SELECT row FROM lumos_ask(?)", question)]

    def test_an_authorizer_counts_though_it_came_later(self):
        self.assertIn("emp.email", self.meant(EMAIL))
        for answer in DENY, IGNORE:
            for _ in range(2):
                with authorized(self.db, ("emp", "email"), answer) as authorizer:
                    self.assertNotIn("emp.email", self.meant(EMAIL), answer)
                    self.assertTrue(authorizer.asked)
                    self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count(*)": 1}])
                    readings = self.db.rows("SELECT sql FROM lumos_parse(?, '{\"k\": 40}')", EMAIL)
                    self.assertNotIn("email\"", " ".join(sql for sql, in readings))
                self.assertIn("emp.email", self.meant(EMAIL))

    def test_an_authorizer_counts_from_the_first_question_on(self):
        with authorized(self.db, ("emp", "city"), DENY):
            meant = self.meant("How many emp have the city Oslo?")
            self.assertFalse({"emp.city", "failing.city"} & meant, meant)
            self.assertIn("gen.flavour", self.meant("flavour Vanilla"))
        # Of such a table no rows are counted.
        with authorized(self.db, ("emp", ""), DENY):
            self.assertIn("emp.city", self.meant("How many emp have the city Oslo?"))
            self.refused(self.db, "SELECT * FROM lumos_ask('How many emp are there?')", "lumos_ask")

    def test_what_cannot_be_read_is_left_out(self):
        self.assertFalse(any(target.startswith("broken") for target in self.meant("broken gone")))
        self.assertEqual(self.answer("How many emp are there?"), [{"count(*)": 2}])
        self.assertIn("gen.loud", self.meant("Vanilla!"))

    def test_a_temporary_table_hides_one_of_its_name(self):
        self.assertIn("emp", self.meant("emp"))
        self.db.rows("CREATE TEMP TABLE Emp(x)")
        self.assertNotIn("emp", self.meant("emp"))
        self.db.rows("DROP TABLE temp.emp")
        self.assertIn("emp", self.meant("emp"))

    def test_what_was_undone_is_forgotten(self):
        self.db.rows("BEGIN")
        self.db.rows("CREATE TABLE comet(id INTEGER PRIMARY KEY, tail TEXT)")
        self.assertIn("comet", self.meant("comet"))
        self.db.rows("ROLLBACK")
        self.db.rows("CREATE TABLE planet(id INTEGER PRIMARY KEY, ring TEXT)")
        self.assertNotIn("comet", self.meant("comet"))
        self.assertIn("planet", self.meant("planet"))
        for end, there in [("ROLLBACK", False), ("COMMIT", True)]:
            self.db.rows("BEGIN")
            self.db.rows("INSERT INTO emp(name, city) VALUES ('Cy', 'Quito')")
            self.assertIn("emp.city", self.meant("Quito"))
            self.db.rows(end)
            self.assertEqual("emp.city" in self.meant("Quito"), there, end)

    def test_another_connection_changes_what_is_known(self):
        self.assertNotIn("emp.city", self.meant("Quito"))
        host.plain(self.folder / "emp.sqlite", "INSERT INTO emp(name, city) VALUES ('Cy', 'Quito')")
        self.assertIn("emp.city", self.meant("Quito"))

    def test_an_answer_ends_after_its_time(self):
        self.db.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) INSERT INTO emp(city) SELECT 'Oslo' FROM n")
        late = "the query took more than 1 ms and was stopped"
        self.refused(self.db, "SELECT * FROM lumos_ask('How many emp have the city Oslo?', '{\"timeout_ms\": 1}')", late)
        self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count(*)": 400_001}])
        query = "SELECT count(*) FROM emp WHERE city LIKE '%slo'"
        self.refused(self.db, "SELECT * FROM lumos_narrate(?, 'en', '{\"timeout_ms\": 1}')", late, values=(query,))

    def test_a_table_of_an_answer(self):
        self.db.rows("CREATE VIRTUAL TABLE temp.names USING lumos_ask('List the name and city of all emp')")
        self.assertEqual(self.db.rows("SELECT name, city FROM names ORDER BY name DESC"), [("Bo", "Oslo"), ("Ada", "Lyon")])
        self.assertEqual(self.db.rows("SELECT type FROM pragma_table_info('names')"), [("TEXT",), ("TEXT",)])
        # It is read under the authorizer, in the transaction of who reads it, and joins.
        with authorized(self.db, ("emp", "city"), DENY):
            self.refused(self.db, "SELECT * FROM names")
        self.db.rows("BEGIN")
        self.db.rows("INSERT INTO emp(name, city) VALUES ('Cy', 'Nice')")
        self.assertEqual(self.db.rows("SELECT count(*) FROM names JOIN emp USING (name)"), [(3,)])
        self.db.rows("ROLLBACK")
        self.assertEqual(self.db.rows("SELECT count(*) FROM names"), [(2,)])
        # What another connection has changed is not read as it was.
        self.db.rows("DROP VIEW broken")
        self.db.rows("DROP VIEW failing")
        host.plain(self.folder / "emp.sqlite", "ALTER TABLE emp ADD COLUMN born")
        self.assertEqual(self.db.rows("SELECT count(*) FROM names"), [(2,)])
        host.plain(self.folder / "emp.sqlite", "ALTER TABLE emp RENAME COLUMN city TO place")
        self.refused(self.db, "SELECT * FROM names")
        for writes in "INSERT INTO names VALUES ('x', 'y')", "DELETE FROM names":
            self.refused(self.db, writes)

    def test_an_interrupt_ends_a_question(self):
        fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000) INSERT INTO emp(name, city) SELECT i, 'c' || i FROM n"
        self.db.rows(fill)
        for by in "interrupt", "handler":
            # While the values are read; then while a reading is tried.
            self.db.rows("UPDATE emp SET city = city WHERE id = 1")
            for _ in range(2):
                with host.interrupts(self.db, after=3, by=by, steps=1000):
                    self.answer("How many emp have the city Oslo?")
                self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count(*)": 1}])


if __name__ == "__main__":
    unittest.main()
