//! Questions one after another, over a small shop.

use super::shop::shop;

/// What was asked before, the question that goes on or stands by itself, and its SQL without quotes of names.
const TABLE: &[(&[&str], &str, &str)] = &[
    (
        &["total amount of orders in 2024"],
        "what about 2023?",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-01-01' AND order_date < '2024-01-01'",
    ),
    (
        &["total amount of orders in 2024"],
        "and in 2022",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2022-01-01' AND order_date < '2023-01-01'",
    ),
    (
        &["total amount of orders in 2024"],
        "since 2022",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2022-01-01'",
    ),
    (
        &["total amount of orders in 2024", "what about 2023?"],
        "by country",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.order_date >= '2023-01-01' AND orders.order_date < '2024-01-01' GROUP BY customer.country",
    ),
    (
        &[
            "total amount of orders in 2024",
            "by country",
            "only Germany",
            "and France",
        ],
        "by month instead",
        "SELECT strftime('%Y-%m', orders.order_date) AS month, sum(orders.amount) AS sum_amount FROM orders JOIN customer ON orders.customer_id = customer.id WHERE orders.order_date >= '2024-01-01' AND orders.order_date < '2025-01-01' AND customer.country = 'France' GROUP BY strftime('%Y-%m', orders.order_date) ORDER BY strftime('%Y-%m', orders.order_date)",
    ),
    (
        &["how many customers are there in Germany"],
        "what about France?",
        "SELECT count(*) AS count FROM customer WHERE country = 'France'",
    ),
    (
        &["how many customers are there in Germany"],
        "and Norway",
        "SELECT count(*) AS count FROM customer WHERE country = 'Norway'",
    ),
    (
        &["how many customers are there in Germany"],
        "also France",
        "SELECT count(*) AS count FROM customer WHERE (country = 'Germany' OR country = 'France')",
    ),
    (
        &["how many customers are there in Germany"],
        "Austria?",
        "SELECT count(*) AS count FROM customer WHERE country = 'Austria'",
    ),
    (
        &["how many customers are there"],
        "and products?",
        "SELECT count(*) AS count FROM product",
    ),
    (
        &["how many customers are there"],
        "how many products are there?",
        "SELECT count(*) AS count FROM product",
    ),
    (
        &["number of orders by country"],
        "by month instead",
        "SELECT strftime('%Y-%m', order_date) AS month, count(*) AS count FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
    ),
    (
        &["number of orders by country"],
        "by city",
        "SELECT customer.city, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.city",
    ),
    (
        &["number of orders by country"],
        "by city and status",
        "SELECT customer.city, orders.status, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.city, orders.status",
    ),
    (
        &["number of orders by country"],
        "also by status",
        "SELECT orders.status, customer.country, count(*) AS count FROM orders JOIN customer ON orders.customer_id = customer.id GROUP BY customer.country, orders.status",
    ),
    (
        &["number of orders by country"],
        "only cancelled orders",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.status = 'cancelled' GROUP BY customer.country",
    ),
    (
        &["number of orders by country"],
        "except cancelled",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.status != 'cancelled' GROUP BY customer.country",
    ),
    (
        &["number of orders by country"],
        "only Germany",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE customer.country = 'Germany' GROUP BY customer.country",
    ),
    (
        &["number of orders by country"],
        "top 3",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY count(*) DESC LIMIT 3",
    ),
    (
        &["number of orders by country"],
        "top 5 instead",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY count(*) DESC LIMIT 5",
    ),
    (
        &["number of orders by country"],
        "the lowest 3",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY count(*) LIMIT 3",
    ),
    (
        &["number of orders by country"],
        "more than 10",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country HAVING count(*) > 10",
    ),
    (
        &["number of orders by country"],
        "only those with more than 10",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country HAVING count(*) > 10",
    ),
    (
        &["number of orders by country"],
        "in descending order",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY count(*) DESC",
    ),
    (
        &["number of orders by country"],
        "as a share of total",
        "SELECT customer.country, 100.0 * count(*) / nullif(sum(count(*)) OVER (), 0) AS share FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["number of orders by country"],
        "last month",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.order_date >= '2024-10-01' AND orders.order_date < '2024-11-01' GROUP BY customer.country",
    ),
    (
        &["number of orders by country"],
        "how many are there?",
        "WITH asked(c1, c2) AS (SELECT customer.country, count(*) FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country) SELECT count(*) AS count FROM asked",
    ),
    (
        &["total amount by country"],
        "what about the average?",
        "SELECT customer.country, avg(orders.amount) AS avg_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["total amount by country"],
        "and the average amount",
        "SELECT customer.country, avg(orders.amount) AS avg_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["total amount by country"],
        "maximum instead",
        "SELECT customer.country, max(orders.amount) AS max_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["total amount by country"],
        "sort by total descending",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY sum(orders.amount) DESC",
    ),
    (
        &["total amount by country"],
        "the lowest first",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY sum(orders.amount)",
    ),
    (
        &["total amount by country"],
        "and their total?",
        "WITH asked(c1, c2) AS (SELECT customer.country, sum(orders.amount) FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country) SELECT sum(c2) AS sum_amount FROM asked",
    ),
    (
        &["total amount by country"],
        "list the names of all categories",
        "SELECT name FROM category",
    ),
    (
        &["top 5 products by price"],
        "how many of them are in Kitchen?",
        "SELECT count(*) AS count FROM product JOIN category ON product.category_id = category.id WHERE product.id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5) AND category.name = 'Kitchen'",
    ),
    (
        &["top 5 products by price"],
        "which of those are in Kitchen?",
        "SELECT product.name FROM product JOIN category ON product.category_id = category.id WHERE product.id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5) AND category.name = 'Kitchen'",
    ),
    (
        &["top 5 products by price"],
        "their average price",
        "SELECT avg(price) AS avg_price FROM product WHERE id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5)",
    ),
    (
        &["top 5 products by price"],
        "what is their total weight?",
        "SELECT sum(weight) AS sum_weight FROM product WHERE id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5)",
    ),
    (
        &["top 5 products by price"],
        "and the top 3 of those",
        "SELECT name FROM product ORDER BY price DESC LIMIT 3",
    ),
    (
        &["top 5 products by price"],
        "make it 10",
        "SELECT name FROM product ORDER BY price DESC LIMIT 10",
    ),
    (
        &["top 5 products by price"],
        "in Furniture",
        "SELECT product.name FROM product JOIN category ON product.category_id = category.id WHERE category.name = 'Furniture' ORDER BY product.price DESC LIMIT 5",
    ),
    (
        &["top 5 products by price"],
        "also show the weight",
        "SELECT name, weight FROM product ORDER BY price DESC LIMIT 5",
    ),
    (
        &["top 5 products by price"],
        "how many categories do they have?",
        "SELECT count(DISTINCT category.id) AS count FROM category JOIN product ON product.category_id = category.id WHERE product.id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5)",
    ),
    (
        &["list the names of customers in Germany"],
        "how many of them?",
        "SELECT count(*) AS count FROM customer WHERE country = 'Germany'",
    ),
    (
        &["list the names of customers in Germany"],
        "how many are there?",
        "SELECT count(*) AS count FROM customer WHERE country = 'Germany'",
    ),
    (
        &["list the names of customers in Germany"],
        "show their emails",
        "SELECT name, email FROM customer WHERE country = 'Germany'",
    ),
    (
        &["list the names of customers in Germany"],
        "also show the city",
        "SELECT name, city FROM customer WHERE country = 'Germany'",
    ),
    (
        &["list the names of customers in Germany"],
        "only in Berlin",
        "SELECT name FROM customer WHERE country = 'Germany' AND city = 'Berlin'",
    ),
    (
        &["list the names of customers in Germany"],
        "except Berlin",
        "SELECT name FROM customer WHERE country = 'Germany' AND city != 'Berlin'",
    ),
    (
        &["list the names of customers in Germany"],
        "sort by city",
        "SELECT name FROM customer WHERE country = 'Germany' ORDER BY city",
    ),
    (
        &["products that cost more than 100"],
        "what about 50?",
        "SELECT name FROM product WHERE price > 50",
    ),
    (
        &["products that cost more than 100"],
        "less than 20 instead",
        "SELECT name FROM product WHERE price < 20",
    ),
    (
        &["products that cost more than 100"],
        "only those in Kitchen",
        "SELECT product.name FROM product JOIN category ON product.category_id = category.id WHERE product.price > 100 AND category.name = 'Kitchen'",
    ),
    (
        &["products that cost more than 100"],
        "only the ones under 200",
        "SELECT name FROM product WHERE price > 100 AND price < 200",
    ),
    (
        &["products that cost more than 100"],
        "how many are they?",
        "SELECT count(*) AS count FROM product WHERE price > 100",
    ),
    (
        &["total amount in 2024"],
        "compared to last year",
        "WITH asked(c1, c2, c3) AS (SELECT strftime('%Y', order_date), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) + 0) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-01-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y', order_date)) SELECT c1 AS year, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024' ORDER BY c1",
    ),
    (
        &["total amount in 2024"],
        "by month",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
    ),
    (
        &["total amount in 2024", "by month"],
        "month over month growth",
        "WITH asked(c1, c2, c3) AS (SELECT strftime('%Y-%m', order_date), sum(amount), 100.0 * sum(amount) / nullif(max(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date)) RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 100 FROM orders WHERE order_date >= '2023-12-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date)) SELECT c1 AS month, c2 AS sum_amount, c3 AS growth FROM asked WHERE c1 >= '2024-01' ORDER BY c1",
    ),
    (
        &["total amount in 2024", "by month"],
        "running total",
        "SELECT strftime('%Y-%m', order_date) AS month, sum(sum(amount)) OVER (ORDER BY min(strftime('%Y', order_date) * 12 + strftime('%m', order_date))) AS running_total FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
    ),
    (
        &["total amount in 2024"],
        "number of customers per country",
        "SELECT country, count(*) AS count FROM customer GROUP BY country",
    ),
    (
        &["total amount last month"],
        "what about the same period last year?",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-10-01' AND order_date < '2023-11-01'",
    ),
    (
        &["total amount last month"],
        "and last quarter?",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-07-01' AND order_date < '2024-10-01'",
    ),
    (
        &["total amount last month"],
        "in May 2023",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-05-01' AND order_date < '2023-06-01'",
    ),
    (
        &["total amount by month in 2024"],
        "as a share of total",
        "SELECT strftime('%Y-%m', order_date) AS month, 100.0 * sum(amount) / nullif(sum(sum(amount)) OVER (), 0) AS share FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
    ),
    (
        &["total amount by month in 2024"],
        "by quarter instead",
        "SELECT strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3) AS quarter, sum(amount) AS sum_amount FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01' GROUP BY strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3) ORDER BY strftime('%Y', order_date) || '-Q' || ((strftime('%m', order_date) + 2) / 3)",
    ),
    (
        &["total amount by country in 2024"],
        "for all years",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["total amount by country in 2024"],
        "remove the filter",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country",
    ),
    (
        &["average price of products"],
        "maximum instead",
        "SELECT max(price) AS max_price FROM product",
    ),
    (
        &["average price of products"],
        "in Kitchen",
        "SELECT avg(product.price) AS avg_price FROM product JOIN category ON product.category_id = category.id WHERE category.name = 'Kitchen'",
    ),
    (
        &["average price of products"],
        "per category",
        "SELECT category.name, avg(product.price) AS avg_price FROM category JOIN product ON product.category_id = category.id GROUP BY category.id, category.name",
    ),
    (
        &["average price of products"],
        "what about the weight?",
        "SELECT avg(weight) AS avg_weight FROM product",
    ),
    (
        &["which customer has the most orders"],
        "and the least?",
        "SELECT customer.name FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.id, customer.name ORDER BY count(*) LIMIT 1",
    ),
    (
        &["which customer has the most orders"],
        "in France",
        "SELECT customer.name FROM customer JOIN orders ON orders.customer_id = customer.id WHERE customer.country = 'France' GROUP BY customer.id, customer.name ORDER BY count(*) DESC LIMIT 1",
    ),
    (
        &["which customer has the most orders"],
        "top 5",
        "SELECT customer.name FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.id, customer.name ORDER BY count(*) DESC LIMIT 5",
    ),
    (
        &["which month had the highest total amount"],
        "and the lowest?",
        "SELECT strftime('%Y-%m', order_date) AS month FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY sum(amount) LIMIT 1",
    ),
    (
        &["2024年的订单总金额是多少"],
        "2023年呢",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-01-01' AND order_date < '2024-01-01'",
    ),
    (
        &["2024年的订单总金额是多少"],
        "那前年呢",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2022-01-01' AND order_date < '2023-01-01'",
    ),
    (
        &["2024年的订单总金额是多少", "按国家"],
        "只看德国",
        "SELECT customer.country, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.order_date >= '2024-01-01' AND orders.order_date < '2025-01-01' AND customer.country = 'Germany' GROUP BY customer.country",
    ),
    (
        &["德国有多少客户"],
        "法国呢",
        "SELECT count(*) AS count FROM customer WHERE country = 'France'",
    ),
    (
        &["德国有多少客户"],
        "那法国呢？",
        "SELECT count(*) AS count FROM customer WHERE country = 'France'",
    ),
    (
        &["德国有多少客户"],
        "有多少产品",
        "SELECT count(*) AS count FROM product",
    ),
    (
        &["按国家统计订单数量"],
        "改成按月",
        "SELECT strftime('%Y-%m', order_date) AS month, count(*) AS count FROM orders GROUP BY strftime('%Y-%m', order_date) ORDER BY strftime('%Y-%m', order_date)",
    ),
    (
        &["按国家统计订单数量"],
        "只看德国",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE customer.country = 'Germany' GROUP BY customer.country",
    ),
    (
        &["按国家统计订单数量"],
        "前3名",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.country ORDER BY count(*) DESC LIMIT 3",
    ),
    (
        &["按国家统计订单数量"],
        "去掉已取消的订单",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.status != 'cancelled' GROUP BY customer.country",
    ),
    (
        &["按国家统计订单数量"],
        "上个月的呢",
        "SELECT customer.country, count(*) AS count FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.order_date >= '2024-10-01' AND orders.order_date < '2024-11-01' GROUP BY customer.country",
    ),
    (
        &["价格最高的5个产品"],
        "他们的平均价格是多少",
        "SELECT avg(price) AS avg_price FROM product WHERE id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5)",
    ),
    (
        &["价格最高的5个产品"],
        "它们的总重量",
        "SELECT sum(weight) AS sum_weight FROM product WHERE id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5)",
    ),
    (
        &["价格最高的5个产品"],
        "其中有多少个是Kitchen",
        "SELECT count(*) AS count FROM product JOIN category ON product.category_id = category.id WHERE product.id IN (SELECT id FROM product ORDER BY price DESC LIMIT 5) AND category.name = 'Kitchen'",
    ),
    (
        &["价格最高的5个产品"],
        "前3个呢",
        "SELECT name FROM product ORDER BY price DESC LIMIT 3",
    ),
    (
        &["价格最高的5个产品"],
        "最低的呢",
        "SELECT name FROM product ORDER BY price LIMIT 5",
    ),
    (
        &["上个月的订单总金额"],
        "去年同期呢",
        "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date >= '2023-10-01' AND order_date < '2023-11-01'",
    ),
    (
        &["上个月的订单总金额"],
        "按城市",
        "SELECT customer.city, sum(orders.amount) AS sum_amount FROM customer JOIN orders ON orders.customer_id = customer.id WHERE orders.order_date >= '2024-10-01' AND orders.order_date < '2024-11-01' GROUP BY customer.city",
    ),
    (
        &["上个月的订单总金额"],
        "平均呢",
        "SELECT avg(amount) AS avg_amount FROM orders WHERE order_date >= '2024-10-01' AND order_date < '2024-11-01'",
    ),
];

