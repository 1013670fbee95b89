"""Random schedules of everything that SQLite does to tables, and the comparison of a mirror with its source.

A schedule is a seed: the same seed draws the same tables, statements and connections. The statements are drawn
from the tables as they are at that moment, so that they go on to fit after an ALTER.
"""

import json

TEXTS = ["a", "A", "b", "B", "é", "É", "", "a ", "x'y", "\U0001f600", "long" * 40]
TYPES = ["INTEGER", "TEXT", "REAL", "BLOB", "DATE", "DATETIME", "DECIMAL(10,2)", "INT"]

SCHEMAS = {
    "plain": "(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL)",
    "auto": "(id INTEGER PRIMARY KEY AUTOINCREMENT, a INT NOT NULL DEFAULT 3, b INT DEFAULT 4, UNIQUE (a), UNIQUE (b))",
    "pair": "(k TEXT, l INTEGER, v TEXT, PRIMARY KEY (k, l)) WITHOUT ROWID",
    "nocase": "(code TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, v INTEGER)",
    "nocase_wr": "(code TEXT COLLATE NOCASE PRIMARY KEY, v INTEGER UNIQUE) WITHOUT ROWID",
    "rtrim": "(v INTEGER, code TEXT COLLATE RTRIM NOT NULL UNIQUE ON CONFLICT REPLACE)",
    "blob": "(b BLOB NOT NULL PRIMARY KEY, d DATE, t DATETIME)",
    "strict": "(id INT NOT NULL PRIMARY KEY, t TEXT NOT NULL DEFAULT 'x' UNIQUE, r REAL) STRICT",
    "money": "(day DATE NOT NULL, at DATETIME NOT NULL, price DECIMAL(10,2), PRIMARY KEY (day, at))",
    "generated": "(id INTEGER PRIMARY KEY, a INT, twice INT AS (a * 2) UNIQUE, low TEXT AS (lower(name)) STORED UNIQUE, name TEXT)",
    "derived": "(id INTEGER PRIMARY KEY, third INT AS (id / 3) UNIQUE, v TEXT NOT NULL DEFAULT 'x', low TEXT AS (lower(v)) UNIQUE)",
    "bare": "(a INT, b TEXT UNIQUE)",
    "child": "(id INTEGER PRIMARY KEY, up INTEGER REFERENCES plain(id) ON DELETE CASCADE ON UPDATE CASCADE, v TEXT)",
    "tree": "(id INTEGER PRIMARY KEY, up INTEGER UNIQUE REFERENCES tree(id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "wide": "(c1 INT, c2 TEXT, c3 INT, c4 TEXT, v INT UNIQUE, PRIMARY KEY (c1, c2, c3, c4)) WITHOUT ROWID",
    "odd \"name\"": "(\"select\" INTEGER PRIMARY KEY, \"a \"\"b\" TEXT COLLATE NOCASE UNIQUE, \"[x]\" INT)",
}
INDEXES = [
    "({0})",
    "({0} COLLATE NOCASE)",
    "({0}) WHERE {1} IS NOT NULL",
    "(lower({0}))",
    "(abs({0}), {1})",
    "(coalesce({0}, 'a, (b') || ')', {1} COLLATE NOCASE DESC) WHERE {0} > 'a' AND {1} <> ')'",
    "({1}, ({0} % 3)) WHERE {0} < 6 -- WHERE",
    "(({0} || {1}))",
]


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def text(value):
    return "'" + value.replace("'", "''") + "'"


def literal(draw, declared):
    """A value that the declared type holds."""
    kind = declared.upper().split("(")[0]
    if draw.random() < 0.1:
        return "NULL"
    i = draw.randrange(12)
    if "INT" in kind:
        return str(i)
    if kind == "REAL":
        return repr(i / 4)
    if kind == "BLOB":
        return draw.choice(["x''", "x'ff'", "x'00'", "x'6100'", f"x'0{i % 10}fe'"])
    if kind == "DATE":
        return f"'2024-02-{i + 1:02}'"
    if kind == "DATETIME":
        return f"'2024-02-{i + 1:02}{draw.choice(['', ' 00:00', ' 00:00:00', 'T00:00', ' 00:00:00.0', ' 10:30:00.25'])}'"
    if kind in ("DECIMAL", "NUMERIC"):
        return f"{i * 33 / 100:.2f}"
    return text(draw.choice(TEXTS))


