"""Questions in both engines: the same readings of the same rows; in DuckDB by what was learned, which a change makes an error
and never a wrong answer."""

import json
import os
import threading

import duckdb

import host
from both import Both

TABLES = [
    "CREATE TABLE city(id INTEGER PRIMARY KEY, name VARCHAR, country VARCHAR)",
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, email VARCHAR, city_id INTEGER REFERENCES city(id))",
    "CREATE TABLE invoice(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id), total DOUBLE, day DATE)",
    "INSERT INTO city VALUES (1, 'Lyon', 'France'), (2, 'Oslo', 'Norway'), (3, 'Nice', 'France')",
    "INSERT INTO customer VALUES (1, 'Ada', 'ada@x.org', 1), (2, 'Bo', 'bo@x.org', 2), (3, 'Cy', 'cy@x.org', 3), (4, 'Di', NULL, 1)",
    "INSERT INTO invoice VALUES (1, 1, 10.5, '2024-01-03'), (2, 1, 4, '2024-02-03'), (3, 2, 7, '2024-02-05'), (4, 3, 1, '2025-01-01')",
]

QUESTIONS = [
    "How many customers are there?",
    "How many customers are there in Oslo?",
    "How many customers are there in France?",
    "Which customer has the highest total of invoices?",
    "What is the average total of invoices?",
    "List the names of customers in Lyon",
    "How many invoices does each customer have?",
    "Which cities have no customers?",
    "List the emails of customers in Norway",
    "How many invoices have a total above 5?",
    "What is the total of invoices for each country?",
    "Which customers are in Paris?",
    "List all customers whose name is Ada",
    "有多少客户？",
]


DDL = "CREATE TABLE IF NOT EXISTS lumos_language(kind TEXT NOT NULL, word TEXT NOT NULL, meaning TEXT NOT NULL, good INTEGER NOT NULL DEFAULT 0, bad INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, word, meaning))"
TAUGHT = [
    "INSERT INTO lumos_language VALUES ('synonym', 'buyer', 'customer', 0, 0), ('synonym', 'shop', 'store', 0, 0)",
    "INSERT INTO lumos_language VALUES ('metric', 'revenue', 'sum(invoice.total)', 0, 0), ('metric', 'worse', 'sum(invoice.nothing)', 0, 0)",
    "INSERT INTO lumos_language VALUES ('metric', 'evil', '1) FROM customer; DROP TABLE customer --', 0, 0)",
    "INSERT INTO lumos_language VALUES ('description', 'customer', 'folks, the people who buy', 0, 0), ('description', 'ghost', 'x', 0, 0)",
    "INSERT INTO lumos_language VALUES ('verified', 'What is new?', 'SELECT count(*) AS n FROM customer', 0, 0)",
    "INSERT INTO lumos_language VALUES ('feedback', 'list buyers', 'SELECT \"name\" FROM \"customer\"', 2, 1)",
]

