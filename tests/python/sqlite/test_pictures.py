"""The pictures of the guide are what its calls draw now; a picture of any rows is XML without what a page would run, and a
specification that is JSON."""

import json
import pathlib
import random
import re
import unittest
import xml.dom.minidom

import host

GUIDE = pathlib.Path(__file__).parents[3] / "sql" / "guide"
DRAWS = re.compile(r"^SELECT .*? FROM lumos_chart(_svg)?\(")


def statements(page):
    """Those of a page for SQLite."""
    for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL):
        lines = [line for line in block.splitlines() if not line.startswith(("--", ".load"))]
        yield from (sql.strip() for sql in re.split(r";(?:\n|$)", "\n".join(lines)) if sql.strip())


class Pictures(host.Case):
    def test_the_guide_shows_what_its_calls_draw(self):
        shown = set()
        for page in sorted(GUIDE.glob("*.md")):
            text = page.read_text()
            pictures = re.findall(r"!\[.*?\]\((charts/.*?\.svg)\)", text)
            if not pictures:
                continue
            db, drawn = self.open(), []
            for sql in statements(text):
                if DRAWS.match(sql):
                    try:
                        drawn.append(db.value(DRAWS.sub("SELECT chart FROM lumos_chart_svg(", sql)))
                    except host.ERROR as e:
                        self.assertIn(str(e).removeprefix("SQLError: "), text)
                elif sql.startswith("CREATE TEMP"):
                    db.rows(sql)
            for picture in pictures:
                self.assertTrue((GUIDE / picture).read_text().rstrip("\n") in drawn, f"{picture} is not what {page.name} draws")
                shown.add(picture)
        self.assertEqual(shown, {f"charts/{file.name}" for file in (GUIDE / "charts").iterdir()})

    def test_odd_rows_of_all_kinds(self):
        db, chance = self.open(), random.Random(37)
        values = """NULL;1;-1;0;9223372036854775807;-9223372036854775807-1;1e308;-1e308;5e-324;9e999;-9e999;'';'a';'<script>&';x'00'
            '2024-01-01';'9999-12-31';'0000-01-01';'2024-01-01 00:00:00.5';char(0)||'x';char(1)||char(65535);'😀‮עברית';'24:00'
            253402300799;1e18;hex(zeroblob(5000))""".replace("\n", ";").split(";")
        names = ["day", "total", "lo", "hi", "low", "high", "value", "name", "is_anomaly", '"<b>"', '"a""b"', "year"]
        kinds = "auto value line area band bar point bins heatmap histogram waterfall tornado pie".split()
        for _ in range(300):
            columns = chance.sample(names, chance.randint(1, 4))
            pools = [chance.sample(values, chance.choice([1, 2, 3, 8])) for _ in columns]
            rows = [", ".join(f"{chance.choice(pool).strip()} AS {name}" for pool, name in zip(pools, columns)) for _ in range(chance.choice([1, 2, 3, 12]))]
            source = "SELECT * FROM (" + " UNION ALL ".join(f"SELECT {row}" for row in rows) + chance.choice([")", ")", ") WHERE 0"])
            options = {"kind": chance.choice(kinds), "scale": chance.choice(["linear", "log"]), "width": chance.choice([100, 640, 4000])}
            options |= chance.choice([{}, {"agg": chance.choice(["sum", "mean", "min", "max", "count"])}, {"title": chance.choice(["<&\"'>", "\x00\x01", "x" * 10000, "javascript:"])}])
            with self.subTest(source=source, options=options):
                try:
                    picture = db.value("SELECT chart FROM lumos_chart_svg(?, ?)", source, json.dumps(options))
                except host.ERROR as e:
                    self.assertRegex(str(e), f'kind "{options["kind"]}" needs |nothing in the source can be drawn')
                    continue
                xml.dom.minidom.parseString(picture.encode())
                for word in ["<script", "href", "javascript:", "url(", "NaN", '"inf']:
                    self.assertNotIn(word, picture)
                spec = json.loads(db.value("SELECT chart FROM lumos_chart(?, ?)", source, json.dumps(options)))
                self.assertIn("$schema", spec)


if __name__ == "__main__":
    unittest.main()
