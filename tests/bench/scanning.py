"""What it costs SQLite to read a table of DuckDB through `lumos_table`: a full scan, and one that DuckDB filters."""

import common

ROWS = common.rows_of(10_000_000)
ROUNDS = 7


def main():
    """Bar: a full scan of two integers in 1.2 times SQLite's own."""
    common.FOLDER.mkdir(parents=True, exist_ok=True)
    host = common.sqlite(common.fresh("scan.sqlite"), lumos=True)
    fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT INTO t SELECT i, i * 7 % 1000 FROM n"
    common.run(host, "CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER)")
    common.run(host, fill, ROWS)
    common.attach(host)
    common.run(host, "SELECT lumos_track('t')")
    common.run(host, "CREATE VIRTUAL TABLE temp.v USING lumos_table('t')")
    for what, condition, bar in [("full scan", "", 1.2), ("scan of the thousandth that DuckDB filters", "WHERE b = 5", None)]:
        ours, own = common.paired(
            lambda: common.run(host, f"SELECT sum(a), sum(b) FROM temp.v {condition}"),
            lambda: common.run(host, f"SELECT sum(a), sum(b) FROM t {condition}"),
            ROUNDS,
        )
        ratio = ours / own
        common.record(f"{what} of {ROWS:,} rows through lumos_table against SQLite's own", f"{ratio:.2f}",
                      f"<= {bar}" if bar else "none", bar is None or ratio <= bar, f"{ours:.2f} s against {own:.2f} s")


if __name__ == "__main__":
    main()
