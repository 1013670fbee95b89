"""What looking at data and simulating cost through SQL, in SQLite and in DuckDB, of the processor; whether probabilities are
those of SciPy and statsmodels; how often the segment that was changed is the first one that is named.
numpy, scipy and statsmodels do the same in the same run if they are installed."""

import importlib
import random
import resource

import common


def processor(work):
    """The processor time of this process in seconds, and what the work gave."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found


def peer(name):
    """A package, if it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def tables(sqlite, duckdb, n):
    """The same rows in both engines: one table of ten columns of all kinds, one of twenty numbers."""
    duckdb.execute(f"""CREATE TABLE mixed AS SELECT i AS id, (hash(i) % 1000)::BIGINT AS a, (hash(i + 1) % 1000003) / 1000003 AS b,
        round((hash(i + 2) % 100000) / 977, 2) AS c, 'city ' || hash(i * 3) % 200 AS d, 'user ' || hash(i * 5) % 300000 AS e,
        DATE '2020-01-01' + (i % 2000)::INTEGER AS f, CASE WHEN i % 7 > 0 THEN i % 13 END AS g, i % 3 AS h, (hash(i * 7) % 5)::BIGINT AS k FROM range({n}) r(i)""")
    numbers = ", ".join(f"(hash(i * 20 + {j}) % 1000003) / 1000003 + {j % 3} * (i % 7) AS c{j}" for j in range(20))
    duckdb.execute(f"CREATE TABLE numbers AS SELECT {numbers} FROM range({n}) r(i)")
    for table in ["mixed", "numbers"]:
        names = [row[0] for row in duckdb.execute(f"DESCRIBE {table}").fetchall()]
        common.run(sqlite, f"CREATE TABLE {table}({', '.join(names)})")
        rows = duckdb.execute(f"SELECT * {'REPLACE (f::VARCHAR AS f)' if table == 'mixed' else ''} FROM {table}")
        marks = ", ".join("?" for _ in names)
        with sqlite:
            while chunk := rows.fetchmany(10_000):
                sqlite.executemany(f"INSERT INTO {table} VALUES ({marks})", chunk)


def costs(sqlite, duckdb, n):
    """Each call in both engines, and what others take for the same."""
    numpy, stats = peer("numpy"), peer("scipy.stats")

    def summarize():
        return f"SUMMARIZE {processor(lambda: duckdb.execute('SUMMARIZE mixed').fetchall())[0]:.1f} s with 12 columns"

    def matrix():
        if not (numpy and stats):
            return "scipy is not installed"
        columns = numpy.array(list(duckdb.execute("FROM numbers").fetchnumpy().values()))
        pearson, _ = processor(lambda: numpy.corrcoef(columns))
        spearman, _ = processor(lambda: stats.spearmanr(columns, axis=1))
        return f"numpy corrcoef {pearson:.1f} s, scipy spearmanr {spearman:.1f} s"

    def draws():
        if not numpy:
            return "numpy is not installed"
        chance = numpy.random.default_rng(1)
        return f"numpy {processor(lambda: (chance.poisson(900, n) * (chance.triangular(8, 10, 13, n) - chance.normal(6, 0.5, n)) - chance.normal(500, 50, n) * chance.uniform(0.9, 1.1, n)).mean())[0]:.1f} s"

    variables = '{"u": "poisson(900)", "p": "triangular(8, 10, 13)", "c": "normal(6, 0.5)", "f": "normal(500, 50)", "t": "uniform(0.9, 1.1)"}'
    for what, call, bar, beside in [
        (f"profile of {n:,} x 10", "lumos_profile('mixed')", 4, summarize),
        (f"Pearson and Spearman of all pairs of {n:,} x 20, with p", "lumos_correlate('numbers')", 8, matrix),
        (f"features of {n:,} x 20", "lumos_features('numbers', 'c0')", None, lambda: ""),
        (f"regression of {n:,} x 20", "lumos_regress('numbers', 'c0')", None, lambda: ""),
        (f"drivers of {n:,} rows in 3 columns", "lumos_drivers('mixed', 'sum(b)', 'h = 1', '[\"d\", \"g\", \"k\"]')", None, lambda: ""),
        (f"simulation of {n:,} runs of 5 variables", f"lumos_simulate('u * (p - c) - f * t', '{variables}', {n}, 1)", 2, draws),
    ]:
        told = beside()
        for engine, work in [
            ("SQLite", lambda: common.value(sqlite, f"SELECT count(*) FROM {call}")),
            ("DuckDB", lambda: duckdb.execute(f"SELECT count(*) FROM query({call})").fetchone()[0]),
        ]:
            took, rows = processor(work)
            common.record(f"{what}, {engine}", f"{took:.1f} s", f"<= {bar} s" if bar else "none", bar is None or took <= bar, f"{rows} rows; {told}".rstrip("; "))


