"""What the host's authorizer says counts for all that comes out of the mirror, and for all that goes into it. SQLite itself
is the oracle: what it refuses is refused, what it gives is given. And results that are kept: none that is not so any more."""

import contextlib
import json
import random
import struct
import threading
import unittest

import host

OK, DENY, IGNORE, READ = 0, 1, 2, 20

# Both engines read these alike.
FORMS = """
SELECT salary FROM emp
SELECT name, dept FROM emp
SELECT * FROM emp
SELECT e.* FROM emp e
SELECT name FROM emp ORDER BY salary
SELECT name FROM emp WHERE salary > 0
SELECT name FROM emp WHERE salary > 1000000000
SELECT name FROM emp WHERE salary IS NULL
SELECT max(salary), min(salary) FROM emp
SELECT count(*) FROM emp
SELECT count(salary) FROM emp
SELECT 1 FROM emp
SELECT count(*) FILTER (WHERE salary > 1) FROM emp
SELECT count(*) FROM emp GROUP BY salary
SELECT dept FROM emp GROUP BY dept HAVING max(salary) > 0
SELECT DISTINCT salary FROM emp
SELECT CASE WHEN id = 1 THEN salary END FROM emp
SELECT coalesce(dept, salary) FROM emp
SELECT name FROM (SELECT * FROM emp) x
SELECT name FROM (SELECT name, salary FROM emp) x
SELECT x.id FROM (SELECT id FROM emp) x
SELECT count(*) FROM (SELECT salary FROM emp) x
WITH c AS (SELECT salary FROM emp) SELECT count(*) FROM c
WITH c AS (SELECT salary FROM emp) SELECT name FROM emp
WITH c AS (SELECT id, salary AS s FROM emp) SELECT a.id FROM c a JOIN c b ON a.id = b.id
WITH c(n) AS (SELECT name FROM emp), d AS (SELECT n FROM c) SELECT n FROM d
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT max(id) FROM emp)) SELECT count(*) FROM r
WITH RECURSIVE r(n, s) AS (SELECT id, salary FROM emp WHERE id = 1 UNION ALL SELECT n + 1, s FROM r WHERE n < 3) SELECT n FROM r
SELECT e.name FROM emp e JOIN dept d ON e.dept = d.id
SELECT e.name FROM emp e JOIN dept d ON e.dept = d.id AND e.salary > d.budget
SELECT e.name FROM emp e LEFT JOIN dept d ON e.salary = d.budget
SELECT e.name, d.title FROM emp e CROSS JOIN dept d
SELECT count(*) FROM emp JOIN dept USING (id)
SELECT count(*) FROM emp a, emp b WHERE a.id = 1
SELECT a.name FROM emp a, emp b WHERE a.salary = b.salary
SELECT name FROM emp e WHERE EXISTS (SELECT 1 FROM dept d WHERE d.id = e.dept AND d.budget > e.salary)
SELECT name FROM emp e WHERE EXISTS (SELECT budget FROM dept d WHERE d.id = e.dept)
SELECT title, (SELECT max(salary) FROM emp e WHERE e.dept = d.id) FROM dept d
SELECT title, (SELECT count(*) FROM emp e WHERE e.dept = d.id) FROM dept d
SELECT name FROM emp WHERE dept IN (SELECT id FROM dept WHERE budget > 0)
SELECT name FROM emp WHERE dept NOT IN (SELECT id FROM dept)
SELECT name FROM emp WHERE salary IN (SELECT budget FROM dept)
SELECT name FROM emp UNION ALL SELECT title FROM dept
SELECT salary FROM emp UNION SELECT budget FROM dept
SELECT id FROM emp EXCEPT SELECT salary FROM emp
SELECT id FROM emp INTERSECT SELECT id FROM dept
SELECT n FROM (SELECT name AS n, salary AS s FROM emp UNION ALL SELECT title, budget FROM dept) x
SELECT name, row_number() OVER (ORDER BY salary) FROM emp
SELECT name, sum(id) OVER (PARTITION BY salary) FROM emp
SELECT name, sum(id) OVER (PARTITION BY dept ORDER BY id) FROM emp
SELECT name FROM emp ORDER BY name LIMIT 2
SELECT note FROM emp WHERE name LIKE 'a%'
SELECT 1
SELECT name FROM main.emp
SELECT "emp"."Name" FROM "EMP"
SELECT upper(name) FROM emp WHERE length(name) > (SELECT avg(budget) FROM dept)
SELECT k, secret FROM other
SELECT k FROM other
SELECT count(*) FROM other
SELECT o.k FROM other o JOIN emp e ON o.k = e.id
SELECT d, g FROM gen
SELECT g FROM gen
SELECT secret FROM keyless
SELECT a FROM keyless
""".strip().splitlines()

# Those that go through every door.
FEW = [FORMS[i] for i in (0, 1, 4, 6, 8, 9, 19, 28, 36, 54, 56, 57, 58, 60, 61, 62)]

DENIED = [("emp", "salary"), ("emp", "name"), ("dept", "budget"), ("emp", ""), ("other", "secret"), ("gen", "d"), ("keyless", "secret")]

