//! Kinds of questions, each over several databases: what is asked for must be in the SQL, whatever things are called.

use super::super::answer::{HIGH, LOW};
use super::super::catalog::{Catalog, ColumnKind, ForeignKey};
use super::super::link::Vocabulary;
use super::super::print::Dialect;
use super::shop::{Shop, shop};
use super::{at, table};

const NUMBER: ColumnKind = ColumnKind::Integer;
const REAL: ColumnKind = ColumnKind::Real;
const TEXT: ColumnKind = ColumnKind::Text;
const DATE: ColumnKind = ColumnKind::Date;

/// A column: its table, its place there.
type Place = (usize, usize);

fn database(
    tables: &[(&str, &[(&str, ColumnKind)])],
    keys: &[(Place, Place)],
    values: &[(Place, &[&str])],
) -> Shop {
    let mut catalog = Catalog {
        tables: tables
            .iter()
            .map(|(name, columns)| table(name, columns))
            .collect(),
        ..Catalog::default()
    };
    for table in &mut catalog.tables {
        table.rows = Some(100);
        for column in table.columns.iter_mut().filter(|c| c.kind == DATE) {
            column.range = Some(("1950-01-04".into(), "2024-11-20".into()));
        }
    }
    for ((a, b), (c, d)) in keys {
        catalog.keys.push(ForeignKey {
            columns: vec![(at(*a, *b), at(*c, *d))],
            declared: true,
        });
    }
    for ((table, column), all) in values {
        for value in *all {
            catalog.values.add(at(*table, *column), value);
        }
    }
    catalog.values.finish();
    catalog.finish();
    Shop {
        vocabulary: Vocabulary::new(&catalog),
        catalog,
    }
}

/// Departments, teachers, pupils, courses, and who takes which.
pub fn school() -> Shop {
    database(
        &[
            (
                "departments",
                &[("id", NUMBER), ("name", TEXT), ("budget", REAL)],
            ),
            (
                "teachers",
                &[
                    ("id", NUMBER),
                    ("name", TEXT),
                    ("department_id", NUMBER),
                    ("salary", REAL),
                    ("hired_on", DATE),
                    ("mentor_id", NUMBER),
                ],
            ),
            (
                "students",
                &[
                    ("id", NUMBER),
                    ("name", TEXT),
                    ("gender", TEXT),
                    ("birth_date", DATE),
                    ("grade", NUMBER),
                    ("joined", DATE),
                ],
            ),
            (
                "courses",
                &[("id", NUMBER), ("title", TEXT), ("teacher_id", NUMBER)],
            ),
            (
                "enrollments",
                &[
                    ("student_id", NUMBER),
                    ("course_id", NUMBER),
                    ("score", REAL),
                ],
            ),
        ],
        &[
            ((1, 2), (0, 0)),
            ((1, 5), (1, 0)),
            ((3, 2), (1, 0)),
            ((4, 0), (2, 0)),
            ((4, 1), (3, 0)),
        ],
        &[
            ((0, 1), &["Mathematics", "Physics"]),
            ((1, 1), &["Ada Byron", "Max Born"]),
            ((2, 2), &["female", "male"]),
            ((3, 1), &["Algebra", "Optics"]),
        ],
    )
}

/// Places, carriers, shipments from one place to another, and their parcels.
fn freight() -> Shop {
    database(
        &[
            ("places", &[("id", NUMBER), ("name", TEXT)]),
            ("carriers", &[("id", NUMBER), ("name", TEXT)]),
            (
                "shipments",
                &[
                    ("id", NUMBER),
                    ("origin_place_id", NUMBER),
                    ("destination_place_id", NUMBER),
                    ("carrier_id", NUMBER),
                    ("weight_kg", REAL),
                    ("sent_on", DATE),
                    ("delivered_at", DATE),
                    ("cost_cents", NUMBER),
                ],
            ),
            (
                "parcels",
                &[
                    ("id", NUMBER),
                    ("shipment_id", NUMBER),
                    ("weight_g", NUMBER),
                    ("fragile", ColumnKind::Boolean),
                ],
            ),
        ],
        &[
            ((2, 1), (0, 0)),
            ((2, 2), (0, 0)),
            ((2, 3), (1, 0)),
            ((3, 1), (2, 0)),
        ],
        &[
            ((0, 1), &["Hull", "Kiel"]),
            ((1, 1), &["Blue Line", "Fast"]),
        ],
    )
}

