"""Generates SELECTs that SQLite and DuckDB share, and some that they do not, with the data they read.

Each construct notes its name in `used`, so that a test can count how often it was compared.
Deterministic: everything comes from the `random.Random` that is given.
"""

SCHEMA = """
CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, j INT, r REAL, s TEXT, u VARCHAR(20), m DECIMAL(10,2), n NUMERIC,
  d DATE, b BLOB, flag BOOLEAN, big BIGINT, nc TEXT COLLATE NOCASE, at DATETIME, wide DECIMAL(19,4));
CREATE TABLE v(id INTEGER PRIMARY KEY, t_id INTEGER, s TEXT, q INTEGER, p REAL, m DECIMAL(8,3), d DATE);
CREATE TABLE w(k TEXT PRIMARY KEY NOT NULL, name TEXT, x INTEGER) WITHOUT ROWID;
"""

WORDS = ["a", "A", "b", "ab", "Ab", "abc", "", " a", "a ", "zoë", "ZOË", "中文", "10", "9", "007", "-3", "2.5", "1e2", "x_y", "x%y", "it's", "a\0b"]
DATES = ["1999-12-31", "2000-01-01", "2000-02-29", "2009-12-31", "2010-01-01", "2010-06-15", "2024-02-29"]


def rows(rng):
    """INSERT statements with their values."""

    def some(value):
        return None if rng.random() < 0.12 else value()

    def number():
        return rng.choice([rng.randint(-3, 12), rng.randint(-1000, 1000), 0])

    def real():
        if rng.random() < 0.02:
            return rng.choice([float("inf"), -float("inf")])
        return rng.choice([0.0, 0.5, -1.25, 2.0, 1e-3, round(rng.uniform(-500, 500), rng.randint(0, 6)), rng.uniform(-9, 9)])

    def money(places):
        return lambda: rng.choice([round(rng.uniform(-50, 500), places), float(rng.randint(-5, 50)), 0.0])

    def text():
        return rng.choice(WORDS)

    for i in range(1, 121):
        yield "INSERT INTO t VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", (
            i,
            some(number),
            some(lambda: rng.randint(0, 5)),
            some(real),
            some(text),
            some(lambda: rng.choice(["red", "green", "blue", "Red"])),
            some(money(2)),
            some(lambda: rng.choice([rng.randint(-5, 5), 2.5, -0.75, 3.0])),
            some(lambda: rng.choice(DATES)),
            some(lambda: rng.choice([b"", b"\x00", b"a", b"\xff\xfe", b"ab"])),
            some(lambda: rng.randint(0, 1)),
            some(lambda: rng.choice([2**53 + 1, -(2**53) - 3, 2**62, -(2**62), 7, 0])),
            some(lambda: rng.choice(["x", "X", "y"])),
            some(lambda: rng.choice(["2010-01-01 10:00:00", "2011-05-05 00:00:00"])),
            some(money(4)),
        )
    for i in range(1, 81):
        yield "INSERT INTO v VALUES(?,?,?,?,?,?,?)", (
            i,
            some(lambda: rng.randint(1, 140)),
            some(text),
            some(lambda: rng.randint(0, 9)),
            some(real),
            some(money(3)),
            some(lambda: rng.choice(DATES)),
        )
    for word in WORDS[:15]:
        yield "INSERT INTO w VALUES(?,?,?)", (word, some(text), some(number))


COLUMNS = {
    "t": {"int": ["id", "i", "j", "flag"], "real": ["r"], "text": ["s", "u"], "num": ["m", "n", "wide"], "date": ["d"], "blob": ["b"]},
    "v": {"int": ["id", "t_id", "q"], "real": ["p"], "text": ["s"], "num": ["m"], "date": ["d"], "blob": []},
    "w": {"int": ["x"], "real": [], "text": ["k", "name"], "num": [], "date": [], "blob": []},
}
# Columns that hold what one of the engines cannot, and constructs that mean something else: for SQLite alone.
STRANGE = [
    "i / 2", "i % 3", "m / 2", "s LIKE 'a%'", "s GLOB 'a*'", "nc = 'x'", "at", "big + 0.5", "i = '5'", "s = 10", "upper(s)",
    "i || 'x'", "CAST(s AS INTEGER)", "CAST(r AS TEXT)", "CAST(r AS INTEGER)", "max(i, j)", "typeof(m)", "+s", "~i", "i & 3",
    "date(d)", "d = '2010'", "s < 5", "r = '1'", "m = '3'", "-s", "abs(s)", "s + 1", "NOT s", "length(i)", "length(b)",
    "substr(s, -2)", "substr(s, 0, 2)", "round(r, -1)", "min(i, 3)", "printf('%d', i)", "s IS TRUE", "i IN ('1', 2)", "hex(b)",
    "CASE WHEN s THEN 1 END", "coalesce(i, s)", "iif(i, 'x', 1)", "nullif(i, '1')", "big * 2", "big * big", "i BETWEEN 'a' AND 'b'",
    "sum(i) OVER (ORDER BY id ROWS 1 PRECEDING)", "row_number() OVER (ORDER BY i)", "quote(s)", "char(i)", "unicode(s)", "ltrim(s, 'a')",
    "concat(s, u)", "instr(s, '')", "replace(s, '', 'x')", "i NOTNULL = j", "sign(r)", "i - -9223372036854775807 - 2", "u COLLATE NOCASE = 'red'",
]  # fmt: skip