class Tables:
    """The tables of a database as they are now, to draw statements for."""

    def __init__(self, draw, db):
        self.draw, self.db, self.fresh = draw, db, 0

    def name(self):
        names = [n for (n,) in self.db.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_lumos%' ESCAPE '\\'"
            " AND name NOT LIKE 'sqlite%' ORDER BY name")]
        return self.draw.choice(names)

    def columns(self, table):
        """(name, declared type, primary key) of the columns that can be written."""
        return self.db.rows(
            "SELECT name, type, pk FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0 ORDER BY cid", table)

    def has_rowid(self, table):
        return not self.db.value("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", table)

    def new_name(self, stem):
        self.fresh += 1
        return f"{stem} {self.fresh}"

    def dml(self):
        draw, table = self.draw, self.name()
        columns, t = self.columns(table), quote(table)
        value = lambda c: literal(draw, c[1])
        either = draw.choice(["", "", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ROLLBACK", " OR ABORT"])

        def rows():
            chosen = columns if draw.random() < 0.6 else draw.sample(columns, draw.randint(1, len(columns)))
            names = [quote(c[0]) for c in chosen]
            if draw.random() < 0.15 and self.has_rowid(table):
                chosen, names = [("rowid", "INT", 0), *chosen], ["rowid", *names]
            values = ", ".join(f"({', '.join(map(value, chosen))})" for _ in range(draw.choice([1, 1, 3])))
            return f"{t}({', '.join(names)}) VALUES {values}"

        def insert():
            return f"INSERT{either} INTO {rows()}"

        def replace():
            return f"REPLACE INTO {rows()}"

        def upsert():
            c = draw.choice(columns)
            action = draw.choice(["NOTHING", f"UPDATE SET {quote(c[0])} = {draw.choice([value(c), 'excluded.' + quote(c[0])])}"])
            target = f"({quote(draw.choice(columns)[0])}) " if draw.random() < 0.2 else ""
            return f"INSERT{draw.choice(['', ' OR REPLACE'])} INTO {rows()} ON CONFLICT {target}DO {action}"

        def again():
            names = ", ".join(quote(c[0]) for c in columns)
            values = ", ".join(draw.choice([quote(c[0]), value(c)]) for c in columns)
            return f"INSERT{either} INTO {t}({names}) SELECT {values} FROM {t} WHERE {where()}"

        def where():
            c = draw.choice(columns)
            return f"{quote(c[0])} {draw.choice(['=', '=', '<', '>', 'IS', 'IS NOT'])} {value(c)}"

        def update():
            sets = []
            for c in draw.sample(columns, min(len(columns), draw.choice([1, 1, 2]))):
                n = quote(c[0])
                shift = f"{n} + {draw.choice([1, -1, 3])}" if "INT" in c[1].upper() else f"upper({n})" if c[1] == "TEXT" else value(c)
                sets.append(f"{n} = {draw.choice([value(c), shift])}")
            if draw.random() < 0.1 and self.has_rowid(table):
                sets = [f"rowid = {draw.choice(['rowid + 1', '3', '5'])}"]
            return f"UPDATE{either} {t} SET {', '.join(sets)}" + (f" WHERE {where()}" if draw.random() < 0.8 else "")

        def delete():
            return f"DELETE FROM {t}" + (f" WHERE {where()}" if draw.random() < 0.9 else "")

        return draw.choice([insert, insert, insert, replace, replace, upsert, again, update, update, update, delete])()

    def ddl(self):
        """A list of statements that change the schema, to run one after the other."""
        draw, table = self.draw, self.name()
        columns, t = self.columns(table), quote(table)
        column = draw.choice(columns)
        c = quote(column[0])

        def add():
            kind = draw.choice(TYPES)
            default = draw.choice(["", f" DEFAULT {literal(draw, kind)}"])
            return [f"ALTER TABLE {t} ADD COLUMN {quote(self.new_name('col'))} {kind}{default}"]

        def drop():
            return [f"ALTER TABLE {t} DROP COLUMN {c}"]

        def drop_and_add():
            again = f"ALTER TABLE {t} ADD COLUMN {c} {column[1]}"
            return [f"ALTER TABLE {t} DROP COLUMN {c}", again + draw.choice(["", f" DEFAULT {literal(draw, column[1])}"])]

        def rename_column():
            return [f"ALTER TABLE {t} RENAME COLUMN {c} TO {quote(self.new_name(column[0]))}"]

        def rename():
            return [f"ALTER TABLE {t} RENAME TO {quote(self.new_name(table.split(' ')[0]))}"]

        def swap():
            other = quote(self.name())
            return ["BEGIN", f"ALTER TABLE {t} RENAME TO swapping", f"ALTER TABLE {other} RENAME TO {t}",
                    f"ALTER TABLE swapping RENAME TO {other}", "COMMIT"] if other != t else []

        def rebuild():
            sql = self.db.value("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", table)
            body = sql[sql.index("("):]
            names = ", ".join(quote(n) for n, *_ in columns)
            steps = ["PRAGMA foreign_keys = OFF", "BEGIN", f"CREATE TABLE rebuilt{body}",
                     f"INSERT INTO rebuilt({names}) SELECT {names} FROM {t} LIMIT {draw.choice([-1, -1, 0, 3])}",
                     f"DROP TABLE {t}", f"ALTER TABLE rebuilt RENAME TO {t}", "COMMIT"]
            # As tools do that make a table anew: its triggers too.
            if draw.random() < 0.3:
                triggers = self.db.rows("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", table)
                steps[-1:-1] = [sql for (sql,) in triggers]
            return steps

        def recreate():
            sql = self.db.value("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", table)
            names = ", ".join(quote(n) for n, *_ in columns)
            values = ", ".join(literal(draw, kind) for _, kind, _ in columns)
            return ["BEGIN", f"DROP TABLE {t}", sql, f"INSERT OR IGNORE INTO {t}({names}) VALUES ({values})", "COMMIT"]

        def index():
            other = quote(draw.choice(columns)[0])
            on = draw.choice(INDEXES).format(c, other)
            return [f"CREATE UNIQUE INDEX {quote(self.new_name('u'))} ON {t}{on}"]

        def drop_index():
            names = self.db.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
            return [f"DROP INDEX {quote(draw.choice(names)[0])}"] if names else []

        def exchange():
            return drop_index() + index()

        def trigger():
            # The user's own, which writes another table. Not AFTER INSERT, which may end an INSERT OR FAIL before the
            # trigger of the log has run, and the row stays.
            event = draw.choice(["BEFORE INSERT", "BEFORE UPDATE", "AFTER UPDATE", "BEFORE DELETE", "AFTER DELETE"])
            return [f"CREATE TRIGGER {quote(self.new_name('own'))} {event} ON {t} BEGIN {self.dml()}; END"]

        return draw.choice([add, add, drop, drop_and_add, rename_column, rename, swap, rebuild, recreate, index, index, index, drop_index,
                            exchange, trigger])()


def tagged(value, declared):
    """A value with its kind, so that 1, '1' and x'31' differ; `declared` is the source's type."""
    if value is None:
        return ("", 0)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ("blob", bytes(value))
    if isinstance(value, str):
        kind = declared.upper().split("(")[0]
        if kind in ("DECIMAL", "NUMERIC"):
            return ("number", float(value))
        if kind == "DATETIME" and value[:4].isdigit():
            day, _, time = value.replace("T", " ").partition(" ")
            hour, minute, second = ((time or "0:0").split(":") + ["0"])[:3]
            return ("time", day, int(hour), int(minute), float(second))
        return ("text", value)
    return ("number", value)


def tracked(db):
    """The tracked tables under the names that they have now. Neither from lumos_status, which is what is tested, nor
    from _lumos_tables alone, where a renamed table has its old name until it is looked at."""
    if not db.rows("SELECT 1 FROM sqlite_schema WHERE name = '_lumos_tables'"):
        return []
    return sorted({name for (name,) in db.rows(
        "SELECT coalesce((SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_lumos_' || id || '_*' LIMIT 1), name)"
        " FROM main._lumos_tables")})


def options(draw, db, table):
    """Options to track a table with; some are refused."""
    columns = [c for (c,) in db.rows("SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1", table)]
    given = {}
    if draw.random() < 0.5:
        given["key"] = draw.choice(["rowid", draw.choice(columns), draw.choice(columns), draw.sample(columns, min(2, len(columns)))])
    if draw.random() < 0.4:
        given["columns"] = draw.sample(columns, draw.randint(1, len(columns)))
    if draw.random() < 0.3:
        given["types"] = {draw.choice(columns): draw.choice(["VARCHAR", "BIGINT", "DOUBLE", "BLOB", "DATE", "TIMESTAMP", "DECIMAL(8,2)", "BOOLEAN"])}
    if draw.random() < 0.5:
        policy = lambda: draw.choice(["error", "null", "varchar", "widen"])
        given["on_mismatch"] = policy() if draw.random() < 0.6 else {c: policy() for c in draw.sample(columns, 1)}
    if draw.random() < 0.2:
        given["target"] = f"mirrored {table.lower()}"
    return given


def tracking_options(db):
    """The options of the tracked tables, under the names that they have now."""
    return {name: json.loads(given) for name, given in db.rows(
        "SELECT coalesce((SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_lumos_' || id || '_*' LIMIT 1), name), options"
        " FROM main._lumos_tables")}


def differences(db, tables=None):
    """What the mirror has otherwise than the source, as lines of text. Without `tables`, all that are tracked. Columns
    whose values the options make others are left to lumos_verify."""
    lines = []
    tables = tracked(db) if tables is None else tables
    given = tracking_options(db) if tables else {}
    for table in tables:
        columns = db.rows("SELECT name, type FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1 ORDER BY cid", table)
        chosen = given.get(table, {})
        policies = chosen.get("on_mismatch", "error")
        other = lambda c: c in chosen.get("types", {}) or (policies if isinstance(policies, str) else policies.get(c, "error")) != "error"
        columns = [(c, kind) for c, kind in columns if c in chosen.get("columns", [c]) and not other(c)]
        if not columns:
            continue
        names = ", ".join(quote(n) for n, _ in columns)
        values = lambda rows: sorted(tuple(tagged(v, kind) for v, (_, kind) in zip(row, columns)) for row in rows)
        source = values(db.rows(f"SELECT {names} FROM main.{quote(table)}"))
        mirror = values(db.query(f"SELECT {names} FROM {quote(chosen.get('target', table))}", len(columns)))
        if source != mirror:
            extra = [r for r in mirror if r not in source]
            missing = [r for r in source if r not in mirror]
            lines.append(f"{table}: {len(source)} rows in the source, {len(mirror)} in the mirror; extra {extra[:3]}, missing {missing[:3]}")
    return lines
