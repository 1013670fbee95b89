//! Times, and what is made of them, over a small shop whose latest order is of 20 November 2024.

use super::super::print::Dialect;
use super::shop::shop;

/// A question, its SQL in SQLite without quotes of names, and that in DuckDB where it is another.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "每个类别价格最高的3个产品",
        "SELECT name, product_name FROM (SELECT category.name AS name, product.name AS product_name, row_number() OVER (PARTITION BY category.id ORDER BY product.price DESC) AS place FROM category JOIN product ON product.category_id = category.id) AS ranked WHERE place <= 3 ORDER BY name, place",
        "",
    ),
    (
        "2024年金额最高的5个订单",
        "SELECT id FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01' ORDER BY amount DESC LIMIT 5",
        "",
    ),
    (
        "how many orders were there in the last 30 days",
        "SELECT count(*) AS count FROM orders WHERE order_date >= '2024-10-22' AND order_date < '2024-11-21'",
        "",
    ),
    (
        "orders between 2024-01-01 and 2024-03-31",
        "SELECT id FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2024-04-01'",
        "",
    ),
    (
        "total amount between 2022 and 2023",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2022-01-01' AND order_date < '2024-01-01'",
        "",
    ),
    (
        "how many orders after 3 May 2024",
        "SELECT count(*) AS count FROM orders WHERE order_date >= '2024-05-04'",
        "",
    ),
    (
        "how many orders before March 2022",
        "SELECT count(*) AS count FROM orders WHERE order_date < '2022-03-01'",
        "",
    ),
    (
        "total amount in the week of 3 May 2024",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-04-29' AND order_date < '2024-05-06'",
        "",
    ),
    (
        "which month had the highest total amount",
        "SELECT strftime('%Y-%m', order_date) AS month FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY sum(amount) DESC LIMIT 1",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY sum(amount) DESC LIMIT 1",
    ),
    (
        "which year had the most orders",
        "SELECT strftime('%Y', order_date) AS year FROM orders GROUP BY strftime('%Y', order_date) ORDER BY count(*) DESC LIMIT 1",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y') AS year FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y') ORDER BY count(*) DESC LIMIT 1",
    ),
    (
        "number of orders per quarter",
        "SELECT strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3) AS quarter, count(*) AS count FROM orders GROUP BY strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3) ORDER BY strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y') || '-Q' || quarter(TRY_CAST(order_date AS TIMESTAMP)) AS quarter, count(*) AS count FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y') || '-Q' || quarter(TRY_CAST(order_date AS TIMESTAMP)) ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y') || '-Q' || quarter(TRY_CAST(order_date AS TIMESTAMP))",
    ),
    (
        "share of total amount by country",
        "SELECT customer.country, 100.0 * sum(orders.amount) / nullif(sum(sum(orders.amount)) OVER (), 0) AS share FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
        "",
    ),
    (
        "percentage of products in each category",
        "SELECT category.name, 100.0 * count(*) / nullif(sum(count(*)) OVER (), 0) AS share FROM category JOIN product ON product.category_id = category.id GROUP BY category.id, category.name",
        "",
    ),
    (
        "what share of orders is in each country",
        "SELECT customer.country, 100.0 * count(*) / nullif(sum(count(*)) OVER (), 0) AS share FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
        "",
    ),
    (
        "what percentage of orders are cancelled",
        "SELECT 100.0 * count(*) FILTER (WHERE status = 'cancelled') / nullif(count(*), 0) AS share FROM orders",
        "",
    ),
    (
        "what percentage of orders in 2024 are cancelled",
        "SELECT 100.0 * count(*) FILTER (WHERE status = 'cancelled') / nullif(count(*), 0) AS share FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01'",
        "",
    ),
    (
        "running total of the amount by month",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date))) AS running_total FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP)))) AS running_total FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "month over month growth of the amount",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "year over year growth of total amount by month",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 12 PRECEDING AND 12 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) RANGE BETWEEN 12 PRECEDING AND 12 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "monthly growth of total amount in 2024",
        "WITH asked(c1, c2, c3) AS (SELECT strftime('%Y-%m', order_date), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-12-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date)) SELECT c1 AS month, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024-01' ORDER BY c1",
        "WITH asked(c1, c2, c3) AS (SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m'), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-12-01' AND order_date < '2025-01-01' GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')) SELECT c1 AS month, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024-01' ORDER BY c1",
    ),
    (
        "3-month moving average of the amount",
        "SELECT strftime('%Y-%m', order_date) AS month, avg(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving_average FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, avg(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving_average FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "top 3 products by price for each category",
        "SELECT name, product_name FROM (SELECT category.name AS name, product.name AS product_name, row_number() OVER (PARTITION BY category.id ORDER BY product.price DESC) AS place FROM category JOIN product ON product.category_id = category.id) AS ranked WHERE place <= 3 ORDER BY name, place",
        "",
    ),
    (
        "customers without orders",
        "SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)",
        "",
    ),
    (
        "products that were never ordered",
        "SELECT name FROM product WHERE id NOT IN (SELECT order_line.product_id FROM order_line JOIN orders ON order_line.order_id = orders.id WHERE order_line.product_id IS NOT NULL)",
        "",
    ),
    (
        "products with no orders",
        "SELECT name FROM product WHERE id NOT IN (SELECT order_line.product_id FROM order_line JOIN orders ON order_line.order_id = orders.id WHERE order_line.product_id IS NOT NULL)",
        "",
    ),
    (
        "按月统计订单总额",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(amount) AS sum_amount FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(amount) AS sum_amount FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "最近7天有多少订单",
        "SELECT count(*) AS count FROM orders WHERE order_date >= '2024-11-14' AND order_date < '2024-11-21'",
        "",
    ),
    (
        "2024年5月的订单数量",
        "SELECT count(*) AS count FROM orders WHERE order_date >= '2024-05-01' AND order_date < '2024-06-01'",
        "",
    ),
    (
        "按国家统计订单金额占比",
        "SELECT customer.country, 100.0 * sum(orders.amount) / nullif(sum(sum(orders.amount)) OVER (), 0) AS share FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
        "",
    ),
    (
        "2024年每个月的订单金额环比",
        "WITH asked(c1, c2, c3) AS (SELECT strftime('%Y-%m', order_date), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-12-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date)) SELECT c1 AS month, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024-01' ORDER BY c1",
        "WITH asked(c1, c2, c3) AS (SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m'), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-12-01' AND order_date < '2025-01-01' GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')) SELECT c1 AS month, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024-01' ORDER BY c1",
    ),
    (
        "每个月订单金额的同比",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 12 PRECEDING AND 12 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(amount) AS sum_amount, 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) RANGE BETWEEN 12 PRECEDING AND 12 PRECEDING), 0) - 100 AS growth FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "每月累计订单金额",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date))) AS running_total FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, sum(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP)))) AS running_total FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "3个月移动平均订单金额",
        "SELECT strftime('%Y-%m', order_date) AS month, avg(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving_average FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month, avg(sum(amount)) OVER (ORDER BY min(year(TRY_CAST(order_date AS TIMESTAMP)) * 12 + month(TRY_CAST(order_date AS TIMESTAMP))) ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving_average FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m')",
    ),
    (
        "哪个月的订单金额最高",
        "SELECT strftime('%Y-%m', order_date) AS month FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY sum(amount) DESC LIMIT 1",
        "SELECT strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') AS month FROM orders GROUP BY strftime(TRY_CAST(order_date AS TIMESTAMP), '%Y-%m') ORDER BY sum(amount) DESC LIMIT 1",
    ),
    (
        "本季度订单总金额",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-10-01' AND order_date < '2025-01-01'",
        "",
    ),
    (
        "上季度的订单数",
        "SELECT count(*) AS count FROM orders WHERE order_date >= '2024-07-01' AND order_date < '2024-10-01'",
        "",
    ),
    (
        "今年的订单总金额",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01'",
        "",
    ),
    (
        "去年同期的订单总金额",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-01-01' AND order_date < '2023-11-21'",
        "",
    ),
    (
        "没有订单的客户",
        "SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)",
        "",
    ),
    (
        "从没下过单的客户",
        "SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)",
        "",
    ),
    (
        "各城市的客户数量",
        "SELECT city, count(*) AS count FROM customer GROUP BY city",
        "",
    ),
    (
        "德国客户的数量",
        "SELECT count(*) AS count FROM customer WHERE country = 'Germany'",
        "",
    ),
    (
        "total amount year to date",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2024-11-21'",
        "",
    ),
];

#[test]
fn times_and_what_is_made_of_them() {
    let shop = shop();
    assert!(TABLE.len() >= 40);
    for (question, sqlite, duckdb) in TABLE {
        let duckdb = if duckdb.is_empty() { sqlite } else { duckdb };
        for (dialect, sql) in [(Dialect::Sqlite, sqlite), (Dialect::DuckDb, duckdb)] {
            let read = shop.read(&[], question, dialect);
            let first = read.first().map(|r| r.sql.replace('"', ""));
            assert_eq!(first.as_deref(), Some(*sql), "{question}");
        }
    }
}