class Select:
    """A statement: its text, its parameters, and for ORDER BY which of its columns are keys."""

    def __init__(self, sql, keys, params):
        self.sql, self.keys, self.params = sql, keys, params


class Grammar:
    def __init__(self, rng):
        self.rng = rng
        self.used = set()
        self.params = {}
        self.names = 0

    def use(self, name):
        self.used.add(name)

    def one(self, *choices):
        return self.rng.choice(choices)

    def name(self):
        self.names += 1
        return f"x{self.names}"

    # Values

    def literal(self, kind):
        rng = self.rng
        if kind == "int":
            value = self.one(0, 1, 2, 5, rng.randint(-10, 120))
        elif kind in ("real", "num"):
            value = self.one(0.5, 2.0, -1.25, round(rng.uniform(-50, 300), 2))
        elif kind == "date":
            value = self.one(*DATES, "2010", "2010-01", "x")
        elif kind == "blob":
            return self.one("x''", "x'00'", "x'61'", "x'fffe'")
        else:
            value = self.one(*WORDS[:-1])
        if rng.random() < 0.15:
            self.use("parameter")
            self.params[f"p{len(self.params)}"] = value
            return f":p{len(self.params) - 1}"
        return repr(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"

    def column(self, kind, scope):
        found = [
            f"{alias}.{c}" if len(scope) > 1 or self.rng.random() < 0.2 else c
            for alias, columns in scope
            for c in columns.get(kind, [])
        ]
        return self.one(*found) if found else self.literal(kind)

    def value(self, kind, scope, depth=1):
        """An expression of one class."""
        if depth <= 0 or self.rng.random() < 0.35:
            return self.column(kind, scope) if self.rng.random() < 0.8 else self.literal(kind)
        down = lambda k=kind: self.value(k, scope, depth - 1)  # noqa: E731
        forms = ["case", "coalesce", "ifnull", "nullif", "iif", "case of"]
        forms += {
            "int": ["+", "-", "*", "negate", "abs", "length", "instr", "truth"],
            "real": ["+", "-", "*", "real division", "negate", "abs", "round", "cast to real", "mixed arithmetic"],
            "num": ["+", "-", "*", "negate", "abs", "mixed arithmetic"],
            "text": ["||", "substr", "trim", "ltrim", "rtrim", "replace"],
            "date": [],
            "blob": [],
        }[kind]
        form = self.rng.choice(forms)
        self.use(form)
        if form in ("+", "-", "*"):
            return f"({down()} {form} {down()})"
        if form == "||":
            return f"({down()} || {down()})"
        if form == "negate":
            return f"(- {down()})"
        if form == "case":
            other = f" ELSE {down()}" if self.rng.random() < 0.7 else ""
            return f"CASE WHEN {self.condition(scope, depth - 1)} THEN {down()}{other} END"
        if form == "case of":
            of = self.one("int", "text")
            return f"CASE {self.value(of, scope, 0)} WHEN {self.literal(of)} THEN {down()} WHEN {self.literal(of)} THEN {down()} END"
        if form in ("coalesce", "ifnull", "nullif"):
            return f"{form}({down()}, {down()})"
        if form == "iif":
            return f"iif({self.condition(scope, depth - 1)}, {down()}, {down()})"
        if form == "abs":
            return f"abs({down()})"
        if form == "length":
            return f"length({down('text')})"
        if form == "instr":
            needle = self.one("a", "b", "文")
            return f"instr({down('text')}, '{needle}')"
        if form == "truth":
            return f"({self.condition(scope, depth - 1)})"
        if form == "real division":
            return f"({down('real')} / {down(self.one('real', 'int'))})"
        if form == "round":
            return f"round({down()}{self.one('', ', 1', ', 2')})"
        if form == "cast to real":
            return f"CAST({down('int')} AS REAL)"
        if form == "mixed arithmetic":
            return f"({down()} {self.one('+', '-', '*')} {down(self.one('int', 'num'))})"
        if form == "substr":
            return f"substr({down()}, {self.one('1', '2', '1, 1', '2, 3')})"
        if form == "replace":
            return f"replace({down()}, '{self.one('a', 'b')}', '{self.one('', 'zz')}')"
        return f"{form}({down()})"

    def condition(self, scope, depth=1):
        if depth > 0 and self.rng.random() < 0.35:
            form = self.one("AND", "OR", "NOT")
            self.use(form)
            if form == "NOT":
                return f"NOT {self.condition(scope, depth - 1)}"
            return f"({self.condition(scope, depth - 1)} {form} {self.condition(scope, depth - 1)})"
        kind = self.one("int", "int", "real", "text", "num", "date", "blob")
        value = lambda: self.value(kind, scope, depth - 1)  # noqa: E731
        form = self.one(
            "=", "=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", "IS NOT", "IS DISTINCT FROM", "IS NULL", "IS NOT NULL", "NOTNULL",
            "BETWEEN", "NOT BETWEEN", "IN", "NOT IN", "number as truth", "integer against real", "a SELECT",
            "LIKE", "NOT LIKE", "classes compared", "classes compared", "text in double quotes",
        )  # fmt: skip
        if form == "a SELECT":
            form = self.one("IN SELECT", "NOT IN SELECT", "EXISTS", "NOT EXISTS", "scalar SELECT")
        self.use(form)
        if form in ("IS NULL", "IS NOT NULL", "NOTNULL"):
            return f"{value()} {form}"
        if form in ("BETWEEN", "NOT BETWEEN"):
            return f"{value()} {form} {self.literal(kind)} AND {value()}"
        if form in ("IN", "NOT IN"):
            return f"{value()} {form} ({', '.join(self.literal(kind) for _ in range(self.rng.randint(1, 4)))})"
        if form in ("IN SELECT", "NOT IN SELECT"):
            return f"{value()} {form[:-7]} ({self.subselect(kind, scope)})"
        if form in ("EXISTS", "NOT EXISTS"):
            return f"{form} ({self.correlated('1', scope)})"
        if form in ("LIKE", "NOT LIKE"):
            pattern = self.one("a%", "%B", "_b", "%", "", "z_Ë", "中%", "X%Y", "%''%", "10", "%0%")
            escaped = self.one("x!_y' ESCAPE '!", "x!%%' ESCAPE '!") if self.rng.random() < 0.1 else pattern
            return f"{self.value(self.one('text', 'text', 'date'), scope, depth - 1)} {form} '{escaped}'"
        if form == "classes compared":
            return self.classes(scope)
        if form == "text in double quotes":
            text = self.one('"Ab"', '"a b"', '"it\'s"', '"10"', '"2010-01-01"')
            return self.one(f"{self.column('text', scope)} {self.one('=', '<', '<>')} {text}", f"{text} >= {self.column('date', scope)}")
        if form == "number as truth":
            return self.value("int", scope, depth - 1)
        if form == "scalar SELECT":
            aggregate = self.one("max(id)", "count(*)", "min(id)")
            return f"{self.value('int', scope, depth - 1)} {self.one('<', '>', '=')} ({self.correlated(aggregate, scope)})"
        if form == "integer against real":
            return f"{self.column('int', scope)} {self.one('<', '>=', '=')} {self.value('real', scope, 0)}"
        return f"{value()} {form} {value()}"

    def classes(self, scope):
        """Numbers beside texts, for which SQLite applies affinities."""
        operator = self.one("=", "=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT")
        number, text = self.column(self.one("int", "int", "real", "num"), scope), self.column("text", scope)
        of_text = self.one("'5'", "'x'", "' 7 '", "'-1'", "'2.5'", "''", "'10'")
        of_number = self.one("5", "10", "9", "2.5", "100.0", "-3", "007")
        form = self.one("column, text", "text, column", "text column, number", "columns", "columns", "date, number", "BETWEEN",
                        "IN", "text IN", "IN SELECT", "NOT IN SELECT", "text IN SELECT", "CASE", "no affinity", "CAST")  # fmt: skip
        self.use(f"classes compared: {form}")
        return {
            "column, text": lambda: f"{number} {operator} {of_text}",
            "text, column": lambda: f"{of_text} {operator} {number}",
            "text column, number": lambda: f"{text} {operator} {of_number}",
            "columns": lambda: f"{number} {operator} {text}",
            "date, number": lambda: f"{self.column('date', scope)} {operator} {self.one(of_number, of_text)}",
            "BETWEEN": lambda: f"{number} BETWEEN {of_text} AND {of_number}",
            "IN": lambda: f"{number} IN ({of_text}, {of_number}, '1')",
            "text IN": lambda: f"{text} NOT IN ({of_text}, {of_number}, 'a')",
            "IN SELECT": lambda: f"{self.column('int', scope)} IN (SELECT s FROM v WHERE q > 3)",
            "NOT IN SELECT": lambda: f"{self.column('int', scope)} NOT IN (SELECT k FROM w)",
            "text IN SELECT": lambda: f"{text} {self.one('IN', 'NOT IN')} (SELECT q FROM v WHERE q IS NOT NULL)",
            "CASE": lambda: f"CASE {number} WHEN {of_text} THEN 1 ELSE 0 END",
            "no affinity": lambda: f"({number} + 1) {operator} {self.one(of_text, text)}",
            "CAST": lambda: f"CAST({self.column('int', scope)} AS {self.one('REAL', 'INTEGER')}) {operator} {of_text}",
        }[form]()

    def subselect(self, kind, scope):
        table = self.one("t", "v", "w")
        columns = COLUMNS[table][kind]
        if not columns:
            table, columns = "t", COLUMNS["t"][kind]
        if self.rng.random() < 0.2:
            self.use("first of a SELECT")
            order = self.one("id DESC", "id", f"{self.one(*columns)}, id") if table != "w" else "k"
            return f"SELECT {self.one(*columns)} FROM {table} ORDER BY {order} LIMIT 1"
        return f"SELECT {self.one(*columns)} FROM {table} WHERE {self.condition([(table, COLUMNS[table])], 0)}"

    def correlated(self, what, scope):
        alias, columns = self.rng.choice(scope)
        outer = self.one(*(columns["int"] or ["1"]))
        reference = f"{alias}.{outer}" if outer != "1" else "1"
        if alias == "":
            return f"SELECT {what} FROM v WHERE q > 3"
        self.use("correlated SELECT")
        inner = self.name()
        return f"SELECT {what} FROM v {inner} WHERE {inner}.q {self.one('=', '<')} {reference}"

    # Tables

    def source(self):
        """FROM, and the columns it gives."""
        form = self.one(
            "table", "table", "table", "table", "table", "table", "table", "table", "JOIN", "LEFT JOIN", "CROSS JOIN", "comma join", "USING", "self join", "derived table",
            "RIGHT JOIN", "FULL JOIN", "alias of a table",
        )  # fmt: skip
        self.use(form)
        if form == "table":
            table = self.one("t", "t", "v", "w")
            return table, [(table, COLUMNS[table])]
        if form == "alias of a table":
            return "t AS o", [("o", COLUMNS["t"])]
        if form == "derived table":
            inner = [("t", COLUMNS["t"])]
            alias = self.name()
            shown = {"int": ["k1"], "real": ["k2"], "text": ["k3"], "num": ["k4"], "date": ["k5"], "blob": []}
            parts = ", ".join(f"{self.value(k, inner, 1)} AS {shown[k][0]}" for k in ("int", "real", "text", "num"))
            where = f" WHERE {self.condition(inner, 1)}" if self.rng.random() < 0.5 else ""
            return f"(SELECT {parts}, d AS k5 FROM t{where}) AS {alias}", [(alias, shown)]
        left, right = self.name(), self.name()
        if form == "self join":
            return f"v {left} JOIN v {right} ON {left}.q = {right}.t_id", [(left, COLUMNS["v"]), (right, COLUMNS["v"])]
        if form == "USING":
            columns = {k: [c for c in cs if c not in ("s",)] for k, cs in COLUMNS["v"].items()}
            rest = {k: [c for c in cs if c not in ("s",)] for k, cs in COLUMNS["t"].items()}
            return f"t {left} JOIN v {right} USING (s)", [(left, rest), (right, columns)]
        scope = [(left, COLUMNS["t"]), (right, COLUMNS["v"])]
        on = f" ON {left}.id = {right}.t_id" + self.one("", "", f" AND {left}.j > 1", f" AND {right}.q < 8")
        if form == "CROSS JOIN":
            return f"w {left} CROSS JOIN v {right}", [(left, COLUMNS["w"]), (right, COLUMNS["v"])]
        if form == "comma join":
            return f"w {left}, v {right}", [(left, COLUMNS["w"]), (right, COLUMNS["v"])]
        return f"t {left} {form} v {right}{on}", scope

    def aggregate(self, scope):
        """An aggregate."""
        form = self.one(
            "count(*)", "count(x)", "count(DISTINCT)", "sum of integers", "sum of reals", "sum of decimals", "avg", "avg of decimals",
            "min", "max", "total", "sum of CASE", "sum(DISTINCT)",
        )  # fmt: skip
        self.use(form)
        kind = self.one("int", "real", "text", "num", "date", "blob")
        text = {
            "count(*)": lambda: "count(*)",
            "count(x)": lambda: f"count({self.value(kind, scope, 1)})",
            "count(DISTINCT)": lambda: f"count(DISTINCT {self.column(kind, scope)})",
            "sum of integers": lambda: f"sum({self.value('int', scope, 1)})",
            "sum of reals": lambda: f"sum({self.value('real', scope, 1)})",
            "sum of decimals": lambda: f"sum({self.value('num', scope, 1)})",
            "avg": lambda: f"avg({self.value(self.one('int', 'real'), scope, 1)})",
            "avg of decimals": lambda: f"avg({self.column('num', scope)})",
            "min": lambda: f"min({self.column(kind, scope)})",
            "max": lambda: f"max({self.column(kind, scope)})",
            "total": lambda: f"total({self.column(self.one('int', 'real', 'num'), scope)})",
            "sum of CASE": lambda: f"sum(CASE WHEN {self.condition(scope, 0)} THEN {self.column(self.one('int', 'num'), scope)} ELSE 0 END)",
            "sum(DISTINCT)": lambda: f"sum(DISTINCT {self.column('int', scope)})",
        }[form]()
        if self.rng.random() < 0.15:
            self.use("FILTER")
            text += f" FILTER (WHERE {self.condition(scope, 0)})"
        return text

    # Statements

    def plain(self):
        source, scope = self.source()
        where = f" WHERE {self.condition(scope, self.one(1, 1, 2))}" if self.rng.random() < 0.6 else ""
        star = self.rng.random()
        if star < 0.06 and "t" not in source.split() and len(scope) == 1:
            self.use("*")
            return f"SELECT * FROM {source}{where}", 0
        if star < 0.1 and len(scope) > 1 and all(c is not COLUMNS["t"] for _, c in scope[-1:]):
            self.use("t.*")
            return f"SELECT {scope[-1][0]}.* FROM {source}{where}", 0
        kinds = [self.one("int", "real", "text", "num", "date", "blob") for _ in range(self.rng.randint(1, 3))]
        parts = [self.value(k, scope, self.one(1, 1, 2)) for k in kinds]
        if self.rng.random() < 0.15:
            self.use("scalar SELECT as a column")
            parts.append(f"({self.correlated(self.one('max(q)', 'count(*)', 'sum(q)'), scope)})")
        if self.rng.random() < 0.12:
            self.use("window")
            window = self.one("", f"PARTITION BY {self.column('text', scope)}", f"PARTITION BY {self.column('int', scope)} ORDER BY {self.column('int', scope)}")
            total = f"sum({self.column('int', scope)})"
            parts.append(f"{self.one('rank()', 'dense_rank()', 'count(*)', total)} OVER ({window})")
        if self.rng.random() < 0.2:
            self.use("alias of a column")
            parts[0] += f" AS {self.name()}"
        distinct = ""
        if self.rng.random() < 0.15:
            self.use("DISTINCT")
            distinct = "DISTINCT "
        return f"SELECT {distinct}{', '.join(parts)} FROM {source}{where}", len(parts)

    def grouped(self):
        source, scope = self.source()
        where = f" WHERE {self.condition(scope, 1)}" if self.rng.random() < 0.5 else ""
        aggregates = [self.aggregate(scope) for _ in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.2:
            self.use("aggregate without GROUP BY")
            return f"SELECT {', '.join(aggregates)} FROM {source}{where}", len(aggregates)
        self.use("GROUP BY")
        keys = []
        for _ in range(self.rng.randint(1, 2)):
            kind = self.one("int", "text", "num", "date", "real")
            simple = self.rng.random() < 0.7
            if not simple:
                self.use("GROUP BY an expression")
            key = self.column(kind, scope) if simple else self.value(kind, scope, 1)
            # A constant is no key.
            keys.append(key if any(c.isalpha() for c in key.split("'")[0].replace(":p", "")) else self.column("int", scope))
        by = list(keys)
        if self.rng.random() < 0.2:
            self.use("GROUP BY a position")
            by = [str(i + 1) for i in range(len(keys))]
        if self.rng.random() < 0.25:
            # The key of a table decides its other columns.
            alias, columns = self.one(*scope)
            unique = "k" if columns is COLUMNS["w"] else "id"
            if any(columns is c for c in COLUMNS.values()):
                self.use("column beside aggregates")
                by.append(f"{alias}.{unique}")
                kind = self.one("int", "text", "num", "date", "real")
                if len(scope) == 1 and columns[kind]:
                    keys.append(f"{alias}.{self.one(*columns[kind])}")
        having = ""
        if self.rng.random() < 0.25:
            self.use("HAVING")
            having = " HAVING " + self.one("count(*) > 1", "min(1) = 1", f"sum({self.column('int', scope)}) > 5", f"avg({self.column('real', scope)}) < 3.5")
        return f"SELECT {', '.join(keys + aggregates)} FROM {source}{where} GROUP BY {', '.join(by)}{having}", len(keys + aggregates)

    def compound(self):
        form = self.one("UNION ALL", "UNION", "INTERSECT", "EXCEPT")
        self.use(form)
        kinds = [self.one("int", "text", "real", "date") for _ in range(self.rng.randint(1, 2))]

        def part():
            table = self.one("t", "v")
            scope = [(table, COLUMNS[table])]
            depth = 1 if self.rng.random() < 0.3 else 0
            return f"SELECT {', '.join(self.value(k, scope, depth) for k in kinds)} FROM {table} WHERE {self.condition(scope, 1)}"

        text = f"{part()} {form} {part()}"
        if self.rng.random() < 0.2:
            text += f" {self.one('UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT')} {part()}"
        return text, len(kinds)

    def cte(self):
        self.use("WITH")
        a, b = self.name(), self.name()
        scope = [("v", COLUMNS["v"])]
        group = f"SELECT s AS k, count(*) AS c, sum(q) AS total, sum(m) AS money FROM v WHERE {self.condition(scope, 1)} GROUP BY s"
        return (
            f"WITH {a} AS ({group}), {b}(k, x) AS (SELECT s, max(i) FROM t GROUP BY s) "
            f"SELECT {a}.k, c, total, x, money FROM {a} {self.one('JOIN', 'LEFT JOIN')} {b} ON {a}.k = {b}.k WHERE c >= {self.literal('int')}"
        ), 5

    def strange(self):
        self.use("strange")
        return f"SELECT id, {self.rng.choice(STRANGE)} FROM t", 2

    def select(self):
        """The next statement."""
        self.used, self.params, self.names = set(), {}, 0
        make = self.rng.choices([self.plain, self.grouped, self.compound, self.cte, self.strange], [45, 30, 12, 6, 3])[0]
        text, width = make()
        keys = []
        if width and self.rng.random() < 0.45:
            self.use("ORDER BY")
            columns = self.rng.sample(range(width), self.rng.randint(1, width))
            terms = []
            for column in columns:
                term = str(column + 1)
                if self.rng.random() < 0.5:
                    self.use("DESC")
                    term += " DESC"
                if self.rng.random() < 0.2:
                    self.use("NULLS FIRST and LAST")
                    term += self.one(" NULLS FIRST", " NULLS LAST")
                terms.append(term)
            keys = columns
            text += " ORDER BY " + ", ".join(terms)
            if self.rng.random() < 0.4:
                self.use("LIMIT")
                text += f" LIMIT {self.rng.randint(0, 12)}"
                if self.rng.random() < 0.5:
                    self.use("OFFSET")
                    text += f" OFFSET {self.rng.randint(0, 5)}"
        params = {name: value for name, value in self.params.items() if f":{name}" in text}
        return Select(text, keys, params)
