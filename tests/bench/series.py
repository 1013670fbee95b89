"""What forecasts, anomalies, change points and outliers cost through SQL, in SQLite and in DuckDB, of the processor.
`statsforecast` forecasts the same series if it is installed."""

import random
import resource

import common


def processor(work):
    """The processor time of this process in seconds, and what the work gave."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found


def months(series, length):
    """Rows of so many series of so many months: a slope, a season and noise."""
    chance = random.Random(1)
    for one in range(series):
        for i in range(length):
            value = 100 + 0.3 * i + 20 * ((i % 12) > 8) + 5 * chance.gauss(0, 1)
            yield f"{1950 + i // 12:04}-{i % 12 + 1:02}-01", value, one


def peer(duckdb):
    """The time that the dynamic optimised theta model of statsforecast takes with its intervals, if it is there."""
    try:
        from statsforecast import StatsForecast
        from statsforecast.models import DynamicOptimizedTheta
    except ImportError:
        return "statsforecast is not installed"
    frame = duckdb.execute("SELECT shop AS unique_id, day AS ds, amount AS y FROM months").df()
    models = [DynamicOptimizedTheta(season_length=12)]
    took, _ = processor(lambda: StatsForecast(models=models, freq="MS").forecast(df=frame, h=12, level=[95]))
    return f"statsforecast DOT {took:.1f} s"


def main():
    sqlite = common.sqlite(":memory:", lumos=True, wal=False)
    duckdb = common.duckdb("1.5.5").connect(config={"allow_unsigned_extensions": "true", "threads": 1})
    duckdb.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    series, n = max(10, common.rows_of(200_000) // 200), common.rows_of(1_000_000)
    common.run(sqlite, "CREATE TABLE months(day TEXT, amount REAL, shop INTEGER)")
    sqlite.executemany("INSERT INTO months VALUES (?, ?, ?)", months(series, 200))
    duckdb.execute("CREATE TABLE months(day DATE, amount DOUBLE, shop INTEGER)")
    columns = [list(column) for column in zip(*months(series, 200))]
    duckdb.execute("INSERT INTO months SELECT unnest(?::DATE[]), unnest(?::DOUBLE[]), unnest(?::INTEGER[])", columns)
    common.run(sqlite, f"CREATE TABLE cpu AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) SELECT i, i * 7919 % 1000 AS n FROM c")
    duckdb.execute(f"CREATE TABLE cpu AS SELECT i, (i * 7919 % 1000)::DOUBLE AS n FROM range(1, {n + 1}) r(i)")
    for what, call, bar in [
        (f"forecasts of {series:,} x 200 months", "lumos_forecast('months', 12)", 6),
        (f"anomalies of {n:,} rows", "lumos_anomalies('cpu')", 2),
        (f"change points of {n:,} rows", "lumos_changepoints('cpu')", 10),
        (f"outliers among {n:,} rows", "lumos_outliers('cpu')", 10),
    ]:
        beside = peer(duckdb) if "forecasts" in what else ""
        for engine, work in [
            ("SQLite", lambda: common.value(sqlite, f"SELECT count(*) FROM {call}")),
            ("DuckDB", lambda: duckdb.execute(f"SELECT count(*) FROM query({call})").fetchone()[0]),
        ]:
            took, rows = processor(work)
            common.record(f"{what}, {engine}", f"{took:.1f} s", f"<= {bar} s", took <= bar, f"{rows} rows; {beside}".rstrip("; "))


if __name__ == "__main__":
    main()
