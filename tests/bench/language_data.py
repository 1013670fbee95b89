"""Writes what language_accuracy reads: the catalogs of the databases, and the questions. `language_data.py DATA OUT`.

WikiTableQuestions goes to OUT/tables: a database for each table, and its answers as constant SQL."""
import csv
import io
import csv
import io
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import zipfile

TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]|$)")


def catalog(name, path):
    db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    db.text_factory = lambda b: b.decode("utf-8", "replace")
    tables, keys, values = [], [], []
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")]
    for t, table in enumerate(names):
        columns, primary = [], []
        rows = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        for c, (_, column, kind, _, _, pk) in enumerate(db.execute(f'PRAGMA table_info("{table}")').fetchall()):
            distinct = [v for (v,) in db.execute(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL LIMIT 20000')]
            times = len(distinct) < 20000 and all(isinstance(v, str) and TIME.match(v) for v in distinct)
            columns.append([column, kind, len(distinct)] + ([min(distinct), max(distinct)] if times and distinct else []))
            if pk:
                primary.append(c)
            values.append([t, c, [str(v) for v in distinct if isinstance(v, str) or "id" not in column.lower() and not isinstance(v, (int, float, bytes))]])
        tables.append({"name": table, "columns": columns, "pk": primary, "rows": rows})
        for key in db.execute(f'PRAGMA foreign_key_list("{table}")').fetchall():
            keys.append([table, key[3], key[2], key[4] or ""])
    return {"db": name, "path": str(path), "tables": tables, "keys": keys, "values": values}


def main(data, out):
    data, out, here = pathlib.Path(data), pathlib.Path(out), pathlib.Path(__file__).resolve().parent
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "catalogs.jsonl", "w") as f:
        for path in sorted((data / "spider_train/db").glob("*.sqlite")):
            f.write(json.dumps(catalog(path.stem, path)) + "\n")
        f.write(json.dumps(catalog("chinook", here.parent / "fixtures/chinook.sqlite")) + "\n")
        f.write(json.dumps(catalog("geography", data / "geoquery/geography.sqlite")) + "\n")
    shutil.copy(here / "language_chinook.jsonl", out / "chinook.jsonl")
    spider = json.loads((data / "spider_train/train.json").read_text())
    for name, field in (("spider", "question"), ("spider_syn", "question_syn")):
        with open(out / f"{name}.jsonl", "w") as f:
            for q in spider:
                f.write(json.dumps({"db": q["db_id"], "question": q[field], "gold": q["query"]}) + "\n")
    for part in ("train", "dev"):
        geo = json.loads((data / f"geoquery/{part}.json").read_text())
        for language in ("en", "zh"):
            with open(out / f"geo_{language}_{part}.jsonl", "w") as f:
                for q in geo:
                    f.write(json.dumps({"db": "geography", "question": q[language], "gold": q["query"]}) + "\n")


def number(text):
    try:
        return float(text.replace(",", "")) if re.fullmatch(r"[-+]?[\d,]*\.?\d+", text) else None
    except ValueError:
        return None


def table(path, rows):
    """A database of one table, numbers where a column has no other."""
    header, rows = rows[0], rows[1:]
    names = []
    for i, name in enumerate(header):
        name = " ".join(name.replace("\\n", " ").split()) or f"column {i + 1}"
        while name.lower() in [n.lower() for n in names]:
            name += " 2"
        names.append(name)
    rows = [(r + [""] * len(names))[: len(names)] for r in rows]
    kinds = ["REAL" if all(number(r[i]) is not None for r in rows if r[i].strip()) and rows else "TEXT" for i in range(len(names))]
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    columns = ", ".join('"' + n.replace('"', '""') + '" ' + k for n, k in zip(names, kinds))
    db.execute(f"CREATE TABLE item({columns})")

    def value(text, kind):
        return None if not text.strip() else number(text) if kind == "REAL" else " ".join(text.split())

    db.executemany(f"INSERT INTO item VALUES ({', '.join('?' * len(names))})", [[value(v, k) for v, k in zip(r, kinds)] for r in rows])
    db.commit()
    db.close()


def tables(data, out):
    """A database for each table of WikiTableQuestions, its answers as constant SQL."""
    out.mkdir(parents=True, exist_ok=True)
    zipped = zipfile.ZipFile(data / "tables.zip")
    known, questions = [], []
    for line in (data / "training.tsv").read_text().splitlines()[1:]:
        _, question, context, answer = line.split("\t")
        if context not in known:
            known.append(context)
        values = [v.replace("\\p", "|").replace("\\n", " ") for v in answer.split("|")]
        plain = [f"{number(v):.10g}" if number(v) is not None else v.replace("'", "''") for v in values]
        questions.append({"db": context, "question": question, "gold": " UNION ALL ".join(f"SELECT '{v}'" for v in plain)})
    with open(out / "catalogs.jsonl", "w") as f:
        for i, context in enumerate(known):
            text = zipped.read(context).decode().replace('\\"', '""')
            path = out / f"{i}.sqlite"
            table(path, list(csv.reader(io.StringIO(text))))
            f.write(json.dumps(catalog(context, path)) + "\n")
    with open(out / "wikitable.jsonl", "w") as f:
        f.writelines(json.dumps(q) + "\n" for q in questions)


def duckdb_questions(data, out):
    """The questions on databases of DuckDB, whose module must be there."""
    import duckdb

    out.mkdir(parents=True, exist_ok=True)
    asked = [q for q in json.loads((data / "dev.json").read_text()) if q["query"].strip().upper().startswith(("SELECT", "FROM", "WITH"))]
    with open(out / "catalogs.jsonl", "w") as f:
        for name in sorted({q["db_id"] for q in asked}):
            path = data / f"{name}.duckdb"
            db = duckdb.connect(str(path), read_only=True)
            tables, values = [], []
            listed = db.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            for t, (table,) in enumerate(listed):
                columns = []
                for c, (column, kind, *_) in enumerate(db.execute(f'DESCRIBE "{table}"').fetchall()):
                    distinct = db.execute(f'SELECT count(DISTINCT "{column}"), min("{column}")::VARCHAR, max("{column}")::VARCHAR FROM "{table}"').fetchone()
                    columns.append([column, kind, distinct[0]] + (list(distinct[1:]) if kind in ("DATE", "TIMESTAMP") and distinct[0] else []))
                    texts = db.execute(f'SELECT DISTINCT "{column}" FROM "{table}" LIMIT 20000').fetchall() if kind == "VARCHAR" else []
                    values.append([t, c, [v for (v,) in texts if v is not None]])
                tables.append({"name": table, "columns": columns, "pk": [], "rows": db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]})
            db.close()
            f.write(json.dumps({"db": name, "path": str(path), "tables": tables, "keys": [], "values": values}) + "\n")
    with open(out / "nsql.jsonl", "w") as f:
        f.writelines(json.dumps({"db": q["db_id"], "question": q["question"], "gold": q["query"]}) + "\n" for q in asked)


if __name__ == "__main__":
    main(*sys.argv[1:])
    tables(pathlib.Path(sys.argv[1]) / "wikitablequestions", pathlib.Path(sys.argv[2]) / "tables")
    try:
        duckdb_questions(pathlib.Path(sys.argv[1]) / "duckdb_nsql", pathlib.Path(sys.argv[2]) / "nsql")
    except ImportError:
        print("no module duckdb: the questions of DuckDB-NSQL are left out", file=sys.stderr)