def probabilities(duckdb, count):
    """How far p is from SciPy's and statsmodels' over so many random tables, relatively."""
    numpy, stats, models = peer("numpy"), peer("scipy.stats"), peer("statsmodels.api")
    if not (numpy and stats and models):
        print("probabilities: scipy and statsmodels are not installed")
        return
    chance = numpy.random.default_rng(1)
    most = 0.0
    for _ in range(count):
        n = int(chance.integers(8, 400))
        a = chance.normal(size=n)
        b = a * chance.uniform(-1, 1) + chance.normal(size=n)
        kinds = chance.integers(0, 4, n)
        duckdb.execute("CREATE OR REPLACE TABLE t AS SELECT unnest(?::DOUBLE[]) AS a, unnest(?::DOUBLE[]) AS b, unnest(?::VARCHAR[]) AS k", [list(a), list(b), [f"k{kind}" for kind in kinds]])
        found = {(x, y, measure): p for x, y, measure, p in duckdb.execute("SELECT a, b, measure, p FROM query(lumos_correlate('t'))").fetchall()}
        groups = [b[kinds == kind] for kind in range(4) if (kinds == kind).any()]
        fit = models.OLS(b, models.add_constant(a)).fit()
        slope = duckdb.execute("SELECT p FROM query(lumos_regress('t(a, b)', 'b')) WHERE term = 'a'").fetchone()[0]
        for mine, known in [
            (found[("a", "b", "pearson")], stats.pearsonr(a, b).pvalue),
            (found[("a", "b", "spearman")], stats.spearmanr(a, b).pvalue),
            (found[("b", "k", "eta")], stats.f_oneway(*groups).pvalue),
            (slope, fit.pvalues[1]),
        ]:
            most = max(most, float(abs(mine - known) / known))
    common.record(f"p of {count:,} random tables, Pearson, Spearman, eta and a slope, against SciPy and statsmodels", f"{most:.0e} at most", "<= 1e-8", bool(most <= 1e-8), "relative")


def cube(duckdb, seed, planted):
    """A table of four columns of 5 to 20 values, with noise in each cell, and segments of one to three of them changed by a
    fifth to three fifths. The segments."""
    chance = random.Random(seed)
    while True:
        sizes = [chance.randint(5, 20) for _ in range(4)]
        tilts = [[chance.uniform(0.3, 2) for _ in range(size)] for size in sizes]
        segments = []
        for _ in range(planted):
            dimensions = sorted(chance.sample(range(4), chance.randint(1, 3)))
            segments.append({d: chance.randrange(sizes[d]) for d in dimensions})
        share = lambda s: common.math.prod(tilts[d][v] / sum(tilts[d]) for d, v in s.items())
        apart = all(any(a.get(d) not in (None, v) for d, v in b.items()) for a in segments for b in segments if a is not b)
        if apart and all(share(s) > 0.05 for s in segments):
            break
    changes = "".join(
        f" * CASE WHEN {' AND '.join(f'd{d} = {v}' for d, v in s.items())} THEN {1 + chance.choice([-1, 1]) * chance.uniform(0.2, 0.6)} ELSE 1 END" for s in segments
    )
    size = " * ".join(f"CAST({tilts[d]} AS DOUBLE[])[d{d} + 1]" for d in range(4))
    ranges = ", ".join(f"range({size}) r{d}(d{d})" for d, size in enumerate(sizes))
    noise = chance.uniform(0.1, 0.3)
    duckdb.execute(f"""CREATE OR REPLACE TABLE cube AS WITH leaves AS (SELECT *, 100.0::DOUBLE * {size} AS size, row_number() OVER (ORDER BY d0, d1, d2, d3) AS i FROM {ranges})
        SELECT 'v' || d0 AS d0, 'v' || d1 AS d1, 'v' || d2 AS d2, 'v' || d3 AS d3, 0 AS test, size AS x FROM leaves
        UNION ALL SELECT 'v' || d0, 'v' || d1, 'v' || d2, 'v' || d3, 1, size * lumos_draw({seed}, 'noise', i, 'lognormal(0, {noise})'){changes} FROM leaves""")
    return [{f"d{d}": f"v{v}" for d, v in s.items()} for s in segments]


def drivers(duckdb, count):
    """How often the changed segment is the first, and two of them are both among the first three."""
    first = both = other = 0
    took = 0.0
    call = "query(lumos_drivers('cube', 'sum(x)', 'test = 1', '[\"d0\", \"d1\", \"d2\", \"d3\"]'%s))"
    for seed in range(count):
        planted = cube(duckdb, seed, 1)
        spent, found = processor(lambda: duckdb.execute(f"SELECT segment FROM {call % ''} WHERE rank = 1").fetchone()[0])
        took += spent
        first += common.json.loads(found) == planted[0]
        options = ", '{\"prune\": false, \"top\": 1000}'"
        plain = duckdb.execute(f"SELECT segment FROM {call % options} WHERE rank > 0 ORDER BY abs(unexpected) DESC LIMIT 1").fetchone()[0]
        other += common.json.loads(plain) == planted[0]
        planted = cube(duckdb, count + seed, 2)
        found = duckdb.execute(f"SELECT segment FROM {call % ''} WHERE rank BETWEEN 1 AND 3").fetchall()
        both += all(p in [common.json.loads(f[0]) for f in found] for p in planted)
    common.record(f"the changed segment is the first one, of {count} cubes", f"{first / count:.1%}", ">= 90 %", first >= 0.9 * count, f"by the largest unexpected difference {other / count:.1%}; {took / count:.2f} s a cube")
    common.record(f"two changed segments are among the first three, of {count} cubes", f"{both / count:.1%}", "aim 85 %", both >= 0.85 * count, "")


def main():
    sqlite = common.sqlite(":memory:", lumos=True, wal=False)
    duckdb = common.duckdb("1.5.5").connect(config={"allow_unsigned_extensions": "true", "threads": 1})
    duckdb.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    n = common.rows_of(1_000_000)
    tables(sqlite, duckdb, n)
    costs(sqlite, duckdb, n)
    probabilities(duckdb, max(20, int(1000 * common.SCALE)))
    drivers(duckdb, max(5, int(200 * common.SCALE)))


if __name__ == "__main__":
    main()
