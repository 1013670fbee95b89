"""Pictures of 60 queries over Chinook and the data of the decision functions, in the folder that is given or the variable
LUMOS_DECISIONS: how often the first suggestion is the kind that a person who draws for a living would choose, written down
before any was drawn; whether all suggestions are what the schema of Vega-Lite 6 allows; what ten million rows cost.
`jsonschema` must be installed. The pictures go to target/bench/charts, with a page of all of them, sheet.html, to look at."""

import csv
import gzip
import html
import json
import os
import pathlib
import resource
import sys
import time
import xml.etree.ElementTree

import common

CHINOOK = common.ROOT / "tests" / "fixtures" / "chinook.sqlite"
MONTH = "strftime('%Y-%m', InvoiceDate)"
SALES = "SELECT g.Name AS genre, sum(l.UnitPrice * l.Quantity) AS sales FROM InvoiceLine l JOIN Track t USING (TrackId) JOIN Genre g USING (GenreId)"

# The kinds that suit, each with a query.
QUERIES = [
    ("bar", "SELECT BillingCountry AS country, sum(Total) AS sales FROM Invoice GROUP BY 1"),
    ("bar", "SELECT Country, count(*) AS customers FROM Customer GROUP BY 1"),
    ("line", f"SELECT {MONTH} AS month, sum(Total) AS sales FROM Invoice GROUP BY 1"),
    ("bar line", "SELECT strftime('%Y', InvoiceDate) AS year, sum(Total) AS sales FROM Invoice GROUP BY 1"),
    ("bar", f"{SALES} GROUP BY 1"),
    ("line bar", "SELECT strftime('%Y', InvoiceDate) AS year, BillingCountry AS country, sum(Total) AS sales FROM Invoice WHERE BillingCountry IN ('USA', 'Canada', 'France', 'Brazil') GROUP BY 1, 2"),
    ("heatmap bar", "SELECT strftime('%Y', InvoiceDate) AS year, BillingCountry AS country, sum(Total) AS sales FROM Invoice GROUP BY 1, 2"),
    ("histogram", "SELECT Total FROM Invoice"),
    ("histogram", "SELECT Milliseconds / 60000.0 AS minutes FROM Track WHERE Milliseconds < 600000"),
    ("point", "SELECT Milliseconds, Bytes FROM Track WHERE Milliseconds < 600000"),
    ("bar", "SELECT Name, Milliseconds FROM Track ORDER BY Milliseconds DESC LIMIT 10"),
    ("value", "SELECT sum(Total) AS sales FROM Invoice"),
    ("value", "SELECT count(*) AS customers FROM Customer"),
    ("bar", "SELECT m.Name AS type, count(*) AS tracks FROM Track t JOIN MediaType m USING (MediaTypeId) GROUP BY 1"),
    ("bar heatmap", "SELECT g.Name AS genre, m.Name AS type, count(*) AS tracks FROM Track t JOIN Genre g USING (GenreId) JOIN MediaType m USING (MediaTypeId) GROUP BY 1, 2"),
    ("bar", "SELECT a.Name AS artist, count(*) AS albums FROM Album JOIN Artist a USING (ArtistId) GROUP BY 1 ORDER BY 2 DESC LIMIT 15"),
    ("bar", "SELECT e.FirstName || ' ' || e.LastName AS employee, sum(i.Total) AS sales FROM Invoice i JOIN Customer c USING (CustomerId) JOIN Employee e ON e.EmployeeId = c.SupportRepId GROUP BY 1"),
    ("line", "SELECT strftime('%Y-%m', i.InvoiceDate) AS month, e.LastName AS employee, sum(i.Total) AS sales FROM Invoice i JOIN Customer c USING (CustomerId) JOIN Employee e ON e.EmployeeId = c.SupportRepId GROUP BY 1, 2"),
    ("bar", "SELECT p.Name AS playlist, count(*) AS tracks FROM Playlist p JOIN PlaylistTrack USING (PlaylistId) GROUP BY p.PlaylistId, 1"),
    ("bar", "SELECT strftime('%m', InvoiceDate) AS month, avg(Total) AS mean_total FROM Invoice GROUP BY 1"),
    ("bar", "SELECT CASE strftime('%w', InvoiceDate) WHEN '0' THEN 'Sunday' WHEN '1' THEN 'Monday' WHEN '2' THEN 'Tuesday' WHEN '3' THEN 'Wednesday' WHEN '4' THEN 'Thursday' WHEN '5' THEN 'Friday' ELSE 'Saturday' END AS weekday, count(*) AS invoices FROM Invoice GROUP BY 1"),
    ("bar", "SELECT Country FROM Customer"),
    ("line", "SELECT InvoiceDate FROM Invoice"),
    ("bar", "SELECT UnitPrice, count(*) AS tracks FROM Track GROUP BY 1"),
    ("bar", "SELECT BillingCountry AS country, avg(Total) AS mean, count(*) AS n FROM Invoice GROUP BY 1 HAVING n > 10"),
    ("point", "SELECT c.CustomerId, sum(i.Total) AS spent, count(*) AS invoices FROM Customer c JOIN Invoice i USING (CustomerId) GROUP BY 1"),
    ("bar", "SELECT c.FirstName || ' ' || c.LastName AS customer, sum(i.Total) AS spent FROM Customer c JOIN Invoice i USING (CustomerId) GROUP BY 1"),
    ("line", f"SELECT {MONTH} AS month, sum(Total) AS sales, count(*) AS invoices FROM Invoice GROUP BY 1"),
    ("line", f"SELECT {MONTH} AS month, min(Total) AS least, avg(Total) AS mean, max(Total) AS greatest FROM Invoice GROUP BY 1"),
    ("bar", "SELECT BillingCountry AS country, sum(Total) FILTER (WHERE InvoiceDate < '2011') AS sales_before, sum(Total) FILTER (WHERE InvoiceDate >= '2011') AS sales_after FROM Invoice GROUP BY 1 ORDER BY 2 DESC LIMIT 6"),
    ("waterfall", "SELECT BillingCountry AS country, sum(CASE WHEN InvoiceDate >= '2011' THEN Total ELSE -Total END) AS difference FROM Invoice GROUP BY 1"),
    ("bar", "SELECT CASE WHEN Milliseconds < 180000 THEN 'short' WHEN Milliseconds < 300000 THEN 'middle' ELSE 'long' END AS length, count(*) AS tracks FROM Track GROUP BY 1"),
    ("bar", "SELECT 'USA' AS country, -3 AS profit UNION ALL SELECT 'France', 5 UNION ALL SELECT 'Italy', -1 UNION ALL SELECT 'Spain', 4"),
    ("bar", "SELECT '北京市' AS 城市, 21.5 AS 人口 UNION ALL SELECT '上海市', 24.9 UNION ALL SELECT '广州市', 18.7 UNION ALL SELECT '深圳市', 17.6"),
    ("bar", "SELECT '</script><b>&\"''' AS name, 3 AS n UNION ALL SELECT 'العربية', 5 UNION ALL SELECT '😀 smile', 2"),
    ("band", "SELECT ts, value, lo, hi FROM lumos_forecast('SELECT strftime(''%Y-%m-01'', InvoiceDate), sum(Total) FROM Invoice GROUP BY 1', 12)"),
    ("band", "SELECT strftime('%Y-%m-01', InvoiceDate) AS ts, sum(Total) AS value, NULL AS lo, NULL AS hi FROM Invoice GROUP BY 1 UNION ALL SELECT ts, value, lo, hi FROM lumos_forecast('SELECT strftime(''%Y-%m-01'', InvoiceDate), sum(Total) FROM Invoice GROUP BY 1', 12)"),
    ("band", "SELECT * FROM lumos_anomalies('taxi(ts, value)', '{\"last\": 500}')"),
    ("line", "SELECT ts, value FROM taxi"),
    ("line", "SELECT date(ts) AS day, sum(value) AS rides FROM taxi GROUP BY 1"),
    ("bar line", "SELECT CAST(strftime('%H', ts) AS INTEGER) AS hour, avg(value) AS rides FROM taxi GROUP BY 1"),
    ("line heatmap", "SELECT CAST(strftime('%H', ts) AS INTEGER) AS hour, CASE WHEN strftime('%w', ts) IN ('0', '6') THEN 'weekend' ELSE 'weekday' END AS kind, avg(value) AS rides FROM taxi GROUP BY 1, 2"),
    ("line", "SELECT ts, value FROM temperature"),
    ("histogram", "SELECT value FROM temperature"),
    ("point", "SELECT bill_length_mm, bill_depth_mm FROM penguins"),
    ("point", "SELECT flipper_length_mm, body_mass_g, species FROM penguins"),
    ("bar", "SELECT species, avg(body_mass_g) AS body_mass_g FROM penguins GROUP BY 1"),
    ("heatmap bar", "SELECT species, island FROM penguins"),
    ("histogram", "SELECT body_mass_g FROM penguins"),
    ("bar", "SELECT species, sex, avg(body_mass_g) AS body_mass_g FROM penguins WHERE sex IS NOT NULL GROUP BY 1, 2"),
    ("bar", "SELECT species, count(*) AS n FROM penguins GROUP BY 1"),
    ("bar line", "SELECT year, count(*) AS n FROM penguins GROUP BY 1"),
    ("tornado", "SELECT 'units' AS variable, 2100 AS low, 2450 AS high, 350 AS swing UNION ALL SELECT 'price', 1200, 3600, 2400 UNION ALL SELECT 'cost', 2900, 1750, 1150"),
    ("histogram", "SELECT lumos_draw(42, 'units', i, 'normal(100, 15)') AS units FROM numbers WHERE i <= 2000"),
    ("bar", "SELECT option, score FROM lumos_decide('SELECT species, avg(body_mass_g) AS mass, avg(flipper_length_mm) AS flipper FROM penguins GROUP BY 1', '{\"mass\": {\"weight\": 2}, \"flipper\": {\"weight\": 1}}')"),
    ("line", "SELECT i AS step, value FROM m3_series"),
    ("line", "SELECT ts, value, host FROM cpu"),
    ("bar", "SELECT i AS id, 'category ' || i AS name, (i * 37) % 101 AS n FROM numbers WHERE i <= 500"),
    ("bins", "SELECT i * 0.37 - (i * i % 977) AS x, i * 0.11 + (i * 7 % 1013) AS y FROM numbers"),
    ("line", "SELECT i AS step, i * i % 97 AS n FROM numbers WHERE i <= 60"),
]


