"""TPC-H in SQLite, made by the `tpch` extension of DuckDB 1.5.5 (its wheel from PyPI), and its 22
queries in both dialects. `python tpch.py` makes the database unless it is there.
"""

import json
import re
import subprocess
import sys

import common

NAME = f"tpch-{common.SCALE:g}"
DATABASE = common.FOLDER / f"{NAME}.sqlite"
QUERIES = common.FOLDER / "tpch-queries.json"

# As a user of SQLite declares them; keys as the specification has them.
TABLES = """
CREATE TABLE region(r_regionkey INTEGER PRIMARY KEY, r_name CHAR(25) NOT NULL, r_comment VARCHAR(152));
CREATE TABLE nation(n_nationkey INTEGER PRIMARY KEY, n_name CHAR(25) NOT NULL, n_regionkey INTEGER NOT NULL,
  n_comment VARCHAR(152));
CREATE TABLE part(p_partkey INTEGER PRIMARY KEY, p_name VARCHAR(55) NOT NULL, p_mfgr CHAR(25) NOT NULL,
  p_brand CHAR(10) NOT NULL, p_type VARCHAR(25) NOT NULL, p_size INTEGER NOT NULL, p_container CHAR(10) NOT NULL,
  p_retailprice DECIMAL(15,2) NOT NULL, p_comment VARCHAR(23) NOT NULL);
CREATE TABLE supplier(s_suppkey INTEGER PRIMARY KEY, s_name CHAR(25) NOT NULL, s_address VARCHAR(40) NOT NULL,
  s_nationkey INTEGER NOT NULL, s_phone CHAR(15) NOT NULL, s_acctbal DECIMAL(15,2) NOT NULL,
  s_comment VARCHAR(101) NOT NULL);
CREATE TABLE partsupp(ps_partkey INTEGER NOT NULL, ps_suppkey INTEGER NOT NULL, ps_availqty INTEGER NOT NULL,
  ps_supplycost DECIMAL(15,2) NOT NULL, ps_comment VARCHAR(199) NOT NULL, PRIMARY KEY(ps_partkey, ps_suppkey));
CREATE TABLE customer(c_custkey INTEGER PRIMARY KEY, c_name VARCHAR(25) NOT NULL, c_address VARCHAR(40) NOT NULL,
  c_nationkey INTEGER NOT NULL, c_phone CHAR(15) NOT NULL, c_acctbal DECIMAL(15,2) NOT NULL,
  c_mktsegment CHAR(10) NOT NULL, c_comment VARCHAR(117) NOT NULL);
CREATE TABLE orders(o_orderkey INTEGER PRIMARY KEY, o_custkey INTEGER NOT NULL, o_orderstatus CHAR(1) NOT NULL,
  o_totalprice DECIMAL(15,2) NOT NULL, o_orderdate DATE NOT NULL, o_orderpriority CHAR(15) NOT NULL,
  o_clerk CHAR(15) NOT NULL, o_shippriority INTEGER NOT NULL, o_comment VARCHAR(79) NOT NULL);
CREATE TABLE lineitem(l_orderkey INTEGER NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL,
  l_linenumber INTEGER NOT NULL, l_quantity DECIMAL(15,2) NOT NULL, l_extendedprice DECIMAL(15,2) NOT NULL,
  l_discount DECIMAL(15,2) NOT NULL, l_tax DECIMAL(15,2) NOT NULL, l_returnflag CHAR(1) NOT NULL,
  l_linestatus CHAR(1) NOT NULL, l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL,
  l_shipinstruct CHAR(25) NOT NULL, l_shipmode CHAR(10) NOT NULL, l_comment VARCHAR(44) NOT NULL,
  PRIMARY KEY(l_orderkey, l_linenumber));
"""

# The foreign keys' indexes; those that a primary key begins with are there.
INDEXES = """
CREATE INDEX nation_region ON nation(n_regionkey);
CREATE INDEX supplier_nation ON supplier(s_nationkey);
CREATE INDEX partsupp_supplier ON partsupp(ps_suppkey);
CREATE INDEX customer_nation ON customer(c_nationkey);
CREATE INDEX orders_customer ON orders(o_custkey);
CREATE INDEX lineitem_part_supplier ON lineitem(l_partkey, l_suppkey);
CREATE INDEX lineitem_supplier ON lineitem(l_suppkey);
ANALYZE;
"""

NAMES = ["region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem"]


def database():
    """The path of the database, made when it is not there, in a process of its own."""
    if not DATABASE.exists() or not QUERIES.exists():
        subprocess.run([sys.executable, __file__], check=True)
    return DATABASE


def queries():
    """Numbers and texts of the 22 queries in DuckDB's dialect. The sum of Q1 that has 17 digits, more than
    a REAL of SQLite holds, is cast on all sides."""
    database()
    charge = "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax))"
    return {int(n): sql.replace(charge, f"CAST({charge} AS DOUBLE)") for n, sql in json.loads(QUERIES.read_text()).items()}


def for_sqlite(sql):
    """A query in SQLite's dialect: dates are text, and names of a derived table's columns stand inside it."""
    sql = re.sub(r"CAST\(('[0-9-]+') AS date\)|date ('[0-9-]+')", r"\1\2", sql)
    sql = re.sub(r"extract\(year FROM (\w+)\)", r"CAST(substr(\1, 1, 4) AS INTEGER)", sql)
    sql = re.sub(r"substring\((\w+) FROM (\d+) FOR (\d+)\)", r"substr(\1, \2, \3)", sql)
    return re.sub(
        r"count\(o_orderkey\)(.*?) AS c_orders \(c_custkey,\s*c_count\)",
        r"count(o_orderkey) AS c_count\1",
        sql,
        flags=re.DOTALL,
    )


def main():
    """Generates in DuckDB, writes to SQLite under another name, then renames."""
    common.FOLDER.mkdir(parents=True, exist_ok=True)
    generator = common.duckdb("1.5.5").connect()
    generator.execute(f"LOAD '{common.duckdb_extension('tpch')}'")
    texts = generator.execute("SELECT query_nr, query FROM tpch_queries()").fetchall()
    QUERIES.write_text(json.dumps({n: sql.strip().rstrip(";") for n, sql in texts}, indent=1))
    generator.execute(f"CALL dbgen(sf = {common.SCALE})")
    path = common.fresh(f"{NAME}.part")
    target = common.sqlite(path, wal=False)
    common.run(target, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + TABLES)
    for table in NAMES:
        columns = generator.execute(f"DESCRIBE {table}").fetchall()
        values = []
        for name, kind, *_ in columns:
            as_type = "DOUBLE" if kind.startswith("DECIMAL") else "VARCHAR" if kind == "DATE" else None
            values.append(f"CAST({name} AS {as_type})" if as_type else name)
        result = generator.execute(f"SELECT {', '.join(values)} FROM {table}")
        places = ", ".join("?" * len(columns))
        while batch := result.fetchmany(50_000):
            target.executemany(f"INSERT INTO {table} VALUES({places})", batch)
        print(f"  {table} is in SQLite", flush=True)
    common.run(target, INDEXES + "COMMIT; PRAGMA journal_mode = WAL;")
    target.close()
    path.rename(DATABASE)


if __name__ == "__main__":
    main()
