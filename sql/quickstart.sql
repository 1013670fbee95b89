-- The main job of Lumos in the stock sqlite3 shell; `make demo` runs it on a copy of Chinook.
.echo on
.load ./target/lumos
SELECT lumos_attach();
SELECT lumos_track('*');

-- Revenue by country and month, computed by DuckDB over the columnar mirror.
SELECT * FROM lumos_query('
  SELECT BillingCountry AS country, date_trunc(''month'', InvoiceDate) AS month, sum(Total) AS revenue
  FROM Invoice GROUP BY ALL ORDER BY revenue DESC, country, month LIMIT 5');

-- The application writes plain SQL, here and in a process that knows nothing of Lumos.
INSERT INTO Invoice (CustomerId, InvoiceDate, BillingCountry, Total) VALUES (1, '2026-01-15 00:00:00', 'Brazil', 120.75);
UPDATE InvoiceLine SET Quantity = 10 WHERE InvoiceLineId = 1;
DELETE FROM PlaylistTrack WHERE PlaylistId = 1 AND TrackId < 100;
.shell sqlite3 target/demo/chinook.sqlite "INSERT INTO Invoice (CustomerId, InvoiceDate, BillingCountry, Total) VALUES (2, '2026-02-03 00:00:00', 'Germany', 90.25)"

-- The next query applies what has changed, then answers.
SELECT "table", rows, pending FROM lumos_status WHERE pending > 0;
SELECT * FROM lumos_query('
  SELECT BillingCountry AS country, date_trunc(''month'', InvoiceDate) AS month, sum(Total) AS revenue
  FROM Invoice GROUP BY ALL ORDER BY revenue DESC, country, month LIMIT 5');
SELECT lumos_detach();