#[test]
fn questions_go_on_from_those_before() {
    let shop = shop();
    assert!(TABLE.len() >= 80);
    for (before, question, sql) in TABLE {
        assert_eq!(shop.after(before, question), *sql, "{before:?}, {question}");
    }
}

#[test]
fn nothing_goes_on_from_nonsense() {
    let shop = shop();
    for odd in [
        "",
        "?",
        "and",
        "呢",
        "what about",
        "of those",
        "that's nice",
        "by",
        "top",
        "only",
        "改成",
        "99999999999999999999",
        "no,",
        "no, no, sorry, i meant",
        "no no no",
        "不",
        "不对，不是，",
        "不对，我是说",
        "remove the filter filter",
        "remove the limit",
        "between",
        "between 5",
        "between 9 and 3 and 4",
        "sort by by",
        "order it",
        "reverse",
        "reverse the order of those",
        "their",
        "他们的",
        "is that",
        "how much is that",
        "一共",
        "top 0",
        "top -3",
        "the top 99999999999999999999 of those",
        "not not not Berlin",
        "by year and year and year",
        "\u{200b}what about\u{200b} France",
        "İ, i meant Paris",
        "sorry\u{301}, Paris",
    ] {
        let _ = shop.after(&["number of orders by country"], odd);
        let _ = shop.after(&[odd, odd], odd);
    }
}
