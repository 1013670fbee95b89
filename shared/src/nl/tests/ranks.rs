//! Orders, ranks and sums, each over several databases: by what, of which time, and what is shown with them.

use super::super::answer::HIGH;
use super::super::link::Vocabulary;
use super::super::print::Dialect;
use super::databases::{clinic, school as school_in_chinese, staff};
use super::kinds::{has, school};
use super::shop::shop;

#[test]
fn groups_are_in_the_order_of_their_number() {
    for (database, things, by, order) in [
        (
            shop(),
            "orders",
            "status",
            "GROUP BY status ORDER BY count(*)",
        ),
        (
            shop(),
            "customers",
            "country",
            "GROUP BY country ORDER BY count(*)",
        ),
        (
            school(),
            "teachers",
            "department",
            "departments.name ORDER BY count(*)",
        ),
        (
            clinic(),
            "visits",
            "diagnosis",
            "GROUP BY diagnosis ORDER BY count(*)",
        ),
        (
            staff(),
            "employees",
            "department",
            "departments.dept_name ORDER BY count(*)",
        ),
    ] {
        for (words, desc) in [
            ("in descending order", true),
            ("descending", true),
            ("sorted in descending order", true),
            ("in ascending order", false),
            ("in increasing order", false),
        ] {
            for count in ["count of", "number of"] {
                let question = format!("{count} {things} by {by} {words}");
                let sql = database.after(&[], &question);
                let order = format!("{order}{}", if desc { " DESC" } else { "" });
                assert!(sql.ends_with(&order), "{question}: {sql}");
            }
        }
    }
    has(
        &shop(),
        &[
            (
                "按状态统计订单数，降序",
                "GROUP BY status ORDER BY count(*) DESC",
            ),
            (
                "每个国家的客户数，降序排列",
                "GROUP BY country ORDER BY count(*) DESC",
            ),
        ],
    );
    has(
        &school_in_chinese(),
        &[(
            "每个班级的学生人数，降序",
            "GROUP BY 班级 ORDER BY count(*) DESC",
        )],
    );
}

#[test]
fn names_are_shown_with_names_of_what_they_belong_to() {
    for (database, question, one, other) in [
        (
            shop(),
            "names with their category names",
            "product.name",
            "category.name",
        ),
        (
            shop(),
            "product names with their category names",
            "product.name",
            "category.name",
        ),
        (
            shop(),
            "names of products with their category names",
            "product.name",
            "category.name",
        ),
        (
            school(),
            "teacher names with their department names",
            "teachers.name",
            "departments.name",
        ),
        (
            school(),
            "names of courses with their teacher names",
            "courses.title",
            "teachers.name",
        ),
        (
            clinic(),
            "names with their diagnosis",
            "full_name",
            "visits.diagnosis",
        ),
        (
            shop(),
            "产品名称和它们的类别名称",
            "product.name",
            "category.name",
        ),
    ] {
        let sql = database.after(&[], question);
        let list = sql.split(" FROM ").next().unwrap_or_default();
        assert!(
            list.contains(one) && list.contains(other),
            "{question}: {sql}"
        );
    }
}

#[test]
fn things_by_others_are_ranked_by_their_number() {
    has(
        &shop(),
        &[
            (
                "top 3 customers by orders",
                "GROUP BY customer.id, customer.name ORDER BY count(*) DESC LIMIT 3",
            ),
            (
                "top 3 customers by orders in 2023",
                "order_date < '2024-01-01' GROUP BY customer.id",
            ),
            (
                "bottom 2 categories by products",
                "ORDER BY count(*) LIMIT 2",
            ),
            // A column that is called so comes first.
            ("top 3 products by price", "ORDER BY price DESC LIMIT 3"),
        ],
    );
    for (database, question, shown, time) in [
        (
            clinic(),
            "top 3 doctors hired in 2020 by visits",
            "doctors.full_name",
            "doctors.hired_on",
        ),
        (
            staff(),
            "top 3 employees hired in 2020 by leaves",
            "employees.first_name, employees.last_name",
            "employees.hire_date",
        ),
        (
            school(),
            "top 3 students joined in 2022 by enrollments",
            "students.name",
            "students.joined",
        ),
        (
            school(),
            "top 3 teachers hired in 2015 by courses",
            "teachers.name",
            "teachers.hired_on",
        ),
    ] {
        let sql = database.after(&[], question);
        let first = format!("SELECT {shown} FROM ");
        let fits = sql.starts_with(&first) && sql.contains(&format!("WHERE {time} >= "));
        assert!(
            fits && sql.ends_with("ORDER BY count(*) DESC LIMIT 3"),
            "{question}: {sql}"
        );
    }
}

#[test]
fn the_best_of_each_is_so_by_what_links_them() {
    for question in [
        "the best student in each course",
        "the best student of each course",
        "the best student for each course",
        "每门课程最好的学生",
    ] {
        let found = school().read(&[], question, Dialect::Sqlite).swap_remove(0);
        let sql = found.sql.replace('"', "");
        assert!(
            sql.contains("ORDER BY enrollments.score DESC"),
            "{question}: {sql}"
        );
        assert!(found.confidence >= HIGH, "{question}: {found:?}");
    }
    has(
        &school(),
        &[
            // What the question names is meant.
            (
                "the student with the highest grade in each course",
                "ORDER BY students.grade DESC",
            ),
            ("the best student", "ORDER BY grade DESC"),
        ],
    );
}

#[test]
fn what_is_added_up_has_the_time_of_its_own_rows() {
    has(
        &clinic(),
        &[
            ("total fees in 2023", "WHERE visit_date >= '2023-01-01'"),
            (
                "total fee of patients in 2023",
                "WHERE visits.visit_date >= '2023-01-01'",
            ),
            (
                "total fee of doctors in 2023",
                "WHERE visits.visit_date >= '2023-01-01'",
            ),
            ("2023年患者的总费用", "visit_date >= '2023-01-01'"),
            // A time that the question names is meant.
            (
                "total fee of doctors hired in 2020",
                "WHERE doctors.hired_on >= '2020-01-01'",
            ),
        ],
    );
    has(
        &shop(),
        &[(
            "total amount of customers in Germany in 2023",
            "orders.order_date >= '2023-01-01'",
        )],
    );
    has(
        &staff(),
        &[(
            "total days of employees in 2023",
            "leaves.start_date >= '2023-01-01'",
        )],
    );
}

#[test]
fn revenue_that_nobody_defined_is_the_one_total_and_not_sure() {
    for (question, part) in [
        ("revenue", "SELECT sum(amount)"),
        (
            "revenue by country",
            "SELECT customer.country, sum(orders.amount)",
        ),
        (
            "what is the revenue by status?",
            "SELECT status, sum(amount)",
        ),
        (
            "revenue in 2023",
            "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date",
        ),
        (
            "2023年的营收",
            "SELECT sum(amount) AS sum_amount FROM orders WHERE order_date",
        ),
    ] {
        let found = shop().read(&[], question, Dialect::Sqlite).swap_remove(0);
        let sql = found.sql.replace('"', "");
        assert!(sql.contains(part), "{question}: {sql}");
        assert!(found.confidence < HIGH, "{question}: {found:?}");
    }
    // Two totals may be meant.
    let mut two = shop();
    let mut tax = two.catalog.tables[1].columns[4].clone();
    tax.name = "tax_amount".to_owned();
    two.catalog.tables[1].columns.push(tax);
    two.vocabulary = Vocabulary::new(&two.catalog);
    for reading in two.read(&[], "revenue by country", Dialect::Sqlite) {
        assert!(reading.confidence < HIGH, "{reading:?}");
    }
}