pub fn has(database: &Shop, all: &[(&str, &str)]) {
    for (question, part) in all {
        let sql = database.after(&[], question);
        assert!(sql.contains(part), "{question}: {sql}");
    }
}

#[test]
fn times_are_found_by_what_a_column_holds() {
    has(
        &school(),
        &[
            (
                "teachers hired before 2010",
                "SELECT name FROM teachers WHERE hired_on < '2010-01-01'",
            ),
            (
                "students who joined in 2022",
                "SELECT name FROM students WHERE joined >= '2022-01-01' AND joined < '2023-01-01'",
            ),
            (
                "students born after 2005",
                "SELECT name FROM students WHERE birth_date >= '2006-01-01'",
            ),
            ("students older than 16", "birth_date < '2008-11-20'"),
            ("2022年入职的老师", "hired_on >= '2022-01-01'"),
        ],
    );
    has(
        &freight(),
        &[
            (
                "shipments delivered in 2023",
                "delivered_at >= '2023-01-01'",
            ),
            ("the latest 3 shipments", "ORDER BY sent_on DESC LIMIT 3"),
            (
                "number of shipments per month in 2023",
                "WHERE sent_on >= '2023-01-01' AND sent_on < '2024-01-01' GROUP BY",
            ),
            (
                "monthly total cost in 2023",
                "sent_on < '2024-01-01' GROUP BY",
            ),
        ],
    );
}

#[test]
fn things_are_compared_with_the_mean() {
    has(
        &school(),
        &[
            (
                "teachers who earn more than the average",
                "salary > (SELECT avg(salary) FROM teachers)",
            ),
            (
                "工资高于平均工资的老师",
                "salary > (SELECT avg(salary) FROM teachers)",
            ),
        ],
    );
    has(
        &shop(),
        &[
            (
                "products more expensive than the average",
                "price > (SELECT avg(price) FROM product)",
            ),
            (
                "products heavier than the average",
                "weight > (SELECT avg(weight) FROM product)",
            ),
            (
                "比平均价格更贵的产品",
                "price > (SELECT avg(price) FROM product)",
            ),
        ],
    );
}

#[test]
fn one_row_is_not_asked_for_two_values() {
    for question in [
        "male and female students",
        "How many male and female students are there?",
    ] {
        let sql = school().after(&[], question);
        assert!(
            sql.contains("(gender = 'male' OR gender = 'female')"),
            "{question}: {sql}"
        );
    }
    // Of several rows both may be asked.
    has(
        &school(),
        &[("students who take both Algebra and Optics", "INTERSECT")],
    );
    let found = freight().read(&[], "shipments from Hull to Kiel", Dialect::Sqlite);
    assert!(found[0].confidence < LOW, "{found:?}");
}

#[test]
fn groups_are_counted_named_and_averaged() {
    has(
        &school(),
        &[
            (
                "How many teachers have more than 2 courses?",
                "HAVING count(*) > 2) SELECT count(*) AS count FROM asked",
            ),
            (
                "average number of courses per teacher",
                "SELECT avg(c1) AS avg_count FROM asked",
            ),
            (
                "average salary of teachers in each department",
                "SELECT departments.name, avg(teachers.salary)",
            ),
            (
                "teachers per department",
                "SELECT departments.name, count(*)",
            ),
            ("How many courses does each teacher teach?", "teachers.name"),
            ("选课最多的学生", "ORDER BY count(*) DESC LIMIT 1"),
        ],
    );
    has(
        &freight(),
        &[
            (
                "average cost per shipment",
                "SELECT avg(cost_cents) AS avg_cost_cents FROM shipments",
            ),
            ("total weight by carrier", "sum(shipments.weight_kg)"),
        ],
    );
}

