"""Times `lumos_auto`: a look-up by key against plain SQLite, and a mix of look-ups and analytic queries against the
better engine chosen by hand for each. Paired runs in one process; prints medians of the ratios.

Makes its data, a table of order lines with its orders and customers in the manner of TPC-H, in a temporary folder.
"""

import pathlib
import random
import statistics
import tempfile
import time

import apsw
import common

SCHEMA = """
CREATE TABLE customer(c_id INTEGER PRIMARY KEY, name TEXT, nation TEXT, segment TEXT);
CREATE TABLE orders(o_id INTEGER PRIMARY KEY, c_id INTEGER NOT NULL, placed DATE, priority TEXT, total REAL);
CREATE TABLE line(l_id INTEGER PRIMARY KEY, o_id INTEGER NOT NULL, part INTEGER, quantity INTEGER, price REAL,
  discount REAL, tax DECIMAL(4,2), shipped DATE, flag TEXT, status TEXT);
CREATE INDEX line_order ON line(o_id);
CREATE INDEX orders_customer ON orders(c_id);
"""

# Each in SQLite's SQL, with what one would write in DuckDB's where that differs.
ANALYTIC = [
    "SELECT flag, status, sum(quantity), sum(price), avg(price), avg(discount), count(*) FROM line WHERE shipped <= '1998-09-02' GROUP BY flag, status ORDER BY flag, status",
    "SELECT sum(price * discount) FROM line WHERE shipped >= '1994-01-01' AND shipped < '1995-01-01' AND discount BETWEEN 0.05 AND 0.07 AND quantity < 24",
    "SELECT part, count(*) AS n, sum(price) AS revenue FROM line GROUP BY part ORDER BY revenue DESC, part LIMIT 10",
    "SELECT c.nation, sum(l.price * (1.0 - l.discount)) AS revenue FROM customer c JOIN orders o ON o.c_id = c.c_id JOIN line l ON l.o_id = o.o_id WHERE o.placed >= '1995-01-01' GROUP BY c.nation ORDER BY revenue DESC",
    "SELECT priority, count(*) FROM orders o WHERE EXISTS (SELECT 1 FROM line l WHERE l.o_id = o.o_id AND l.quantity > 45) GROUP BY priority ORDER BY priority",
    "SELECT segment, count(DISTINCT o.c_id), max(total), min(placed) FROM customer c JOIN orders o ON o.c_id = c.c_id GROUP BY segment",
    "SELECT count(*), sum(CASE WHEN flag = 'R' THEN quantity ELSE 0 END) FROM line WHERE price > 500.0",
    "SELECT flag, round(avg(tax), 4), max(tax) FROM line GROUP BY flag",
    "SELECT n, count(*) FROM (SELECT c_id, count(*) AS n FROM orders GROUP BY c_id) GROUP BY n ORDER BY n",
    "SELECT o_id, sum(quantity) AS q FROM line GROUP BY o_id HAVING sum(quantity) > 210 ORDER BY q DESC, o_id LIMIT 20",
]
POINTS = [
    "SELECT price, quantity FROM line WHERE l_id = ?",
    "SELECT name, nation FROM customer WHERE c_id = ?",
    "SELECT o.total, c.name FROM orders o JOIN customer c ON c.c_id = o.c_id WHERE o.o_id = ?",
]


def fill(db, rows):
    rng = random.Random(1)
    days = [f"{y}-{m:02}-{d:02}" for y in range(1992, 1999) for m in range(1, 13) for d in range(1, 29)]
    orders, customers = rows // 4, rows // 40
    with db:
        db.executemany(
            "INSERT INTO customer VALUES(?,?,?,?)",
            ((i, f"customer {i}", f"nation {rng.randrange(25)}", rng.choice("ABCDE")) for i in range(1, customers + 1)),
        )
        db.executemany(
            "INSERT INTO orders VALUES(?,?,?,?,?)",
            (
                (i, rng.randint(1, customers), rng.choice(days), f"{rng.randint(1, 5)}-level", round(rng.uniform(10, 5000), 2))
                for i in range(1, orders + 1)
            ),
        )
        db.executemany(
            "INSERT INTO line VALUES(?,?,?,?,?,?,?,?,?,?)",
            (
                (
                    i,
                    rng.randint(1, orders),
                    rng.randint(1, 5000),
                    rng.randint(1, 50),
                    round(rng.uniform(1, 1000), 2),
                    rng.randint(0, 10) / 100,
                    rng.randint(0, 8) / 100,
                    rng.choice(days),
                    rng.choice("ANR"),
                    rng.choice("FO"),
                )
                for i in range(1, rows + 1)
            ),
        )
    return customers, orders