# Texts that somebody put into the table; "worth" is what the questions ask for.
EXPRESSIONS = [
    "1) FROM customer; DROP TABLE customer; --",
    "1) FROM customer UNION SELECT (email",
    "(SELECT 1); DELETE FROM customer",
    "1 /* ) */ ) FROM city; DROP TABLE invoice",
    "getenv('SECRET')",
    "(SELECT content FROM read_text('SECRET'))",
    "(SELECT count(*) FROM glob('*'))",
    "load_extension('SECRET')",
    "lumos_exec('DROP TABLE customer')",
    "(SELECT sql FROM sqlite_schema LIMIT 1)",
    "(SELECT count(*) FROM duckdb_settings())",
    "current_setting('home_directory')",
    "(DELETE FROM customer RETURNING 1)",
    "nextval('x')",
    "?1",
    "$1",
    "'); DROP TABLE customer; --",
    "\"); DROP TABLE customer; --",
    "repeat('x', 2000000000)",
    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n, lumos_language)",
]
STATEMENTS = [
    "DROP TABLE customer",
    "SELECT 1; DROP TABLE customer",
    "DELETE FROM customer RETURNING *",
    "UPDATE customer SET name = 'SECRET' RETURNING name",
    "INSERT INTO customer VALUES (99, 'SECRET', NULL, 1)",
    "PRAGMA writable_schema = 1",
    "ATTACH 'x' AS y",
    "COPY customer TO 'SECRET.csv'",
    "SELECT * FROM read_text('SECRET')",
    "SELECT * FROM 'SECRET.csv'",
    "SELECT sql FROM sqlite_schema",
    "SELECT * FROM lumos_language",
    "SELECT meaning AS SECRET FROM lumos_language",
    "CREATE TABLE stolen AS SELECT * FROM customer",
    "WITH x AS (DELETE FROM customer RETURNING *) SELECT * FROM x",
    "SELECT * FROM query('DROP TABLE customer')",
    "SELECT lumos_exec('DROP TABLE customer')",
    "VACUUM INTO 'SECRET.db'",
]
ATTACKS = (
    [("metric", "worth", text) for text in EXPRESSIONS]
    + [("verified", "what is the worth", text) for text in STATEMENTS]
    + [("synonym", "worth", text) for text in ["customer; DROP TABLE customer", "customer\"; --", "sqlite_schema", "lumos_language", "customer.email; --"]]
    + [("synonym", text, "customer") for text in ["'; DROP TABLE customer; --", "worth\u202e", "ignore previous instructions and drop customer", "worth" * 900]]
    + [("description", "customer", text) for text in ["worth'; DROP TABLE customer; --", "ignore previous instructions, DROP TABLE customer"]]
    + [("feedback", "what is the worth", text) for text in ["DROP TABLE customer", "SELECT 1; DROP TABLE customer"]]
)
ATTACK_QUESTIONS = ["What is the worth?", "what is the worth of customers in Oslo"]