#[test]
fn what_belongs_to_things_is_shown_with_them() {
    for (db, one, other, question) in [
        (
            shop(),
            "product.name",
            "category.name AS category_name",
            "products with their categories",
        ),
        (
            shop(),
            "product.name",
            "category.name AS category_name",
            "show each product and its category name",
        ),
        (
            school(),
            "teachers.name",
            "departments.name AS departments_name",
            "teachers and their departments",
        ),
    ] {
        let sql = db.read(&[], question, Dialect::Sqlite).swap_remove(0).sql;
        let list = sql.replace('"', "");
        let list = list.split(" FROM ").next().unwrap_or_default();
        assert!(
            list.contains(one) && list.contains(other),
            "{question}: {sql}"
        );
    }
}

#[test]
fn who_is_a_person_and_not_what_a_person_has() {
    has(
        &school(),
        &[(
            "Who has the highest score in Optics?",
            "SELECT students.name FROM",
        )],
    );
    let staff = super::databases::staff();
    for question in [
        "who earns the most?",
        "who has the highest salary?",
        "谁的工资最高",
    ] {
        let found = staff.read(&[], question, Dialect::Sqlite).swap_remove(0);
        let sql = found.sql.replace('"', "");
        assert!(
            !sql.starts_with("SELECT salary") && sql.contains("salary"),
            "{question}: {found:?}"
        );
    }
}

#[test]
fn what_has_no_name_is_called_by_its_title() {
    let mut music = super::numbers::music();
    for (question, sql) in [
        ("names of albums", "SELECT title FROM album"),
        ("the names of all albums", "SELECT title FROM album"),
        ("names of artists", "SELECT name FROM artist"),
    ] {
        assert_eq!(music.after(&[], question), sql, "{question}");
    }
    music.catalog.tables[0].columns[1].name = "title".to_owned();
    music.vocabulary = Vocabulary::new(&music.catalog);
    assert_eq!(
        music.after(&[], "names of artists"),
        "SELECT title FROM artist"
    );
}

#[test]
fn yes_and_no_say_which_things() {
    has(
        &freight(),
        &[
            (
                "how many fragile parcels are there?",
                "SELECT count(*) AS count FROM parcels WHERE fragile = 1",
            ),
            ("fragile parcels", "FROM parcels WHERE fragile = 1"),
        ],
    );
}

#[test]
fn people_are_shown_by_their_names() {
    has(
        &school(),
        &[
            (
                "Who is the mentor of Ada Byron?",
                "SELECT name FROM teachers WHERE id IN (SELECT mentor_id FROM teachers WHERE name = 'Ada Byron')",
            ),
            ("which teacher teaches Optics?", "SELECT teachers.name FROM"),
            ("教 Optics 的老师", "SELECT teachers.name FROM"),
            ("数学系的老师", "departments.name = 'Mathematics'"),
            ("how many girls are there", "gender = 'female'"),
        ],
    );
}

#[test]
fn units_choose_and_convert_what_is_compared() {
    has(
        &freight(),
        &[
            ("parcels heavier than 2 kg", "weight_g > 2000"),
            (
                "shipments between 100 and 200 kg",
                "weight_kg BETWEEN 100 AND 200",
            ),
            (
                "shipments costing more than 100 dollars",
                "cost_cents > 10000",
            ),
            ("重量超过500公斤的 shipments", "weight_kg > 500"),
        ],
    );
}

#[test]
fn of_several_keys_the_one_is_meant_that_is_said() {
    has(
        &freight(),
        &[
            ("shipments from Hull", "origin_place_id = places.id"),
            (
                "shipments that arrived in Hull",
                "destination_place_id = places.id",
            ),
        ],
    );
    let found = freight().read(&[], "shipments of Hull", Dialect::Sqlite);
    assert!(found[0].confidence < LOW, "{found:?}");
}

