"""What only reads works on a connection that may only read, and leaves nothing behind. The oracle is the same call on a copy that
may be written."""

import unittest

import host

SALES = "SELECT strftime(''%Y-%m-01'', InvoiceDate), Total, BillingCountry FROM Invoice WHERE BillingCountry IN (''USA'', ''Canada'')"
MONTHS = '{"step": "1 month", "agg": "sum", "gaps": "zero"}'
CALLS = [
    f"SELECT * FROM lumos_forecast('{SALES}', 3, '{MONTHS}')",
    f"SELECT * FROM lumos_backtest('{SALES}', 3, '{MONTHS}')",
    f"SELECT * FROM lumos_anomalies('{SALES}', '{MONTHS}')",
    "SELECT * FROM lumos_changepoints('SELECT TrackId, Milliseconds FROM Track')",
    f"SELECT * FROM lumos_decompose('{SALES}', '{MONTHS}')",
    f"SELECT * FROM lumos_seasons('{SALES}', '{MONTHS}')",
    "SELECT lumos_forecast_of(json_group_array(InvoiceDate), json_group_array(Total), 2) FROM Invoice",
    "SELECT * FROM lumos_outliers('Invoice(InvoiceId, Total)')",
    "SELECT * FROM lumos_profile('Customer')",
    "SELECT * FROM lumos_correlate('Track(Milliseconds, Bytes, UnitPrice)')",
    "SELECT * FROM lumos_features('Track(Milliseconds, Bytes, UnitPrice)', 'UnitPrice')",
    "SELECT * FROM lumos_regress('Track(Milliseconds, Bytes, UnitPrice)', 'UnitPrice')",
    "SELECT * FROM lumos_drivers('Invoice', 'sum(Total)', 'InvoiceDate >= ''2024-01-01''', '[\"BillingCountry\"]')",
    "SELECT * FROM lumos_patterns('Invoice')",
    "SELECT * FROM lumos_simulate('a * b', '{\"a\": \"normal(1, 2)\", \"b\": \"uniform(0, 1)\"}', 1000, 1)",
    "SELECT * FROM lumos_sensitivity('a * b', '{\"a\": \"normal(1, 2)\", \"b\": \"uniform(0, 1)\"}')",
    "SELECT lumos_risk(Total) FROM Invoice",
    "SELECT * FROM lumos_decide('SELECT Name, Milliseconds, Bytes FROM Track LIMIT 20', '{\"Milliseconds\": {\"weight\": 1}, \"Bytes\": {\"weight\": 2, \"goal\": \"min\"}}')",
    "SELECT lumos_whatif('SELECT sum(Total) FROM Invoice', '{\"dearer\": [{\"table\": \"Invoice\", \"set\": {\"Total\": \"Total * 1.1\"}}]}')",
    "SELECT * FROM lumos_chart('SELECT BillingCountry, sum(Total) FROM Invoice GROUP BY 1')",
    "SELECT * FROM lumos_chart_svg('SELECT BillingCountry, sum(Total) FROM Invoice GROUP BY 1')",
    "SELECT * FROM lumos_chart_suggest('SELECT BillingCountry, sum(Total) FROM Invoice GROUP BY 1')",
    "SELECT * FROM lumos_check_of('Invoice', '[{\"not_null\": \"Total\"}, {\"range\": {\"column\": \"Total\", \"min\": 1}}]')",
    "SELECT * FROM lumos_check_suggest('Invoice')",
    "SELECT row FROM lumos_ask('How many customers are there in each country?')",
    "SELECT sql FROM lumos_parse('Which genre has the most tracks?')",
]


class ReadOnly(host.Case):
    def setUp(self):
        super().setUp()
        copy = self.folder / "copy.sqlite"
        copy.write_bytes(self.path.read_bytes())
        self.written = self.open(copy)

    def test_what_reads_works_where_nothing_can_be_written(self):
        db = self.open(only_read=True)
        self.refused(db, "DELETE FROM Invoice", "readonly")
        with self.nothing_changes():
            for sql in CALLS:
                with self.subTest(sql):
                    rows = db.rows(sql)
                    self.assertTrue(rows)
                    self.assertEqual(rows, self.written.rows(sql))


if __name__ == "__main__":
    unittest.main()
