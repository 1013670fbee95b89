"""Questions are answered from what the connection may read now: an authorizer that came after the first question counts, and
so do views that fail, temporary tables, and changes that were undone."""

import json
import unittest

import host
from test_access import DENY, IGNORE, OK, READ, authorize, authorized

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
                    self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count": 1}])
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
        self.assertEqual(self.answer("How many emp are there?"), [{"count": 2}])
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
        self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count": 400_001}])
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

    def say(self, question, session, db=None, **options):
        options = json.dumps({"session": session, **options})
        return [json.loads(row) for row, in (db or self.db).rows("SELECT row FROM lumos_ask(?, ?)", question, options)]

    def history(self, session, db=None):
        return (db or self.db).rows("SELECT question, goes_on FROM lumos_session_history(?)", session)

    def test_a_session_is_of_the_database_and_its_transactions(self):
        oslo, lyon = "How many emp have the city Oslo?", "what about Lyon?"
        self.db.rows("INSERT INTO emp(city) VALUES ('Lyon')")
        self.assertEqual(self.history("a"), [])
        self.assertEqual(self.say(oslo, "a"), [{"count": 1}])
        # Another connection goes on, and other sessions know nothing of it.
        other = self.open(self.folder / "emp.sqlite")
        self.assertEqual(self.say(lyon, "a", other), [{"count": 2}])
        self.assertEqual(other.value("SELECT lumos_to_sql(?, '{\"session\": \"b\"}')", oslo)[:15], "SELECT count(*)")
        self.assertEqual(self.history("a"), [(oslo, 0), (lyon, 1)])
        self.assertEqual(self.history("b"), [(oslo, 0)])
        # It is kept as the transaction is.
        self.db.rows("BEGIN")
        self.say("what about Oslo?", "a")
        self.db.rows("SELECT lumos_session_reset('b')")
        self.assertEqual(len(self.history("a")), 3)
        self.assertEqual((self.history("b"), self.history("b", other)), ([], [(oslo, 0)]))
        self.db.rows("ROLLBACK")
        self.assertEqual((len(self.history("a")), len(self.history("b"))), (2, 1))
        # What is not answered is not kept, nor what is only read.
        self.refused(self.db, "SELECT * FROM lumos_ask(?, ?)", "not sure", values=("Qxzt?", '{"session": "a"}'))
        self.db.rows("SELECT * FROM lumos_parse(?, ?)", "what about Oslo?", '{"session": "a"}')
        self.assertEqual(len(self.history("a")), 2)
        # One that stands by itself begins anew.
        self.assertEqual(self.say("List the name of all emp with the city Oslo", "a"), [{"name": "Bo"}])
        self.assertEqual(self.history("a")[-1][1], 0)
        self.assertEqual(self.db.value("SELECT lumos_session_reset('a')"), 3)
        self.assertEqual((self.history("a"), self.db.value("SELECT lumos_session_reset('a')")), ([], 0))

    def test_sessions_are_bounded(self):
        self.say("How many emp are there?", "a")
        fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) INSERT INTO lumos_session(session, question, goes_on, sql) SELECT {}, 'x', 0, '' FROM n"
        self.db.rows(fill.format(300, "'a'"))
        self.say("How many emp are there?", "a")
        self.assertEqual(len(self.history("a")), 100)
        self.db.rows(fill.format(10_500, "i"))
        self.say("How many emp are there?", "b")
        self.assertEqual(self.db.value("SELECT count(*) FROM lumos_session"), 10_000)

    def test_a_session_that_cannot_be_kept_is_an_error(self):
        self.say("How many emp are there?", "a")
        way_out = 'session "a" keeps no question, since the database is read-only; give those before in "after" instead'
        asked = ("what about Lyon?", '{"session": "a", "min_confidence": 0}')
        self.db.rows("PRAGMA query_only = 1")
        self.refused(self.db, "SELECT * FROM lumos_ask(?, ?)", way_out, values=asked)
        self.refused(self.db, "SELECT lumos_to_sql(?, ?)", way_out, values=asked)
        self.db.rows("PRAGMA query_only = 0")
        self.assertEqual(len(self.history("a")), 1)
        with authorized(self.db, ("lumos_session", "question"), DENY):
            self.refused(self.db, "SELECT * FROM lumos_ask(?, ?)", "lumos_ask", values=asked)
        self.refused(self.db, "CREATE VIRTUAL TABLE temp.t USING lumos_ask('How many emp are there?', '{\"session\": \"a\"}')", "has no session")
        for options, words in [('{"session": ""}', "is empty"), ('{"session": "a", "after": "x"}', "not both"), ('{"session": 1}', "session")]:
            self.refused(self.db, "SELECT * FROM lumos_ask('How many emp are there?', ?)", words, values=(options,))

    def test_what_has_the_name_of_our_tables_is_left_alone(self):
        asked = ("How many emp are there?", '{"session": "a"}')
        trigger = "CREATE TRIGGER harms INSTEAD OF INSERT ON lumos_session BEGIN DELETE FROM emp; END"
        for made, kind in [
            (["CREATE TABLE lumos_session(x)"], "TABLE"),
            (["CREATE VIRTUAL TABLE lumos_session USING fts5(turn, session, question, goes_on, sql)"], "TABLE"),
            (["CREATE VIEW lumos_session AS SELECT 1 AS turn, 'a' AS session, 'x' AS question, 0 AS goes_on, '' AS sql", trigger], "VIEW"),
        ]:
            for statement in made:
                self.db.rows(statement)
            for sql, values in [("SELECT * FROM lumos_ask(?, ?)", asked), ("SELECT * FROM lumos_session_history('a')", ()), ("SELECT lumos_session_reset('a')", ())]:
                self.refused(self.db, sql, "main.lumos_session is not the table that Lumos makes under this name", values=values)
            self.db.rows(f"DROP {kind} lumos_session")
        self.assertEqual(self.db.value("SELECT count(*) FROM emp"), 2)

    def test_a_question_of_a_session_within_a_statement_that_writes(self):
        self.db.rows("CREATE TABLE answers(row)")
        self.db.rows("INSERT INTO answers SELECT row FROM lumos_ask('How many emp are there?', '{\"session\": \"a\"}')")
        self.assertEqual((self.db.value("SELECT row FROM answers"), len(self.history("a"))), ('{"count":2}', 1))

    def test_what_goes_on_from_questions_that_are_not_read_is_not_sure(self):
        self.say("How many emp have the city Oslo?", "a")
        for i in range(25):
            self.say(f"what about {['Lyon', 'Oslo'][i % 2]}?", "a", min_confidence=0)
        told = self.db.rows("SELECT confidence, assumptions FROM lumos_parse('what about Lyon?', '{\"session\": \"a\"}')")[0]
        self.assertLess(told[0], 0.3)
        self.assertIn("only the last 20 were read", told[1])

    def test_a_session_is_no_reason_to_read_the_database_anew(self):
        def reads():
            """How often the question, the first of its session, has a column of the table read."""
            self.db.rows("SELECT lumos_session_reset('a')")
            counted = []
            authorize(self.db, lambda action, one, *_: counted.append(one) or OK if (action, one) == (READ, "emp") else OK)
            self.say("How many emp have the city Oslo?", "a")
            authorize(self.db, None)
            return len(counted)

        # The first makes the table.
        reads(), reads()
        again = reads()
        self.assertEqual(reads(), again)
        self.db.rows("INSERT INTO emp(city) VALUES ('Quito')")
        self.assertGreater(reads(), again)

    def test_an_interrupt_ends_a_question(self):
        fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000) INSERT INTO emp(name, city) SELECT i, 'c' || i FROM n"
        self.db.rows(fill)
        for by in "interrupt", "handler":
            # While the values are read; then while a reading is tried.
            self.db.rows("UPDATE emp SET city = city WHERE id = 1")
            for _ in range(2):
                with host.interrupts(self.db, after=3, by=by, steps=1000):
                    self.answer("How many emp have the city Oslo?")
                self.assertEqual(self.answer("How many emp have the city Oslo?"), [{"count": 1}])


if __name__ == "__main__":
    unittest.main()