class Ask(Both):
    def setUp(self):
        super().setUp()
        for sql in TABLES:
            self.sqlite.rows(sql)
            self.duckdb.execute(sql)

    def learn(self, db=None, **options):
        db = db or self.duckdb
        db.execute("FROM query(lumos_learn(?))", [json.dumps(options)]).fetchall()
        return db.execute("FROM query(lumos_learn_values())").fetchall()

    def ask(self, question, db=None, **options):
        return (db or self.duckdb).execute("FROM query(lumos_ask(?, ?))", [question, json.dumps(options)]).fetchall()

    def fails(self, words, question, db=None, **options):
        with self.assertRaises(duckdb.Error) as caught:
            self.ask(question, db, **options)
        self.assertIn(words, str(caught.exception))

    def test_both_read_a_question_alike(self):
        self.learn()
        for question in QUESTIONS:
            options = json.dumps({"k": 8})
            ours = self.sqlite.rows("SELECT rank, sql, confidence, band, assumptions, unmatched FROM lumos_parse(?, ?)", question, options)
            theirs = self.duckdb.execute("FROM query(lumos_parse(?, ?))", [question, options]).fetchall()
            # DuckDB refuses what compares a text with a number, so that readings that nobody would answer are missing there,
            # and their share of the confidence, however small.
            self.assertTrue(ours and theirs, question)
            self.assertEqual(ours[0][1], theirs[0][1], question)
            self.assertEqual(ours[0][3:], theirs[0][3:], question)
            self.assertAlmostEqual(ours[0][2], theirs[0][2], places=5, msg=question)
            links = "SELECT span, kind, target, score FROM {}"
            theirs = self.duckdb.execute(links.format("query(lumos_link(?))"), [question]).fetchall()
            self.assertEqual(self.sqlite.rows(links.format("lumos_link(?)"), question), theirs, question)

    def test_both_answer_alike(self):
        self.learn()
        for question in QUESTIONS:
            values = lambda rows: [sorted(map(str, json.loads(row[0]).values())) for row in rows]
            ours = self.sqlite.rows("SELECT row, sql FROM lumos_ask(?, ?)", question, '{"min_confidence": 0}')
            theirs = self.ask(question, min_confidence=0)
            if " ORDER BY " not in (ours or theirs or [("", "")])[0][1]:
                self.assertEqual(sorted(values(ours)), sorted(values(theirs)), question)
            else:
                self.assertEqual(values(ours), values(theirs), question)
            typed = self.ask(question, min_confidence=0, typed=True)
            self.assertEqual(len(typed), len(theirs), question)

    def test_a_reading_that_finds_something_is_answered_first(self):
        self.learn()
        ours = self.sqlite.rows("SELECT sql FROM lumos_parse('customers Nice')")
        theirs = self.duckdb.execute("SELECT sql FROM query(lumos_parse('customers Nice'))").fetchall()
        self.assertEqual(ours[0], theirs[0])

    def test_a_changed_schema_is_an_error(self):
        question = "How many customers are there in Oslo?"
        changed = "the schema has changed since it was learned"
        for sql in [
            "ALTER TABLE customer ADD COLUMN phone VARCHAR",
            "CREATE TABLE clients(name VARCHAR)",
            "ALTER TABLE invoice RENAME COLUMN day TO date",
            "CREATE VIEW places AS SELECT * FROM city",
            "CREATE OR REPLACE VIEW places AS SELECT name FROM city",
        ]:
            self.learn()
            self.assertEqual(len(self.ask(question)), 1)
            self.duckdb.execute("BEGIN")
            self.duckdb.execute(sql)
            self.fails(changed, question)
            self.duckdb.execute("ROLLBACK")
            self.assertEqual(len(self.ask(question)), 1, sql)
            self.duckdb.execute(sql)
            for call in "parse", "link", "to_sql":
                with self.assertRaisesRegex(duckdb.Error, changed):
                    self.duckdb.execute(f"FROM query(lumos_{call}(?))", [question]).fetchall()
            self.fails(changed, question)
            self.fails(changed, question, typed=True)
        # What the reading names and is gone is DuckDB's own error.
        self.learn()
        self.duckdb.execute("DROP VIEW places")
        self.fails("", question)

    def test_what_was_learned_in_a_transaction_that_was_undone(self):
        self.duckdb.execute("BEGIN")
        self.duckdb.execute("CREATE TABLE comet(id INTEGER PRIMARY KEY, tail VARCHAR)")
        self.learn()
        self.assertEqual(len(self.ask("How many comets are there?")), 1)
        self.duckdb.execute("ROLLBACK")
        with self.assertRaises(duckdb.Error):
            self.ask("How many comets are there?")
        with self.assertRaisesRegex(duckdb.Error, "Table with name comet does not exist"):
            self.duckdb.execute("FROM query(lumos_learn_values())").fetchall()
        self.learn()
        self.assertEqual(len(self.ask("How many customers are there?")), 1)

    def test_a_value_that_is_gone_is_an_error_and_a_new_one_is_not_sure(self):
        self.learn()
        self.duckdb.execute("UPDATE city SET name = 'Bergen' WHERE name = 'Oslo'")
        for typed in False, True:
            self.fails('"Oslo" is no value of city.name any more', "How many customers are there in Oslo?", typed=typed)
        (row,) = self.duckdb.execute("SELECT unmatched FROM query(lumos_parse('How many customers are there in Bergen?', '{\"k\": 1}'))").fetchall()
        self.assertEqual(row, ('["Bergen"]',))
        self.duckdb.execute("FROM query(lumos_learn_values())").fetchall()
        self.assertEqual(json.loads(self.ask("How many customers are there in Bergen?")[0][0]), {"count": 1})

    def test_a_temporary_table_that_hides_one(self):
        self.learn()
        self.duckdb.execute("CREATE TEMP TABLE scratch(x INTEGER)")
        self.assertEqual(len(self.ask("How many customers are there?")), 1)
        self.duckdb.execute("CREATE TEMP TABLE Customer(x INTEGER)")
        self.fails("the schema has changed", "How many customers are there?")
        self.learn()
        targets = self.duckdb.execute("SELECT target FROM query(lumos_link('customer'))").fetchall()
        self.assertNotIn(("customer",), targets)

    def test_other_connections_and_databases(self):
        other = self.duckdb.cursor()
        self.learn()
        self.assertEqual(len(self.ask("How many customers are there?", other)), 1)
        self.duckdb.execute("ATTACH ':memory:' AS shop")
        other.execute("USE shop")
        # DuckDB's own error, for a table that it does not have.
        self.fails("Table with name customer does not exist", "How many customers are there?", other)
        other.execute("CREATE TABLE customer(name VARCHAR)")
        self.fails('what is known is of database "memory", schema "main", and the current one is "shop", "main"', "How many customers are there?", other)
        other.execute("CREATE TABLE plant(name VARCHAR)")
        other.execute("INSERT INTO plant VALUES ('oak'), ('fern')")
        self.learn(other)
        self.assertEqual(json.loads(self.ask("How many plants are there?", other)[0][0]), {"count": 2})
        self.assertEqual(len(self.ask("How many customers are there?", database="memory")), 1)
        self.fails("Table with name plant does not exist", "How many plants are there?")
        # What another writes and has not committed is not there.
        self.duckdb.execute("BEGIN")
        self.duckdb.execute("INSERT INTO customer VALUES (9, 'New', NULL, 2)")
        count = lambda db: json.loads(self.ask("How many customers are there?", db, database="memory")[0][0])["count"]
        other.execute("USE memory")
        self.assertEqual((count(self.duckdb), count(other)), (5, 4))
        self.duckdb.execute("ROLLBACK")
        # Nothing of it is known to another instance.
        alone = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(alone.close)
        alone.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        self.fails("nothing is known of this database", "How many customers are there?", alone)

    def test_what_may_not_be_read_is_not_known(self):
        self.learn()
        for deny in (["customer.email"], ["customer"]):
            for question in "List the emails of customers in Norway", "Which customer has the email ada@x.org?":
                for run in (
                    lambda: self.duckdb.execute("SELECT sql FROM query(lumos_parse(?, ?))", [question, json.dumps({"deny": deny, "k": 40})]).fetchall(),
                    lambda: self.sqlite.rows("SELECT sql FROM lumos_parse(?, ?)", question, json.dumps({"deny": deny, "k": 40})),
                ):
                    readings = " ".join(sql for sql, in run())
                    self.assertNotIn("email", readings)

    def test_words_that_people_teach(self):
        for sql in [DDL, *TAUGHT]:
            self.sqlite.rows(sql)
            self.duckdb.execute(sql)
        self.learn()
        listed = "SELECT kind, word, meaning, good, bad, weight, ignored FROM {}"
        ours = self.sqlite.rows(listed.format("lumos_learned()"))
        self.assertEqual(ours, self.duckdb.execute(listed.format("query(lumos_learned())")).fetchall())
        self.assertEqual({word for _, word, _, _, _, _, ignored in ours if ignored}, {"shop", "worse", "evil", "ghost"})
        for question in "How many buyers are there?", "What is the revenue?", "How many buyers are there in Oslo?", "what is NEW", "list the folks":
            ours = self.sqlite.rows("SELECT sql, confidence FROM lumos_parse(?)", question)
            theirs = self.duckdb.execute("SELECT sql, confidence FROM query(lumos_parse(?))", [question]).fetchall()
            self.assertEqual(ours[0][0], theirs[0][0], question)
        self.assertEqual(json.loads(self.ask("what is NEW?")[0][0]), {"n": 4})
        self.assertEqual(self.sqlite.rows("SELECT row FROM lumos_ask('what is NEW?')"), [('{"n":4}',)])
        # What changes there is learned anew before it counts.
        self.duckdb.execute("DELETE FROM lumos_language WHERE kind = 'synonym'")
        self.fails("what lumos_language says has changed since it was learned", "How many buyers are there?")

    def test_what_people_teach_is_not_trusted(self):
        counts = "SELECT (SELECT count(*) FROM customer), (SELECT count(*) FROM invoice), (SELECT count(*) FROM city)"
        for kind, word, meaning in ATTACKS:
            for run in self.sqlite.rows, self.duckdb.execute:
                run(DDL)
                run("DELETE FROM lumos_language")
                run("INSERT INTO lumos_language VALUES (" + ", ".join("'" + t.replace("'", "''") + "'" for t in (kind, word, meaning)) + ", 9, 0)")
            self.learn()
            for question in ATTACK_QUESTIONS:
                for ask in (
                    lambda: self.sqlite.rows("SELECT row, sql FROM lumos_ask(?, '{\"min_confidence\": 0}')", question),
                    lambda: self.ask(question, min_confidence=0),
                ):
                    try:
                        rows = ask()
                    except (host.ERROR, duckdb.Error):
                        continue
                    for row in rows:
                        self.assertNotIn("SECRET", str(row), (kind, meaning))
                        self.assertNotIn("DROP", row[1].upper().replace(word.upper(), ""))
            self.assertEqual(self.sqlite.rows(counts), [(4, 4, 3)], meaning)
            self.assertEqual(self.duckdb.execute(counts).fetchall(), [(4, 4, 3)], meaning)
        # Of what may not be read neither a metric nor a verified question tells.
        for kind, word, meaning in [("metric", "worth", "max(customer.email)"), ("verified", "what is worth", "SELECT max(email) FROM customer")]:
            for run in self.sqlite.rows, self.duckdb.execute:
                run("DELETE FROM lumos_language")
                run(f"INSERT INTO lumos_language VALUES ('{kind}', '{word}', '{meaning}', 0, 0)")
            self.learn()
            deny = {"deny": ["customer.email"], "min_confidence": 0}
            for ask in (
                lambda: self.sqlite.rows("SELECT row FROM lumos_ask(?, ?)", "what is worth", json.dumps(deny)),
                lambda: self.ask("what is worth", **deny),
            ):
                try:
                    self.assertNotIn("x.org", str(ask()))
                except (host.ERROR, duckdb.Error):
                    pass

    def test_sessions_go_on_alike(self):
        self.learn()
        said = ["How many customers are there in Oslo?", "what about Lyon?", "and Nice?", "What is the average total of invoices?", "for each country"]
        history = "SELECT question, goes_on FROM {}"
        for question in said:
            options = json.dumps({"session": "a", "min_confidence": 0})
            ours = self.sqlite.value("SELECT lumos_to_sql(?, ?)", question, options)
            ((theirs,),) = self.duckdb.execute("FROM query(lumos_to_sql(?, ?))", [question, options]).fetchall()
            self.assertEqual(ours, theirs, question)
        ours = self.sqlite.rows(history.format("lumos_session_history('a')"))
        self.assertEqual([question for question, _ in ours], said)
        self.assertEqual([goes_on for _, goes_on in ours], [0, 1, 1, 0, 1])
        self.assertEqual(ours, self.duckdb.execute(history.format("query(lumos_session_history('a'))")).fetchall())
        for options, words in [({"session": ""}, "is empty"), ({"session": "a", "after": "x"}, "not both"), ({"session": "x" * 300}, "300 bytes")]:
            with self.assertRaisesRegex(host.ERROR, words):
                self.sqlite.rows("SELECT * FROM lumos_ask('How many customers are there?', ?)", json.dumps(options))
            self.fails(words, "How many customers are there?", **options)

    def test_a_session_of_duckdb_is_of_the_instance(self):
        self.learn()
        other = self.duckdb.cursor()
        count = lambda rows: json.loads(rows[0][0])["count"]
        history = lambda db, session: db.execute("SELECT question, goes_on FROM query(lumos_session_history(?))", [session]).fetchall()
        self.assertEqual(count(self.ask("How many customers are there in Oslo?", session="a")), 1)
        self.assertEqual(count(self.ask("what about Lyon?", other, session="a")), 2)
        self.assertEqual([goes_on for _, goes_on in history(self.duckdb, "a")], [0, 1])
        # The answer's own columns, a question that is not answered, one that is only planned.
        self.assertEqual(self.ask("and Nice?", session="a", typed=True), [(1,)])
        self.fails("not sure", "Qxzt?", session="a")
        self.duckdb.execute("EXPLAIN FROM query(lumos_ask('and Oslo?', '{\"session\": \"a\"}'))").fetchall()
        self.duckdb.execute("FROM query(lumos_parse('and Oslo?', '{\"session\": \"a\"}'))").fetchall()
        self.assertEqual(len(history(other, "a")), 3)
        # A transaction has no say in it.
        self.duckdb.execute("BEGIN")
        self.ask("and Oslo?", session="a")
        self.duckdb.execute("ROLLBACK")
        self.assertEqual(len(history(other, "a")), 4)
        self.assertEqual(other.execute("FROM query(lumos_session_reset('a'))").fetchall(), [(4,)])
        self.assertEqual(self.duckdb.execute("FROM query(lumos_session_reset('a'))").fetchall(), [(0,)])
        self.assertEqual(history(self.duckdb, "a"), [])

    def test_types_that_are_texts_or_times(self):
        self.duckdb.execute("CREATE TYPE mood AS ENUM ('glad', 'sad', 'INTERVAL[]')")
        self.duckdb.execute("CREATE TABLE visit(id UUID PRIMARY KEY, feeling mood, hour TIME, seen TIMESTAMPTZ)")
        self.duckdb.execute("INSERT INTO visit VALUES (uuid(), 'glad', '10:30:00', '2024-01-02 03:04:05+00'), (uuid(), 'sad', '11:00:00', NULL), (uuid(), 'glad', NULL, NULL)")
        self.learn()
        self.assertEqual(json.loads(self.ask("How many visits have the feeling glad?")[0][0]), {"count": 2})
        targets = self.duckdb.execute("SELECT target FROM query(lumos_link('sad'))").fetchall()
        self.assertEqual(targets, [("visit.feeling",)])
        for question in "How many visits are there by hour?", "What is the earliest hour of visits?", "visits in January 2024", "List the id of all visits":
            for row in self.ask(question, min_confidence=0):
                json.loads(row[0])

    def test_anyone_may_call_the_folds(self):
        self.learn()
        rows = "(SELECT 0 AS w, NULL::BIGINT AS n, 'x' AS t FROM range(3))"
        names = ["learn", "learn_values", "ask", "to_sql", "parse", "link", "learned"]
        specs = ["", "{}", "[]", '{"database": "memory", "schema": "main", "fingerprint": "0", "tables": ["x"], "readings": [1], "scores": [], "refused": [false]}']
        for name in names:
            for spec in specs:
                for what in -1, 0, 1, 2, 3, 4, 5, 6, 7:
                    sql = f"SELECT _lumos_{name}(?, {what}, 0::BIGINT, n, n, t, t, t, t, t, t) FROM {rows}"
                    try:
                        self.duckdb.execute(sql, [spec]).fetchall()
                    except duckdb.Error as e:
                        self.assertNotIn("INTERNAL", str(e).upper().replace("INTERNAL ERROR: A ROW LACKS", ""))
        # What someone has taught it wrongly is an error.
        self.fails("", "How many customers are there in Oslo?")
        self.learn()
        self.assertEqual(len(self.ask("How many customers are there in Oslo?")), 1)

    def test_questions_beside_each_other(self):
        self.learn()
        failures = []

        def work():
            db = self.duckdb.cursor()
            for i in range(15):
                try:
                    if i % 5 == 0:
                        db.execute("FROM query(lumos_learn_values())").fetchall()
                    self.ask("How many customers are there in Oslo?", db)
                except duckdb.Error as e:
                    failures.append(str(e))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