def width(db, sql):
    return next(db.execute(f"SELECT count(*) FROM json_each((SELECT row FROM lumos_auto(?, NULL, 'sqlite') LIMIT 1))", (sql,)))[0]


def timed(run):
    clock = time.perf_counter()
    run()
    return time.perf_counter() - clock


def points(db, rows, label):
    rng = random.Random(2)
    # Keys of its own for each, since the first to read a page does so for the other; and each is first in turn.
    keys = [rng.randint(1, rows) for _ in range(40_000)]
    texts = [f"[{rng.randint(1, rows)}]" for _ in range(40_000)]
    sql, auto = POINTS[0], "SELECT c0, c1 FROM lumos_auto(?, ?)"

    def plain(part):
        for key in keys[part]:
            db.execute(sql, (key,)).fetchall()

    def routed(part):
        for text in texts[part]:
            db.execute(auto, (sql, text)).fetchall()

    ratios = []
    for start in range(0, len(keys), 400):
        first, second = slice(start, start + 200), slice(start + 200, start + 400)
        a, b = timed(lambda: routed(first)), timed(lambda: plain(first))
        d, c = timed(lambda: plain(second)), timed(lambda: routed(second))
        ratios.append(((a + c) / 2, (b + d) / 2))
    ratio = statistics.median(a / b for a, b in ratios)
    best = min(a for a, _ in ratios), min(b for _, b in ratios)
    common.record(f"look-up by key through lumos_auto against plain SQLite, {label}", f"{ratio:.2f}", "<= 1.3",
                  ratio <= 1.3, f"best {best[0] * 5000:.2f} us against {best[1] * 5000:.2f} us")


def mix(db, rows, customers, orders):
    columns = {sql: ", ".join(f"c{i}" for i in range(width(db, sql))) for sql in ANALYTIC + POINTS[:0]}
    rng = random.Random(3)
    work = []
    for i in range(1000):
        sql = POINTS[i % 3]
        work.append((sql, rng.randint(1, (rows, customers, orders)[i % 3])))
    for i in range(50):
        work.append((ANALYTIC[i % len(ANALYTIC)], None))
    rng.shuffle(work)

    def plain(sql, key):
        return db.execute(sql, () if key is None else (key,)).fetchall()

    def duckdb(sql):
        return db.execute(f"SELECT {columns[sql]} FROM lumos_query(?)", (sql,)).fetchall()

    # By hand: for each statement the engine that is faster, found by the best of three runs.
    better = {}
    for sql in ANALYTIC:
        times = [min(timed(lambda: run()) for _ in range(3)) for run in (lambda: plain(sql, None), lambda: duckdb(sql))]
        better[sql] = "duckdb" if times[1] < times[0] else "sqlite"
        print(f"  sqlite {times[0] * 1e3:8.1f} ms, duckdb {times[1] * 1e3:8.1f} ms: {sql[:90]}")

    def by_hand():
        for sql, key in work:
            if key is None and better[sql] == "duckdb":
                duckdb(sql)
            else:
                plain(sql, key)

    def routed():
        for sql, key in work:
            if key is None:
                db.execute(f"SELECT {columns[sql]} FROM lumos_auto(?)", (sql,)).fetchall()
            else:
                db.execute("SELECT c0, c1 FROM lumos_auto(?, ?)", (sql, f"[{key}]")).fetchall()

    runs = []
    for i in range(5):
        pair = timed(routed), timed(by_hand)
        runs.append(pair)
        print(f"  run {i + 1}: lumos_auto {pair[0] * 1e3:.0f} ms, by hand {pair[1] * 1e3:.0f} ms, {pair[0] / pair[1]:.2f}")
    ratio = statistics.median(a / b for a, b in runs)
    common.record("1000 look-ups and 50 analytic queries through lumos_auto against the better engine by hand",
                  f"{ratio:.2f}", "<= 1.1", ratio <= 1.1, f"{rows:,} rows, median of {len(runs)} pairs")
    for sql in ANALYTIC:
        engine, reason = next(db.execute("SELECT engine, reason FROM lumos_route(?)", (sql,)))
        print(f"  {engine:6} ({reason}): {sql[:60]}")


def main():
    rows = common.rows_of(1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        db = apsw.Connection(str(pathlib.Path(folder) / "bench.sqlite"))
        db.enable_load_extension(True)
        db.load_extension(common.EXTENSION)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute(SCHEMA)
        customers, orders = fill(db, rows)
        # Kept results would be no comparison.
        db.execute("""SELECT lumos_attach(NULL, '{"cache_bytes": 0}')""").fetchall()
        db.execute("SELECT lumos_track('*')").fetchall()
        points(db, rows, "autocommit")
        with db:
            points(db, rows, "inside a transaction")
        mix(db, rows, customers, orders)
        db.close()


if __name__ == "__main__":
    main()