# DuckDB alone has these. True: something of emp.salary is read.
OWN_FORMS = [
    ("FROM emp", True),
    ("FROM emp SELECT name", False),
    ("SUMMARIZE emp", True),
    ("DESCRIBE emp", False),
    ("SHOW TABLES", False),
    ("SELECT * EXCLUDE (salary) FROM emp", False),
    ("SELECT * REPLACE (1 AS salary) FROM emp", False),
    ("SELECT COLUMNS('s.*') FROM emp", True),
    ("SELECT COLUMNS('n.*') FROM emp", False),
    ("SELECT max_by(name, salary) FROM emp", True),
    ("SELECT arg_min(name, id) FROM emp", False),
    ("SELECT name FROM emp QUALIFY row_number() OVER (ORDER BY salary) = 1", True),
    ("SELECT list_transform([1, 2], lambda x: x + salary) FROM emp", True),
    ("SELECT list_transform([1, 2], lambda x: x + id) FROM emp", False),
    ("SELECT e FROM emp e", True),
    ("SELECT struct_pack(a := name, b := salary).a FROM emp", True),
    ("SELECT x.s FROM dept d, LATERAL (SELECT sum(salary) AS s FROM emp e WHERE e.dept = d.id) x", True),
    ("SELECT x.s FROM dept d, LATERAL (SELECT sum(id) AS s FROM emp e WHERE e.dept = d.id) x", False),
    ("SELECT stats(salary) FROM emp", True),
    ("SELECT approx_quantile(salary, 0.5) FROM emp", True),
    ("PIVOT (SELECT name, dept FROM emp) ON dept USING count(*)", False),
    ("PIVOT emp ON dept USING sum(salary) GROUP BY name", True),
    ("PIVOT (SELECT name, salary FROM emp) ON salary USING count(*)", True),
    ("UNPIVOT (SELECT id, dept, salary FROM emp) ON dept, salary", True),
    ("UNPIVOT (SELECT id, dept FROM emp) ON dept", False),
    ("SELECT name FROM emp e ASOF JOIN dept d ON e.dept = d.id AND e.salary >= d.budget", True),
    ("SELECT name FROM emp POSITIONAL JOIN dept", False),
    ("SELECT emp.name FROM emp SEMI JOIN dept ON emp.salary = dept.budget", True),
    ("SELECT emp.name FROM emp ANTI JOIN dept ON emp.dept = dept.id", False),
    ("SELECT DISTINCT ON (dept) name FROM emp ORDER BY dept, salary", True),
    ("SELECT name FROM emp USING SAMPLE 2 ROWS", False),
    ("SELECT dept, sum(id) FROM emp GROUP BY ROLLUP (dept)", False),
    ("SELECT dept, sum(id) FROM emp GROUP BY GROUPING SETS ((dept), (salary))", True),
    ("SELECT mode(salary) FROM emp GROUP BY ALL", True),
    ("EXPLAIN SELECT salary FROM emp", True),
    ("EXPLAIN SELECT name FROM emp", False),
    ("EXPLAIN ANALYZE SELECT max(salary) FROM emp", True),
    ("SELECT * FROM query('SELECT salary FROM emp')", True),
    ("SELECT * FROM query('SELECT name FROM emp')", False),
    ("SELECT salary FROM query_table('emp')", True),
    ("SELECT salary FROM _lumos_data.emp", True),
    ("SELECT name FROM _lumos_data.emp", False),
    ("SELECT name FROM _lumos_data.emp WHERE salary > 0", True),
    ("SELECT salary FROM mirror.main.emp", True),
    ("SELECT * FROM duckdb_table_sample('_lumos_data.emp')", True),
    ("SELECT * FROM pragma_storage_info('_lumos_data.emp')", True),
    ("SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT salary FROM mirror.main.emp'))", True),
    ("SELECT column_name FROM duckdb_columns() WHERE table_name = 'emp'", False),
    ("SELECT table_name FROM information_schema.tables", False),
    ("SELECT message FROM _lumos.failures", True),
    ("SELECT n FROM range(3) r(n)", False),
    ("SELECT salary FROM own_view", True),
    ("SELECT name FROM own_names", False),
    ("SELECT * FROM own_macro()", True),
    ("SELECT own_scalar()", True),
    ("VALUES ((SELECT max(salary) FROM emp))", True),
    ("SELECT unnest([salary, id]) FROM emp", True),
    ("SELECT name FROM emp WHERE (SELECT count(*) FROM emp b WHERE b.salary > emp.salary) = 0", True),
    ("SELECT INTERVAL (salary) MONTH FROM emp", True),
    ("SELECT now()::VARCHAR || salary > '1' FROM emp", True),
    ("SELECT name || salary FROM emp", True),
    ("SELECT name || id FROM emp", False),
    # As DESCRIBE: the type of a column is no value of it.
    ("SELECT typeof(salary) FROM emp", False),
    ("SELECT unnest(e) FROM emp e", True),
    ("SELECT to_json(e) FROM emp e", True),
    ("SELECT * FROM summary((FROM emp))", True),
    ("SELECT z FROM emp, LATERAL (VALUES (salary)) v(z)", True),
    ("SELECT x FROM emp, unnest([salary]) t(x)", True),
    ("SELECT (SELECT salary) FROM emp", True),
    ("SELECT name FROM emp LIMIT (SELECT max(salary) FROM emp)", True),
    ("SELECT name FROM emp UNION ALL BY NAME SELECT salary::VARCHAR AS name FROM emp", True),
]