def data(connection, folder):
    """The tables of the queries beside Chinook's."""
    with open(folder / "penguins.csv", newline="") as file:
        rows = list(csv.reader(file))
    numbers = {"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"}
    columns = ", ".join(f"{name} {'REAL' if name in numbers else 'TEXT'}" for name in rows[0])
    common.run(connection, f"CREATE TEMP TABLE penguins({columns})")
    penguins = [[None if value in ("", "NA") else value for value in row] for row in rows[1:]]
    connection.executemany(f"INSERT INTO penguins VALUES ({', '.join('?' * len(rows[0]))})", penguins)
    common.run(connection, "CREATE TEMP TABLE nab(file TEXT, ts TEXT, value REAL)")
    with gzip.open(folder / "nab.csv.gz", "rt", newline="") as file:
        connection.executemany("INSERT INTO nab VALUES (?, ?, ?)", list(csv.reader(file))[1:])
    common.run(connection, "CREATE TEMP TABLE taxi AS SELECT ts, value FROM nab WHERE file LIKE '%nyc_taxi.csv'")
    common.run(connection, "CREATE TEMP TABLE temperature AS SELECT ts, value FROM nab WHERE file LIKE '%machine_temperature%'")
    common.run(connection, "CREATE TEMP TABLE cpu AS SELECT ts, value, substr(file, -10, 6) AS host FROM nab WHERE file LIKE '%ec2_cpu%'")
    with open(folder / "m3.csv", newline="") as file:
        series = next(row for row in csv.DictReader(file) if row["period"] == "12")
    common.run(connection, "CREATE TEMP TABLE m3_series(i INTEGER, value REAL)")
    connection.executemany("INSERT INTO m3_series VALUES (?, ?)", enumerate(map(float, series["train"].split(";"))))
    common.run(connection, "CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) SELECT i FROM n")


