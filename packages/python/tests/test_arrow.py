"""lumos_arrow: what pyarrow reads of every type is what DuckDB itself gives to pyarrow."""

import re

import duckdb
import pyarrow
import pytest

import lumosdb
from conftest import run

VALUES = {
    "BOOLEAN": "true, false", "TINYINT": "-128, 127", "SMALLINT": "-32768, 7", "INTEGER": "-1, 2147483647", "BIGINT": "-9223372036854775808, 1",
    "UTINYINT": "255, 0", "USMALLINT": "65535, 1", "UINTEGER": "4294967295, 1", "UBIGINT": "18446744073709551615, 1",
    "HUGEINT": "-12345678901234567890123456789, 1", "FLOAT": "1.5, -0.25", "DOUBLE": "1e300, 'inf'", "DECIMAL(4,1)": "-999.9, 1.5",
    "DECIMAL(9,2)": "1234567.89, 0", "DECIMAL(18,3)": "-123456789012345.678, 1", "DECIMAL(38,5)": "123456789012345678901234567890.12345, -1",
    "DATE": "'2026-01-15', '0001-01-01'", "TIME": "'23:59:59.999999', '00:00:00'", "TIMESTAMP": "'2026-01-15 12:34:56.789', '1900-01-01'",
    "TIMESTAMP_S": "'2026-01-15 12:34:56', '1900-01-01'", "TIMESTAMP_MS": "'2026-01-15 12:34:56.789', '1900-01-01'",
    "TIMESTAMP_NS": "'2026-01-15 12:34:56.789012345', '1900-01-01'", "VARCHAR": "'', '数据 🙂', 'a longer text than twelve bytes'", "BLOB": "'\\x00\\xFF'::BLOB, ''::BLOB",
    "INTEGER[]": "[1, NULL, 3], []", "VARCHAR[]": "['a', NULL], ['a longer text than twelve bytes']", "FLOAT[3]": "[1, 2, 3], [4, NULL, 6]",
    "DOUBLE[2][]": "[[1, 2], NULL, [3, 4]], []", "STRUCT(a INTEGER, b VARCHAR[])": "{'a': 1, 'b': ['x']}, {'a': NULL, 'b': NULL}",
    "STRUCT(a STRUCT(b DATE))[]": "[{'a': {'b': '2026-01-15'}}, NULL], []",
}


@pytest.mark.parametrize("type", VALUES)
def test_a_type(type):
    values = ", ".join(f"(({value})::{type})" for value in split(VALUES[type]))
    sql = f"SELECT c AS \"the column\" FROM (VALUES (NULL::{type}), {values}, (NULL)) t(c), range(3)"
    db = lumosdb.connect()
    ours, theirs = lumosdb.arrow(db, sql), duckdb.sql(sql).to_arrow_table()
    ours.validate(full=True)
    assert ours.column_names == ["the column"]
    assert sorted(map(repr, ours.column(0).to_pylist())) == sorted(map(repr, theirs.column(0).to_pylist()))
    if not type.startswith("DECIMAL"):  # Of these a wider one that is stored alike.
        ours, theirs = (re.sub(r"<\w*:", "<:", str(table.schema.field(0).type)) for table in (ours, theirs))
        assert ours == theirs  # But for the name that the elements of a list have.
    db.close()


def split(values):
    """The values of a list in SQL, without those in brackets."""
    depth, start, found = 0, 0, []
    for i, c in enumerate(values + ","):
        depth += (c in "[{(") - (c in "]})")
        if c == "," and depth == 0:
            found.append(values[start:i])
            start = i + 1
    return found


def test_types_that_arrow_has_no_other_form_for():
    sql = """SELECT 'b'::ENUM('a', 'b') AS e, '00000000-0000-0000-0000-000000000001'::UUID AS u, MAP {'k': 1} AS m, INTERVAL 1 DAY AS i,
             union_value(n := 1) AS n, '{"a":1}'::JSON AS j, NULL AS nothing, 12345678901234567890123456789012345678901::BIGNUM AS big,
             row(1, 'a') AS r, '101'::BIT AS bits"""
    db = lumosdb.connect()
    table = lumosdb.arrow(db, sql)
    table.validate(full=True)
    assert table.to_pylist() == [{
        "e": "b", "u": "00000000-0000-0000-0000-000000000001", "m": '{"k":1}', "i": "1 day", "n": "1", "j": '{"a":1}', "nothing": None,
        "big": "12345678901234567890123456789012345678901", "r": '[1,"a"]', "bits": "101",
    }]
    db.close()


def test_many_batches_and_frames(chinook):
    db = lumosdb.connect(chinook)
    sql = "SELECT i, i::DOUBLE / 3 AS d, CASE WHEN i % 3 = 0 THEN NULL ELSE 'text ' || i END AS t FROM range(?) r(i)"
    for rows in (0, 1, 2047, 2048, 131_071, 131_072, 131_073, 400_000):
        table = lumosdb.arrow(db, sql, [rows])
        table.validate(full=True)
        assert table.num_rows == rows
        assert table.column("i").to_pylist() == list(range(rows))
        if rows:
            assert table.column("t").null_count == -(-rows // 3)
            assert table.column("t")[rows - 1].as_py() == (None if (rows - 1) % 3 == 0 else f"text {rows - 1}")
    frame = lumosdb.df(db, "SELECT BillingCountry, sum(Total) AS revenue, count(*) AS n FROM Invoice GROUP BY ALL ORDER BY 2 DESC LIMIT 1")
    assert frame.to_dict("records") == [{"BillingCountry": "USA", "revenue": pytest.approx(523.06), "n": 91}]
    assert frame.dtypes["revenue"] == "float64"
    wide = lumosdb.df(db, "SELECT sum(InvoiceId) AS s, 1.5::DECIMAL(9, 2) AS d FROM Invoice")
    assert [str(t) for t in wide.dtypes] == ["float64", "float64"] and wide.iloc[0].tolist() == [85078.0, 1.5]
    polar = lumosdb.pl(db, "SELECT Name FROM Genre WHERE GenreId = $id", {"id": 3})
    assert polar.to_dicts() == [{"Name": "Metal"}]
    db.close()


def test_what_takes_more_than_the_connection_allows():
    out = run("""
import apsw, lumosdb
db = apsw.Connection(":memory:")
db.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000)
lumosdb.load(db)
try:
    lumosdb.arrow(db, "SELECT repeat('x', 1000) AS x FROM range(1000)")
except Exception as error:
    print(error)
print(lumosdb.arrow(db, "SELECT 1 AS a").num_rows)
""")
    said, rows = out.splitlines()
    assert "the rows take more than 100000 bytes as Arrow" in said and rows == "1"