class Authorizer:
    """Answers so for one column, or for the table where no column is read; `asked` says whether that came up."""

    def __init__(self, denied, answer):
        self.denied, self.answer, self.asked = denied, answer, False

    def __call__(self, action, one, two, database, trigger):
        if action == READ and (str(one).lower(), str(two).lower()) == self.denied:
            self.asked = True
            return self.answer
        return OK


def authorize(db, authorizer):
    if host.DRIVER == "apsw":
        db.connection.authorizer = authorizer
    else:
        db.connection.set_authorizer(authorizer)


@contextlib.contextmanager
def authorized(db, denied, answer):
    authorizer = Authorizer(denied, answer)
    authorize(db, authorizer)
    try:
        yield authorizer
    finally:
        authorize(db, None)


SCHEMA = """
CREATE TABLE emp(id INTEGER PRIMARY KEY, name TEXT, dept INTEGER, salary INTEGER, note);
CREATE TABLE dept(id INTEGER PRIMARY KEY, title TEXT, budget INTEGER);
CREATE TABLE other(k INTEGER, secret TEXT);
CREATE TABLE gen(id INTEGER PRIMARY KEY, d TEXT, g TEXT AS (d || '!'));
CREATE TABLE keyless(a INTEGER, secret TEXT);
CREATE VIEW joined AS SELECT k, secret FROM other;
INSERT INTO emp VALUES(1, 'ann', 1, 5000, 'x'), (2, 'bob', 1, 4000, NULL), (3, 'cyd', 2, 3000, 'z');
INSERT INTO dept VALUES(1, 'it', 4500), (2, 'hr', 3000);
INSERT INTO other VALUES(1, 'hidden'), (2, 'hidden too');
INSERT INTO gen(id, d) VALUES(1, 'p'), (2, 'q');
INSERT INTO keyless VALUES(1, 's'), (2, 't')
"""


class Case(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        for statement in SCHEMA.split(";"):
            self.db.rows(statement)
        self.attach(self.db)
        for table in ("emp", "dept", "gen"):
            self.db.rows("SELECT lumos_track(?)", table)
        self.db.rows("SELECT lumos_track('keyless', '{\"key\": \"rowid\"}')")

    def attach(self, db):
        db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(self.folder)]}))

    def outcome(self, run):
        """The rows in any order, or the error."""
        try:
            return sorted(run(), key=repr), None
        except host.ERROR as error:
            return None, error

    def refused_by_authorizer(self, error, context):
        self.assertIsNotNone(error, context)
        words = str(error)
        self.assertTrue("prohibited" in words or "is ignored by the authorizer" in words or "not authorized" in words, (words, context))