def validator(folder):
    """Checks against the schema of Vega-Lite."""
    import jsonschema

    with gzip.open(folder / "vega-lite-6.schema.json.gz", "rt") as file:
        return jsonschema.Draft7Validator(json.load(file))


def many(connection, rows):
    """The seconds of the processor that a picture of so many rows takes, and the growth of the process in megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    source = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i * 7919 % 100003 * 0.1 AS x, i * 104729 % 100019 * 0.1 AS y FROM n"
    common.value(connection, "SELECT chart FROM lumos_chart_svg(?)", source)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, (after.ru_maxrss - before.ru_maxrss) / 1024


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["LUMOS_DECISIONS"])
    pictures = common.FOLDER / "charts"
    pictures.mkdir(parents=True, exist_ok=True)
    connection = common.sqlite(CHINOOK, lumos=True, wal=False)
    common.run(connection, "PRAGMA query_only = 0")
    data(connection, folder)
    schema = validator(folder)
    chosen, specs, invalid, page, began = 0, 0, [], [], time.process_time()
    for number, (kinds, query) in enumerate(QUERIES, 1):
        rows = common.run(connection, "SELECT kind, spec, reason FROM lumos_chart_suggest(?)", query)
        suits = rows[0][0] in kinds.split()
        chosen += suits
        for kind, spec, _ in rows:
            specs += 1
            error = next(schema.iter_errors(json.loads(spec)), None)
            if error:
                invalid.append(f"{number} {kind}: {error.message[:200]}")
        for theme in ["light", "dark"] if number % 10 == 0 else ["light"]:
            svg = common.value(connection, "SELECT chart FROM lumos_chart_svg(?, ?)", query, json.dumps({"theme": theme}))
            xml.etree.ElementTree.fromstring(svg)
            (pictures / f"{number:02}-{theme}.svg").write_text(svg)
        mark = "" if suits else f" <b>(for {kinds})</b>"
        page.append(f"<figure><figcaption>{number} {rows[0][0]}{mark}: {html.escape(query[:150])}</figcaption><img src='{number:02}-light.svg'></figure>")
        if not suits:
            print(f"  {number}: {rows[0][0]} for {kinds}: {query[:110]}")
    style = "body{display:grid;grid-template-columns:repeat(3,1fr);font:11px sans-serif}figure{margin:6px}img{width:100%}"
    (pictures / "sheet.html").write_text(f"<meta charset=utf-8><style>{style}</style>{''.join(page)}")
    print("\n".join(invalid))
    took = time.process_time() - began
    common.record("charts: first suggestion is the expert's, of 60 queries", f"{chosen / len(QUERIES):.2f}", ">= 0.80", chosen >= 0.8 * len(QUERIES), f"{took:.1f} s of the processor for all suggestions and pictures")
    common.record("charts: suggestions valid by the schema of Vega-Lite 6", f"{specs - len(invalid)} of {specs}", "all", not invalid, "and every SVG is XML")
    rows = common.rows_of(10_000_000)
    took, grown = many(connection, rows)
    common.record(f"charts: a picture of {rows:,} rows", f"{took:.1f} s", "none", True, f"of the processor; the process grew by {grown:.0f} MB")


if __name__ == "__main__":
    main()
