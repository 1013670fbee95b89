"""Times, what is made of them, and questions that go on from others: both engines answer with the same rows."""

import datetime
import json

from both import Both

TABLES = [
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR, country VARCHAR)",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id), order_date DATE, status VARCHAR, amount DOUBLE)",
    "CREATE TABLE product(id INTEGER PRIMARY KEY, name VARCHAR, category VARCHAR, price DOUBLE)",
]

# What was asked before, a question, and how many rows it has.
QUESTIONS = [
    ([], "how many orders were there in the last 30 days", 1),
    ([], "total amount in May 2023", 1),
    ([], "total amount in the week of 3 May 2024", 1),
    ([], "total amount between 2022 and 2023", 1),
    ([], "total amount of orders by month in 2024", 11),
    ([], "number of orders per quarter", 16),
    ([], "which month had the highest total amount", 1),
    ([], "share of total amount by country", 4),
    ([], "what percentage of orders are cancelled", 1),
    ([], "running total of the amount by month", 47),
    ([], "3-month moving average of the amount", 47),
    ([], "year over year growth of total amount by month", 47),
    ([], "monthly growth of total amount in 2024", 11),
    ([], "top 3 products by price for each category", 12),
    ([], "customers without orders", 6),
    ([], "上个月的订单总金额", 1),
    ([], "最近7天有多少订单", 1),
    ([], "每个月订单金额的同比", 47),
    ([], "每周的订单数量", 203),
    (["total amount in 2024"], "what about 2023?", 1),
    (["total amount in 2024"], "compared to last year", 1),
    (["number of orders by country"], "by month instead", 47),
    (["number of orders by country"], "as a share of total", 4),
    (["number of orders by country", "only Germany"], "how many are there?", 1),
    (["top 5 products by price"], "what is their average price?", 1),
    (["上个月的订单总金额"], "去年同期呢", 1),
]


class Times(Both):
    def test_both_answer_alike(self):
        first = datetime.date(2021, 1, 4)
        days = [(first + datetime.timedelta(days=i * 1416 // 399)).isoformat() for i in range(400)]
        customers = [(i, f"c{i}", f"city {i % 9}", ["Germany", "France", "Norway", "Austria"][i % 4]) for i in range(56)]
        orders = [(i, i % 50 if i % 17 else None, day, ["paid", "open", "cancelled"][i % 3], (i * 37 % 101) / 2 + 1) for i, day in enumerate(days)]
        products = [(i, f"p{i}", f"kind {i % 4}", 1 + i * 3.25) for i in range(40)]
        for sql in TABLES:
            self.sqlite.rows(sql)
            self.duckdb.execute(sql)
        for table, rows in ("customer", customers), ("orders", orders), ("product", products):
            sql = f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"
            for row in rows:
                self.sqlite.rows(sql, *row)
            self.duckdb.executemany(sql, rows)
        self.duckdb.execute("FROM query(lumos_learn())").fetchall()
        self.duckdb.execute("FROM query(lumos_learn_values())").fetchall()

        def values(rows):
            all = [list(json.loads(row).values()) for (row,) in rows]
            return [[round(v, 6) if isinstance(v, float) else v for v in row] for row in all]

        for before, question, count in QUESTIONS:
            options = json.dumps({"after": before, "min_confidence": 0})
            ours = values(self.sqlite.rows("SELECT row FROM lumos_ask(?, ?)", question, options))
            theirs = values(self.duckdb.execute("SELECT row FROM query(lumos_ask(?, ?))", [question, options]).fetchall())
            key = lambda row: [str(v) for v in row]
            self.assertEqual(sorted(ours, key=key), sorted(theirs, key=key), (before, question))
            self.assertEqual(len(ours), count, (before, question))