class Doors(Case):
    def doors(self, sql, width):
        """Each with the query that it runs; the rows of those that give none count as none."""
        db = self.db
        columns = ", ".join(f"c{i}" for i in range(width))

        def table():
            db.rows("DROP TABLE IF EXISTS temp.made")
            db.rows(f"CREATE VIRTUAL TABLE temp.made USING lumos_query({sql})")
            return db.rows("SELECT * FROM temp.made")

        def wrote(sql):
            return db.rows("SELECT lumos_exec(?)", sql)

        def auto(engine):
            return lambda: db.rows(f"SELECT {columns} FROM lumos_auto(?, NULL, ?)", sql, engine)

        count = f"SELECT count(*) FROM ({sql}) x"
        yield "lumos_query", sql, lambda: db.query(sql, width), True
        yield "lumos_scalar", count, lambda: db.rows("SELECT lumos_scalar(?)", count), True
        yield "USING lumos_query", sql, table, True
        yield "lumos_explain", sql, lambda: db.rows("SELECT lumos_explain(?)", sql), False
        yield "lumos_explain with timings", sql, lambda: db.rows("SELECT lumos_explain(?, '{\"timings\": true}')", sql), False
        yield "lumos_exec CREATE", sql, lambda: wrote(f"CREATE OR REPLACE TABLE kept AS {sql}"), False
        yield "lumos_exec INSERT", count, lambda: wrote(f"INSERT INTO sink {count}"), False
        yield "lumos_export csv", sql, lambda: db.rows("SELECT lumos_export(?, ?)", sql, str(self.folder / "out.csv")), False
        yield "lumos_export parquet", sql, lambda: db.rows("SELECT lumos_export(?, ?)", sql, str(self.folder / "out.parquet")), False
        yield "lumos_auto", sql, auto(None), True
        yield "lumos_auto in duckdb", sql, auto("duckdb"), True

    def each(self, forms, doors):
        """Through these doors, all columns denied in turn and ignored in turn; a result that is kept is no way round."""
        compared = 0
        for sql in forms:
            plain = self.db.connection.execute(sql).fetchone()
            width = len(plain) if plain else 1
            for denied in DENIED:
                for answer in (DENY, IGNORE):
                    for name, runs, run, gives in self.doors(sql, width):
                        if not doors(name) or (denied[0] not in sql.lower() and denied[0] != "other"):
                            continue
                        context = (name, runs, denied, answer)
                        with authorized(self.db, denied, answer) as authorizer:
                            expected, _ = self.outcome(lambda: self.db.rows(runs))
                        # SQLite does not heed IGNORE for a table without columns.
                        asked = authorizer.asked and not (answer == IGNORE and denied[1] == "")
                        with authorized(self.db, denied, answer):
                            found, error = self.outcome(run)
                        compared += 1
                        if name.startswith("lumos_auto") and answer == IGNORE and (error is None or "for SQLite" in str(error)):
                            # SQLite may run it, and its NULLs are its own.
                            if error is None:
                                self.assertEqual(found, expected, context)
                        elif name == "lumos_auto in duckdb" and "for SQLite" in str(error):
                            self.assertFalse(asked, context)
                        elif asked:
                            self.refused_by_authorizer(error, context)
                            self.assertIn("lumos", str(error), context)
                        else:
                            self.assertIsNone(error, context)
                            if gives:
                                self.assertEqual(found, expected, context)
        return compared

    def test_each_form(self):
        self.assertGreater(self.each(FORMS, lambda name: name == "lumos_query"), 300)

    def test_each_door(self):
        self.db.rows("SELECT lumos_exec('CREATE TABLE sink(n BIGINT)')")
        self.assertGreater(self.each(FEW, lambda name: name != "lumos_query"), 500)

    def test_forms_of_duckdb(self):
        for statement in (
            "CREATE VIEW own_view AS SELECT * FROM emp",
            "CREATE VIEW own_names AS SELECT name FROM emp",
            "CREATE MACRO own_macro() AS TABLE SELECT salary FROM emp",
            "CREATE MACRO own_scalar() AS (SELECT max(salary) FROM emp)",
        ):
            self.db.rows("SELECT lumos_exec(?)", statement)
        for sql, reads in OWN_FORMS:
            rows, error = self.outcome(lambda: self.db.rows("SELECT row FROM lumos_query(?)", sql))
            self.assertIsNone(error, sql)
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer):
                    found, error = self.outcome(lambda: self.db.rows("SELECT row FROM lumos_query(?)", sql))
                if reads:
                    self.refused_by_authorizer(error, (sql, answer))
                else:
                    self.assertIsNone(error, sql)
                    if "SAMPLE" not in sql:
                        self.assertEqual(found, rows, sql)

    def test_the_error_is_the_hosts_own(self):
        with authorized(self.db, ("emp", "salary"), DENY):
            with self.assertRaises(host.ERROR) as caught:
                self.db.query("SELECT salary FROM emp")
        self.assertEqual(str(caught.exception).removeprefix("AuthError: "), "lumos_query: access to emp.salary is prohibited")
        if host.DRIVER == "apsw":
            self.assertEqual(type(caught.exception).__name__, "AuthError")

    def test_whatever_columns_are_called(self):
        """By their names alone it is seen that they are ignored."""
        for pragma in ("short_column_names = 0", "full_column_names = 1", "short_column_names = 1", "full_column_names = 0"):
            self.db.rows(f"PRAGMA {pragma}")
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer):
                    self.refused(self.db, "SELECT * FROM lumos_query('SELECT salary FROM emp')", "emp.salary")
                    self.assertEqual(len(self.db.query("SELECT name FROM emp")), 3)
                    self.assertEqual(len(self.db.query("SELECT id, note FROM emp", 2)), 3)
        self.db.rows('CREATE TABLE odd("t.""a""" INTEGER PRIMARY KEY, "x""y" TEXT, "select", "a b")')
        self.db.rows("INSERT INTO odd VALUES(1, 2, 3, 4)")
        self.db.rows("SELECT lumos_track('odd')")
        for column in ('t."a"', 'x"y', "select", "a b"):
            quoted = '"' + column.replace('"', '""') + '"'
            self.assertEqual(len(self.db.query(f"SELECT {quoted} FROM odd")), 1)
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("odd", column), answer):
                    self.refused(self.db, "SELECT * FROM lumos_query(?)", "odd.", values=(f"SELECT {quoted} FROM odd",))
                    self.assertEqual(len(self.db.query("SELECT count(*) FROM odd")), 1)

    def test_a_table_under_another_name(self):
        self.db.rows("SELECT lumos_untrack('emp')")
        self.db.rows("""SELECT lumos_track('emp', '{"target": "people", "columns": ["name", "salary"]}')""")
        self.assertEqual(len(self.db.query("SELECT salary FROM people")), 3)
        for answer in (DENY, IGNORE):
            with authorized(self.db, ("emp", "salary"), answer):
                self.refused(self.db, "SELECT * FROM lumos_query('SELECT salary FROM people')", "emp.salary")
                self.assertEqual(len(self.db.query("SELECT name FROM people")), 3)
        self.db.rows("ALTER TABLE emp RENAME COLUMN name TO label")
        self.db.rows("ALTER TABLE emp RENAME TO staff")
        # Twice: making the triggers anew changes the schema once more.
        self.db.rows("SELECT lumos_sync(), lumos_sync()")
        self.assertEqual(len(self.db.query("SELECT salary FROM people")), 3)
        for answer in (DENY, IGNORE):
            with authorized(self.db, ("staff", "label"), answer):
                self.refused(self.db, "SELECT * FROM lumos_query('SELECT label FROM people')", "staff.label")
                self.assertEqual(len(self.db.query("SELECT salary FROM people")), 3)

    def test_a_table_as_a_virtual_one(self):
        """Its columns are read one by one."""
        for make in ("CREATE VIRTUAL TABLE temp.v USING lumos_table('emp')", "SELECT lumos_import('main', '')"):
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer):
                    self.db.rows(make.replace("''", "'m_'"))
                    name = "temp.v" if "lumos_table" in make else "temp.m_emp"
                    self.assertEqual(len(self.db.rows(f"SELECT name FROM {name}")), 3)
                    self.assertEqual(self.db.value(f"SELECT count(*) FROM {name}"), 3)
                    self.refused(self.db, f"SELECT salary FROM {name}", "emp.salary")
                    self.refused(self.db, f"SELECT name FROM {name} WHERE salary > 1", "emp.salary")
                    self.refused(self.db, f"SELECT name FROM {name} ORDER BY salary", "emp.salary")
                self.assertEqual(len(self.db.rows(f"SELECT salary FROM {name}")), 3)
                self.db.rows(f"DROP TABLE {name}")
        with authorized(self.db, ("emp", ""), DENY):
            self.refused(self.db, "CREATE VIRTUAL TABLE temp.v USING lumos_table('emp')", "emp")

    def test_views_that_are_not_tracked(self):
        with authorized(self.db, ("other", "secret"), DENY):
            self.refused(self.db, "SELECT * FROM lumos_query('SELECT secret FROM joined')", "other.secret")
        with authorized(self.db, ("joined", "secret"), DENY):
            self.refused(self.db, "SELECT * FROM lumos_query('SELECT secret FROM joined')", "joined.secret")
            self.assertEqual(len(self.db.query("SELECT k FROM joined")), 2)
        with authorized(self.db, ("joined", "secret"), IGNORE):
            self.refused(self.db, "SELECT * FROM lumos_query('SELECT secret FROM joined')", "joined.secret")
            self.assertEqual(len(self.db.query("SELECT k FROM joined")), 2)
        self.assertEqual(len(self.db.query("SELECT secret FROM joined")), 2)

    def test_rows_in_files(self):
        (self.folder / "cold").mkdir()
        self.db.rows("SELECT lumos_tier('emp', 'id', 3, ?)", str(self.folder / "cold"))
        files = [str(f) for f in (self.folder / "cold").iterdir()]
        self.assertTrue(files)
        forms = [
            ("SELECT salary FROM emp", True),
            ("SELECT name FROM emp", False),
            ("SELECT name FROM emp WHERE salary > 1", True),
            ("SELECT count(*) FROM emp", False),
            ("SELECT name FROM (SELECT name, salary FROM emp) x", True),
            ("SELECT max(salary) FROM emp", True),
            (f"SELECT salary FROM read_parquet('{files[0]}')", True),
            (f"SELECT name FROM read_parquet('{files[0]}')", False),
            (f"SELECT name FROM '{files[0]}' WHERE salary > 1", True),
            (f"SELECT name FROM read_parquet('{self.folder}/cold/*.parquet')", False),
            (f"SELECT * FROM read_parquet('{self.folder}/cold/*.parquet')", True),
            (f"SELECT salary FROM read_parquet('{self.folder}/cold/../cold/{files[0].rsplit('/', 1)[1]}')", True),
            (f"SELECT * FROM parquet_metadata('{files[0]}')", True),
            (f"SELECT * FROM read_blob('{files[0]}')", True),
        ]
        for sql, reads in forms:
            expected = self.db.rows("SELECT count(row) FROM lumos_query(?)", sql)
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer):
                    found, error = self.outcome(lambda: self.db.rows("SELECT count(row) FROM lumos_query(?)", sql))
                if reads:
                    self.refused_by_authorizer(error, sql)
                else:
                    self.assertEqual((found, error), (expected, None), sql)

    def test_kept_results(self):
        """The authorizer comes and goes between calls of the same text, and changes its mind."""
        sql = "SELECT salary FROM emp"
        for _ in range(3):
            self.assertEqual(len(self.db.query(sql)), 3)
            self.assertEqual(len(self.db.query(sql)), 3)
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer) as authorizer:
                    self.refused(self.db, "SELECT * FROM lumos_query(?)", "emp.salary", values=(sql,))
                    self.refused(self.db, "SELECT lumos_scalar(?)", "emp.salary", values=(sql,))
                    authorizer.answer = OK
                    self.assertEqual(len(self.db.query(sql)), 3)
                    authorizer.answer = answer
                    self.refused(self.db, "SELECT * FROM lumos_query(?)", "emp.salary", values=(sql,))
        hits = json.loads(self.db.value("SELECT lumos_cache_stats()"))["hits"]
        self.assertEqual(len(self.db.query(sql)), 3)
        self.assertEqual(json.loads(self.db.value("SELECT lumos_cache_stats()"))["hits"], hits + 1)

    def test_two_connections(self):
        """One has an authorizer, the other has none, and both have one mirror."""
        second = self.open()
        self.attach(second)
        for _ in range(2):
            self.assertEqual(len(second.query("SELECT salary FROM emp")), 3)
            with authorized(self.db, ("emp", "salary"), DENY):
                self.refused(self.db, "SELECT * FROM lumos_query('SELECT salary FROM emp')", "emp.salary")
                self.assertEqual(len(second.query("SELECT salary FROM emp")), 3)
                self.assertEqual(len(self.db.query("SELECT name FROM emp")), 3)