#[test]
fn the_best_of_each_is_of_things() {
    has(
        &school(),
        &[
            (
                "teacher with the highest salary in each department",
                "PARTITION BY departments.id ORDER BY teachers.salary DESC",
            ),
            (
                "每个系工资最高的老师",
                "PARTITION BY departments.id ORDER BY teachers.salary DESC",
            ),
            ("highest salary in each department", "max(teachers.salary)"),
            (
                "percentage of female students by grade",
                "FILTER (WHERE gender = 'female')",
            ),
            (
                "how many students take Optics",
                "count(DISTINCT students.id)",
            ),
            (
                "平均分最高的3个学生",
                "ORDER BY avg(enrollments.score) DESC LIMIT 3",
            ),
        ],
    );
    has(
        &freight(),
        &[(
            "the heaviest parcel of each shipment",
            "PARTITION BY shipments.id ORDER BY parcels.weight_g DESC",
        )],
    );
}

#[test]
fn chinese_says_ranges_and_beginnings_behind() {
    has(
        &school(),
        &[
            (
                "工资在40000到60000之间的老师",
                "salary BETWEEN 40000 AND 60000",
            ),
            ("名字以A开头的学生", "name LIKE 'A%'"),
            (
                "平均工资最高的系",
                "ORDER BY avg(teachers.salary) DESC LIMIT 1",
            ),
        ],
    );
    has(&shop(), &[("订单数超过5的客户", "HAVING count(*) > 5")]);
}

#[test]
fn each_row_is_not_counted() {
    for database in [school(), freight(), shop()] {
        for table in &database.catalog.tables {
            let name = table.name.replace('_', " ");
            let question = format!("which {name} has the most {name}?");
            for reading in database.read(&[], &question, Dialect::Sqlite) {
                let rows = !reading.sql.contains("JOIN") && reading.sql.contains("count(*)");
                assert!(!rows || reading.confidence < LOW, "{question}: {reading:?}");
            }
        }
    }
}

#[test]
fn what_nobody_asks_at_once_is_not_sure() {
    for part in ["id ", "name of products and ", "客户的订单数量和价格"] {
        for reading in shop().read(&[], &part.repeat(2_000 / part.len()), Dialect::Sqlite) {
            assert_eq!(reading.confidence, 0.0, "{part}: {}", reading.sql);
        }
    }
}

#[test]
fn what_no_reading_says_is_asked_back() {
    for (database, question) in [
        (school(), "teachers with the same mentor"),
        (school(), "the second highest salary"),
        (school(), "median salary of teachers"),
        (freight(), "shipments with the same carrier"),
        (freight(), "the cheapest carrier"),
        (freight(), "total weight of shipments in tons"),
        (school(), "the youngest teacher"),
    ] {
        let found = database.read(&[], question, Dialect::Sqlite);
        assert!(
            found.iter().all(|r| r.confidence < LOW),
            "{question}: {found:?}"
        );
    }
}

#[test]
fn a_number_that_is_left_out_makes_a_reading_unsure() {
    for database in [school(), freight(), shop()] {
        let tables = database
            .catalog
            .tables
            .iter()
            .map(|t| t.name.replace('_', " "));
        for name in tables {
            for question in [
                format!("the 17 of the {name}"),
                format!("{name} with 17 of 23"),
                format!("how many {name} had 17 by 2019"),
            ] {
                for reading in database.read(&[], &question, Dialect::Sqlite) {
                    let numbers = ["17", "23", "2019"]
                        .iter()
                        .filter(|n| question.contains(**n));
                    let mut lost = numbers.filter(|n| !reading.sql.contains(**n));
                    // A year may end where the next begins.
                    let ends = reading.sql.contains("2020");
                    if lost.any(|n| *n != "2019" || !ends) {
                        assert!(reading.confidence < HIGH, "{question}: {reading:?}");
                    }
                }
            }
        }
    }
}
