"""Every call that an obstacle hinders says so by SQLite's own result code: a driver tries again what was locked, and a
program tells a full disk or a refusal from a wrong statement. The doors are scalar functions, table-valued functions, and
what a virtual table does when it is made, read and written."""

import json

import host
from test_obstacles import CALLS, SCHEMA

BUSY, READONLY, INTERRUPT, FULL, AUTH = 5, 8, 9, 13, 23
OK, DENY, IGNORE = 0, 1, 2
# What an authorizer is asked for.
INSERT, READ, SELECT, UPDATE = 18, 20, 21, 23

# Beside those of test_obstacles: what has data of its own in SQLite.
MORE = {
    "load": (None, "SELECT lumos_load('{folder}/in.csv', 'u')"),
    "export": (None, "SELECT lumos_export('SELECT v FROM t', '{folder}/out.csv')"),
    "relation": ("CREATE VIRTUAL TABLE temp.r USING lumos_table(t)", "SELECT sum(v) FROM temp.r WHERE v > 1"),
    "vector row": (None, "INSERT INTO vec(id, e) VALUES (9, '[1, 2]')"),
    "vector row less": (None, "DELETE FROM vec WHERE id = 1"),
    "vector rows": (None, "UPDATE vec SET e = '[3, 4]'"),
    "nearest": (None, "SELECT id FROM vec WHERE e MATCH '[1, 2]' AND k = 2"),
    "rows of vectors": (None, "SELECT id, e FROM vec"),
    "search": (None, "SELECT * FROM lumos_search('vec', '[1, 2]', 2)"),
    "vectors": (None, "CREATE VIRTUAL TABLE more USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])"),
    "remembered": (None, "SELECT lumos_memory_add('The bus was late', '{{\"now\": \"2026-01-01\"}}')"),
    "forgotten": (None, "SELECT lumos_memory_forget(1)"),
    "memories": (None, "SELECT * FROM lumos_memory_search('bus', '{{\"now\": \"2026-01-01\"}}')"),
    "memory": ("DROP TABLE lumos_memory", "SELECT lumos_memory_init()"),
}
DOORS = CALLS | MORE
MADE = [
    "CREATE VIRTUAL TABLE vec USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])",
    "INSERT INTO vec(id, e) VALUES (1, '[1, 2]'), (2, '[2, 1]')",
    "SELECT lumos_memory_init()",
    "SELECT lumos_memory_add('Ann took the bus', '{\"now\": \"2026-01-01\"}')",
]


def code(error):
    return (error.result if host.DRIVER == "apsw" else error.sqlite_errorcode) & 0xFF


class Codes(host.Case):
    def setUp(self):
        super().setUp()
        (self.folder / "in.csv").write_text("code,v\nnew,1\n")
        self.number = 0

    def fresh(self):
        self.number += 1
        self.path = self.folder / f"{self.number}.sqlite"
        db = self.open(self.path)
        db.rows("PRAGMA synchronous = OFF")
        db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(self.folder)]}))
        for statement in (*SCHEMA, *MADE):
            db.rows(statement)
        db.rows("SELECT lumos_track('t')")
        return db

    def each(self, expected, least, hindered, doors=DOORS):
        """Each door behind the obstacle; `least` of them meet it."""
        met, db = 0, None
        for name, (before, statement) in doors.items():
            with self.subTest(name):
                db = db or self.fresh()
                if before:
                    db.rows(before)
                db.rows("PRAGMA busy_timeout = 0")
                end, error = hindered(db), None
                try:
                    db.rows(statement.format(folder=self.folder) if name in MORE else statement)
                except host.ERROR as e:
                    error = e
                finally:
                    end()
                if error:
                    met += 1
                    self.assertEqual(code(error), expected, error)
                if before or not error:
                    # It is no longer as it was.
                    db.close()
                    db = None
        self.assertGreaterEqual(met, least)

    def test_locked(self):
        def hindered(_):
            other = host.Database(self.path, load=False)
            other.rows("BEGIN EXCLUSIVE")
            return other.close

        self.each(BUSY, 25, hindered)

    def test_the_mirror_of_another_process(self):
        def hindered(db):
            db.rows("SELECT lumos_detach()")
            other = host.process(
                "import sys, host; db = host.Database(sys.argv[1]); db.rows('SELECT lumos_attach()'); print(flush=True); input()", self.path
            )
            other.stdout.readline()
            return lambda: other.communicate("\n")

        # Files are open to a mirror that is attached with folders.
        self.each(BUSY, 12, hindered, {name: door for name, door in DOORS.items() if name not in ("load", "export")})

    def test_read_only(self):
        def hindered(db):
            db.rows("PRAGMA query_only = 1")
            return lambda: None

        self.each(READONLY, 10, hindered)

    def test_full(self):
        def hindered(db):
            db.rows("CREATE TABLE filler(x)")
            db.rows(f"PRAGMA max_page_count = {db.value('PRAGMA page_count')}")

            def end():
                db.rows("PRAGMA max_page_count = 1000000")
                db.rows("DROP TABLE filler")

            try:
                while True:
                    db.rows("INSERT INTO filler VALUES (zeroblob(200))")
            except host.ERROR:
                return end

        self.each(FULL, 3, hindered)

    def test_interrupted(self):
        def hindered(db):
            host.progress(db, lambda: True, 1)
            return lambda: host.progress(db, None, 0)

        self.each(INTERRUPT, 30, hindered)

    def test_refused(self):
        for actions, answer, least in [((READ,), DENY, 15), ((INSERT, UPDATE), DENY, 10), ((SELECT,), DENY, 25)]:

            def hindered(db):
                def authorizer(action, one, *_):
                    # What the database itself says may be read, as an authorizer that guards rows has it.
                    is_schema = action == READ and str(one).startswith(("sqlite_", "_lumos"))
                    return answer if action in actions and not is_schema else OK

                if host.DRIVER == "apsw":
                    db.connection.authorizer = authorizer
                else:
                    db.connection.set_authorizer(authorizer)

                def end():
                    if host.DRIVER == "apsw":
                        db.connection.authorizer = None
                    else:
                        db.connection.set_authorizer(None)

                return end

            self.each(AUTH, least, hindered)