class Applying(Case):
    """Nothing that is denied or ignored gets into the mirror as something else."""

    def check(self, call, change, restore=None):
        """The call fails under an authorizer and leaves all as it was; another connection goes on."""
        second = self.open()
        self.attach(second)
        for answer in (DENY, IGNORE):
            before = second.query("SELECT id, name, salary FROM _lumos_data.emp ORDER BY 1", 3)
            at = second.query("SELECT seq FROM _lumos.state")
            if change:
                self.db.rows(change)
            with authorized(self.db, ("emp", "salary"), answer):
                message = self.refused(self.db, call, "emp.salary")
            self.assertNotIn("lumos_track it with other options", message)
            second.rows("SELECT lumos_attach(NULL, '{\"auto_sync\": false}')")
            self.assertEqual(second.query("SELECT id, name, salary FROM _lumos_data.emp ORDER BY 1", 3), before, (call, answer))
            self.assertEqual(second.query("SELECT seq FROM _lumos.state"), at)
            second.rows("SELECT lumos_attach(NULL, '{\"auto_sync\": true}')")
            self.assertEqual(second.query("SELECT count(*) FROM _lumos.failures"), [(0,)])
            self.assertEqual(
                second.query("SELECT id, name, salary FROM emp ORDER BY 1", 3), self.db.rows("SELECT id, name, salary FROM emp ORDER BY 1")
            )
            self.assertEqual(second.rows("SELECT * FROM lumos_verify('*')"), [])
            self.assertEqual(self.db.rows("SELECT last_error FROM lumos_status WHERE last_error IS NOT NULL"), [])
            if restore:
                self.db.rows(restore)

    def test_a_few_changes(self):
        self.check("SELECT lumos_sync()", "UPDATE emp SET salary = salary + 1 WHERE id = 1")

    def test_a_query_applies_them(self):
        """A connection that may not read what changed gets what it may read, as it is now; for nobody it is NULL."""
        second = self.open()
        self.attach(second)
        changes = [
            "UPDATE emp SET salary = salary + 1, note = note || 'x'",
            "INSERT INTO emp VALUES (9, 'eve', 2, 1000, 'n')",
            "ALTER TABLE emp ADD COLUMN more DEFAULT 7",
            "DELETE FROM emp WHERE id = 9",
        ]
        reads = ["SELECT name, id FROM emp", "SELECT count(*) FROM emp", "SELECT id, title FROM dept", "SELECT sum(id) FROM emp"]
        for i, change in enumerate(changes):
            for denied in (("emp", "salary"), ("emp", "note"), ("gen", "d")):
                for answer in (DENY, IGNORE):
                    for read in reads:
                        self.db.rows("UPDATE gen SET d = d || '.'")
                        self.db.rows(f"INSERT INTO emp(id, name, dept, salary) VALUES (100 + {i}, 'one', 1, 5)")
                        if read == reads[0]:
                            self.db.rows(f"UPDATE emp SET salary = salary + 1")
                        with authorized(self.db, denied, answer):
                            width = read.count(",") + 1
                            self.assertEqual(sorted(self.db.query(read, width)), sorted(self.db.rows(read)), (change, denied, answer))
                            self.refused(self.db, f"SELECT * FROM lumos_query('SELECT {denied[1]} FROM {denied[0]}')", ".".join(denied))
                        self.db.rows("DELETE FROM emp WHERE id >= 100")
            self.db.rows(change)
            with authorized(self.db, ("emp", "salary"), DENY):
                self.assertEqual(self.db.query("SELECT count(*) FROM emp"), self.db.rows("SELECT count(*) FROM emp"))
            for sql in ("SELECT id, name, salary, note FROM emp", "SELECT id, d, g FROM gen"):
                width = sql.count(",") + 1
                self.assertEqual(sorted(second.query(sql, width)), sorted(self.db.rows(sql)), change)
            self.assertEqual(second.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_beside_a_writer(self):
        """Who writes does not hinder it."""
        path = self.folder / "beside.sqlite"
        db = self.open(path)
        db.rows("PRAGMA journal_mode = WAL")
        db.rows("CREATE TABLE emp(id INTEGER PRIMARY KEY, n INTEGER, salary INTEGER)")
        db.rows("INSERT INTO emp VALUES (1, 500, 1), (2, 500, 2)")
        db.rows("SELECT lumos_track('emp')")
        authorize(db, Authorizer(("emp", "salary"), DENY))
        over = threading.Event()

        def write():
            writer = host.Database(path, load=False)
            for i in range(100):
                writer.rows(f"UPDATE emp SET n = n + CASE id WHEN {i % 2 + 1} THEN 1 ELSE -1 END, salary = salary + 1")
            writer.close()
            over.set()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            while not over.is_set():
                self.assertEqual(db.query("SELECT sum(n)::BIGINT FROM emp"), [(1000,)])
        finally:
            thread.join()
            authorize(db, None)
        self.assertEqual(db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_a_database_in_no_file(self):
        """Nobody else can read it."""
        db = self.open(":memory:")
        db.rows("CREATE TABLE emp(id INTEGER PRIMARY KEY, name, salary)")
        db.rows("SELECT lumos_track('emp')")
        db.rows("INSERT INTO emp VALUES (1, 'ann', 5)")
        with authorized(db, ("emp", "salary"), DENY):
            self.refused(db, "SELECT * FROM lumos_query('SELECT name FROM emp')", "emp.salary")
        self.assertEqual(db.query("SELECT name FROM emp"), [("ann",)])

    def test_many_changes(self):
        rows = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, 'n' || i, 1, i, NULL FROM n"
        self.check("SELECT lumos_sync()", f"INSERT OR REPLACE INTO emp {rows}")

    def test_a_new_column(self):
        for name in ("one", "two"):
            self.db.rows(f"ALTER TABLE emp ADD COLUMN {name} DEFAULT 7")
            for answer in (DENY, IGNORE):
                with authorized(self.db, ("emp", "salary"), answer):
                    self.refused(self.db, "SELECT lumos_sync()", "emp.salary")
            self.assertEqual(self.db.query(f"SELECT sum({name}), sum(salary) FROM emp", 2), [(21, 12000)])

    def test_resync(self):
        self.check("SELECT lumos_resync('emp')", None)
        self.check("SELECT lumos_resync('*')", None)

    def test_track(self):
        second = self.open()
        self.attach(second)
        self.db.rows("SELECT lumos_untrack('emp')")
        for answer in (DENY, IGNORE):
            with authorized(self.db, ("emp", "salary"), answer):
                self.refused(self.db, "SELECT lumos_track('emp')", "emp.salary")
                self.assertEqual(self.db.value("""SELECT count(*) FROM lumos_status WHERE "table" = 'emp'"""), 0)
                report = json.loads(self.db.value("SELECT lumos_track('emp*')"))
                self.assertIn("emp.salary", report[0]["error"])
                self.db.rows("""SELECT lumos_track('emp', '{"columns": ["name"]}')""")
                self.assertEqual(len(self.db.query("SELECT name FROM emp")), 3)
            self.db.rows("SELECT lumos_untrack('emp')")
        self.db.rows("SELECT lumos_track('emp')")
        self.assertEqual(second.query("SELECT sum(salary) FROM emp"), [(12000,)])

    def test_verify_and_repair(self):
        second = self.open()
        self.attach(second)
        for answer in (DENY, IGNORE):
            with authorized(self.db, ("emp", "salary"), answer):
                self.refused(self.db, "SELECT * FROM lumos_verify('emp')", "emp.salary")
                self.refused(self.db, "SELECT lumos_repair('emp')", "emp.salary")
                # Rows in the order of a column show what is in it.
                self.refused(self.db, "SELECT lumos_optimize('emp', '{\"order_by\": \"salary\"}')", "emp.salary")
                self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('dept')"), [])
            self.assertEqual(second.query("SELECT sum(salary) FROM emp"), [(12000,)])
            self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_what_lumos_itself_keeps(self):
        """The changelog and the schema decide what the mirror has."""
        second = self.open()
        self.attach(second)
        for table, column in (
            *(("_lumos_log", c) for c in ("seq", "tbl", "op", "mark", "k1")),
            ("_lumos_meta", "source"),
            *(("_lumos_tables", c) for c in ("id", "name", "key", "schema", "options")),
            *(("sqlite_master", c) for c in ("type", "name", "tbl_name", "rootpage", "sql")),
        ):
            for change in ("UPDATE emp SET salary = salary + 1", "CREATE INDEX i ON emp(salary)", "DROP INDEX i"):
                self.db.rows(change)
                with authorized(self.db, (table, column), IGNORE):
                    found, error = self.outcome(lambda: self.db.query("SELECT salary FROM emp"))
                expected = sorted(self.db.rows("SELECT salary FROM emp"))
                if error is None:
                    self.assertEqual(found, expected, (table, column, change))
                self.assertEqual(sorted(second.query("SELECT salary FROM emp")), expected, (table, column, change))
            self.assertEqual(second.rows("SELECT * FROM lumos_verify('*')"), [])


class Kept(Case):
    """Results that are kept: what they depend on has changed in between."""

    def stale(self, sql, change, width=1):
        """The rows before and after the change."""
        before = [sorted(self.db.query(sql, width), key=repr) for _ in range(3)][-1]
        change()
        return before, sorted(self.db.query(sql, width), key=repr)

    def exec(self, sql):
        return self.db.rows("SELECT lumos_exec(?)", sql)

    def hits(self):
        return json.loads(self.db.value("SELECT lumos_cache_stats()"))["hits"]

    def test_own_objects_changed(self):
        for make, sql, change, after in [
            ("CREATE MACRO m() AS 1", "SELECT m() FROM emp", "CREATE OR REPLACE MACRO m() AS 2", [(2,)] * 3),
            ("CREATE MACRO n(x) AS x", "SELECT main.n(id) FROM emp WHERE id = 1", "CREATE OR REPLACE MACRO n(x) AS x * 10", [(10,)]),
            ("CREATE MACRO rows_of() AS TABLE SELECT id FROM emp", "FROM rows_of()", "CREATE OR REPLACE MACRO rows_of() AS TABLE SELECT 7", [(7,)]),
            ("CREATE VIEW w AS SELECT id FROM emp WHERE id = 1", "SELECT id FROM w", "CREATE OR REPLACE VIEW w AS SELECT id FROM emp WHERE id = 2", [(2,)]),
            ("CREATE TABLE o AS SELECT 1 AS i", "SELECT o.i FROM o, emp WHERE emp.id = 1", "UPDATE o SET i = 5", [(5,)]),
        ]:
            self.exec(make)
            _, found = self.stale(sql, lambda: self.exec(change))
            self.assertEqual(found, after, sql)

    def test_a_table_of_the_same_name(self):
        self.exec("CREATE SCHEMA s")
        self.exec("CREATE TABLE s.emp AS SELECT 1 AS i")
        for sql in ("SELECT i FROM s.emp", 'SELECT "i" FROM "S"."EMP"', "SELECT s.emp.i FROM s.emp, main.emp WHERE main.emp.id = 1"):
            self.exec("UPDATE s.emp SET i = 1")
            self.assertEqual(self.stale(sql, lambda: self.exec("UPDATE s.emp SET i = 2")), ([(1,)], [(2,)]), sql)

    def test_what_is_never_the_same(self):
        self.exec("CREATE VIEW r AS SELECT id, random() AS x FROM emp")
        self.exec("CREATE MACRO r() AS random()")
        for sql in (
            "SELECT random() FROM emp",
            "SELECT x FROM r",
            "SELECT r() FROM emp",
            "SELECT list_transform([1, 2], lambda i: i + random()) FROM emp",
            "SELECT sum(random()) FROM emp",
            "SELECT id FROM emp ORDER BY random()",
            "SELECT id FROM emp WHERE random() < 0.5",
            "SELECT uuid() FROM emp",
            "SELECT now() FROM emp",
            "SELECT now()::VARCHAR || name FROM emp",
            "SELECT age(TIMESTAMP '2020-01-01') FROM emp",
            "SELECT getvariable('x') FROM emp",
            "SELECT current_timestamp FROM emp",
            "SELECT id FROM emp USING SAMPLE 1 ROWS",
            "SELECT id FROM emp TABLESAMPLE 50%",
            "SELECT k FROM other",
            "SELECT id, (SELECT count(*) FROM duckdb_tables()) FROM emp",
        ):
            self.db.query(sql)
            hits = self.hits()
            self.db.query(sql)
            self.assertEqual(self.hits(), hits, sql)

    def test_files(self):
        file = self.folder / "x.csv"
        file.write_text("i\n1\n")
        sql = f"SELECT x.i FROM read_csv('{file}') x, emp WHERE emp.id = 1"
        self.assertEqual(self.stale(sql, lambda: file.write_text("i\n2\n")), ([(1,)], [(2,)]))

    def test_what_is_kept(self):
        """All else; also qualified names, words in texts, and parameters."""
        self.exec("CREATE VIEW w AS SELECT id, name FROM emp")
        self.exec("CREATE MACRO twice(x) AS x * 2")
        for sql, values in [
            ("SELECT name FROM emp", None),
            ("SELECT name FROM main.emp", None),
            ("SELECT name FROM mirror.main.emp", None),
            ("SELECT name FROM emp WHERE name <> 'random'", None),
            ("SELECT id AS sample FROM emp", None),
            ("SELECT name FROM w", None),
            ("SELECT twice(id) FROM emp", None),
            ("SELECT e.name, d.title FROM emp e JOIN dept d ON e.dept = d.id", None),
            ("WITH c AS (SELECT id FROM emp) SELECT count(*) FROM c, range(3)", None),
            ("SELECT name FROM emp WHERE id = ?", "[1]"),
            ("SELECT name FROM emp WHERE id = $x", '{"x": 1}'),
            ("SELECT INTERVAL (id) MONTH FROM emp", None),
        ]:
            read = lambda: self.db.rows("SELECT row FROM lumos_query(?, ?)", sql, values)
            first = read()
            hits = self.hits()
            self.assertEqual(read(), first)
            self.assertEqual(self.hits(), hits + 1, sql)
            self.db.rows("UPDATE emp SET name = name || '.', dept = dept WHERE id = 1")
            self.assertEqual(len(read()), len(first))
            self.assertEqual(self.hits(), hits + 1, sql)

    def test_a_model_replaced(self):
        def add(path):
            self.db.rows("SELECT lumos_model_remove('m')")
            self.db.rows("SELECT lumos_model_add('m', ?)", path)

        models = [str(self.model(seed)) for seed in (1, 2)]
        add(models[0])
        sql = "SELECT lumos_l2(lumos_embed(name, 'm'), lumos_embed('x', 'm')) FROM emp ORDER BY id"
        first = [self.db.query(sql) for _ in range(3)][-1]
        add(models[1])
        self.assertNotEqual(self.db.query(sql), first)

    def model(self, seed):
        """Static embeddings of a few words, other ones for each seed."""
        words = ["[UNK]", "ann", "bob", "cyd", "x"]
        folder = self.folder / f"model{seed}"
        folder.mkdir()
        tokenizer = {
            "normalizer": {"type": "BertNormalizer", "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {word: i for i, word in enumerate(words)}},
        }
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        numbers = random.Random(seed)
        values = struct.pack(f"<{4 * len(words)}f", *(numbers.random() for _ in range(4 * len(words))))
        head = json.dumps({"embeddings": {"dtype": "F32", "shape": [len(words), 4], "data_offsets": [0, len(values)]}}).encode()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + values)
        return folder


if __name__ == "__main__":
    unittest.main()
