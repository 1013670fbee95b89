"""Real statements: those of the Spider data set over its databases, a sample of which is in fixtures/spider.

`lumos_auto` gives what SQLite gives, whichever engine it takes, and tries DuckDB for most of them. With
LUMOS_SPIDER, the path of a folder with `db/*.sqlite` and `train.json`, all of them run.
"""

import collections
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import answers
import host

SAMPLE = host.FIXTURE.parent / "spider"
WHOLE = os.environ.get("LUMOS_SPIDER")


def statements():
    """The statements of each database, each once."""
    if not WHOLE:
        # Each driver takes a half.
        half = list(json.loads((SAMPLE / "statements.json").read_text()).items())
        for name, texts in half[host.DRIVER == "apsw" :: 2]:
            yield SAMPLE / f"{name}.sqlite", texts
        return
    found = collections.defaultdict(dict)
    for example in json.loads((pathlib.Path(WHOLE) / "train.json").read_text()):
        found[example["db_id"]][example["query"]] = None
    for name, texts in sorted(found.items()):
        yield pathlib.Path(WHOLE) / "db" / f"{name}.sqlite", list(texts)


class RealStatements(host.Case):
    def test_every_engine_answers_as_sqlite_does(self):
        compared, declined = 0, collections.Counter()
        for path, texts in statements():
            copy = self.folder / path.name
            copy.write_bytes(path.read_bytes())
            db = host.Database(copy)
            db.rows("""SELECT lumos_attach(NULL, '{"threads": 1}')""")
            tables = [n for (n,) in db.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_lumos%' ESCAPE '\\'")]
            for table in tables:
                db.rows("SELECT lumos_track(?, ?)", table, '{"key": "rowid", "on_mismatch": "varchar"}')
            for sql in texts:
                plain = [tuple(row) for row in db.connection.execute(sql)]
                width = len(plain[0]) if plain else 1
                columns = ", ".join(f"c{i}" for i in range(width))
                for engine in (None, "sqlite", "duckdb"):
                    said = f"{path.name}: {sql}\n{engine}"
                    try:
                        routed = db.rows(f"SELECT {columns} FROM lumos_auto(?, NULL, ?)", sql, engine)
                    except host.ERROR as e:
                        self.assertEqual(engine, "duckdb", f"{said}: {e}")
                        self.assertIn("this statement is for SQLite: ", str(e), said)
                        declined[reason(str(e))] += 1
                        continue
                    self.assertTrue(answers.same_rows(plain, routed, 1e6), f"{said}\nSQLite: {plain[:20]}\nLumos: {routed[:20]}")
                compared += 1
            db.close()
        if WHOLE:
            print(f"{compared} statements, {sum(declined.values())} for SQLite alone:", *declined.most_common(), sep="\n")
        # What may go to DuckDB mostly does.
        self.assertGreaterEqual(compared, 240)
        self.assertLess(sum(declined.values()), compared * (0.11 if WHOLE else 0.25), declined)


def reason(error):
    """The reason without the names in it."""
    words = error.split("for SQLite: ")[1].split("\n")[0]
    return " ".join(w for w in words.split()[:12] if w.isalpha() and w.islower())


if __name__ == "__main__":
    unittest.main()
