"""Executes SQL for language_accuracy: a line of JSON in, {"path", "gold", "sql": [...]}; a line out, a letter for each.

R right, r right with no rows, W wrong, 0 no rows, N nothing but NULL, E error.
"""
import itertools
import json
import pickle
import re
import sqlite3
import sys

connections = {}


def duckdb_rows(path, sql):
    import duckdb

    if path not in connections:
        connections[path] = duckdb.connect(path, read_only=True)
    try:
        return connections[path].execute(sql).fetchmany(20000)
    except duckdb.Error:
        return None


def rows(path, sql):
    if path.endswith(".duckdb"):
        return duckdb_rows(path, sql)
    if path not in connections:
        c = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        c.text_factory = lambda b: b.decode("utf-8", "replace")
        connections[path] = c
    c = connections[path]
    steps = [0]

    def tick():
        steps[0] += 1
        return steps[0] > 2000

    c.set_progress_handler(tick, 1000)
    try:
        return c.execute(sql).fetchmany(20000)
    except (sqlite3.Error, sqlite3.Warning):
        return None


def form(v):
    if isinstance(v, (int, float)):
        return f"{float(v):.6g}"
    return v if v is None else str(v)


def same(gold, found, ordered):
    if len(gold) != len(found):
        return False
    if not gold:
        return True
    width = len(gold[0])
    if len(found[0]) != width:
        return False
    gold = [tuple(form(v) for v in r) for r in gold]
    found = [tuple(form(v) for v in r) for r in found]
    key = lambda r: tuple(str(v) for v in r)
    if width > 6:
        orders = [tuple(range(width))]
    else:
        columns = [sorted(map(str, c)) for c in zip(*gold)]
        other = [sorted(map(str, c)) for c in zip(*found)]
        orders = [p for p in itertools.permutations(range(width)) if all(other[p[i]] == columns[i] for i in range(width))]
    for p in orders:
        turned = [tuple(r[i] for i in p) for r in found]
        if turned == gold or not ordered and sorted(turned, key=key) == sorted(gold, key=key):
            return True
    return False


def outcome(path, gold, ordered, sql):
    found = rows(path, sql)
    if found is None:
        return "E"
    if gold is not None and same(gold, found, ordered):
        return "R" if gold else "r"
    if not found:
        return "0"
    if all(v is None for r in found for v in r):
        return "N"
    return "W"


def main(cache_path):
    try:
        with open(cache_path, "rb") as f:
            cache = pickle.load(f)
    except FileNotFoundError:
        cache = {}
    for line in sys.stdin:
        task = json.loads(line)
        path, gold_sql = task["path"], task["gold"]
        gold = ordered = None
        out = []
        for sql in task["sql"]:
            key = (path, gold_sql, sql)
            if key not in cache:
                if gold is None:
                    gold = rows(path, gold_sql)
                    ordered = bool(re.search(r"order\s+by[^)]*$", gold_sql, re.I))
                cache[key] = outcome(path, gold, ordered, sql)
            out.append(cache[key])
        print("".join(out), flush=True)
    with open(cache_path, "wb") as f:
        pickle.dump(cache, f)


if __name__ == "__main__":
    main(sys.argv[1])
