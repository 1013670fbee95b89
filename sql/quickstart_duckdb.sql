-- Lumos in the stock duckdb shell, started with -unsigned; `make demo` runs it after the other.
.echo on
LOAD 'target/lumos.duckdb_extension';
SELECT lumos_version();
SELECT lumos_cosine([1, 2, 3]::FLOAT[], [3, 2, 1]::FLOAT[]) AS cosine, lumos_l2([1, 2]::FLOAT[2], [4, 6]::FLOAT[2]) AS l2;

-- The mirror is an ordinary DuckDB file.
ATTACH 'target/demo/chinook.sqlite-lumos.duckdb' AS mirror (READ_ONLY);
SELECT count(*) AS invoices, sum(Total) AS revenue FROM mirror.Invoice;
