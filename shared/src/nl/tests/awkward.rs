//! Names that one would not say, and what a reading may not leave out.

use super::super::print::Dialect;
use super::databases::{awkward, school, staff};

#[test]
fn tables_are_known_by_what_their_names_say_beside_marks() {
    let shop = awkward();
    for (question, sql) in [
        (
            "patients without appointments",
            "SELECT full_name FROM tbl_patients WHERE pat_id NOT IN (SELECT pat_id FROM tbl_appts WHERE pat_id IS NOT NULL)",
        ),
        (
            "total fees per doctor",
            "SELECT tbl_doctors.full_name, sum(tbl_appts.fee) AS sum_fee FROM tbl_doctors JOIN tbl_appts ON tbl_appts.doc_id = tbl_doctors.doc_id GROUP BY tbl_doctors.doc_id, tbl_doctors.full_name",
        ),
        (
            "How many female patients are there?",
            "SELECT count(*) AS count FROM tbl_patients WHERE gender = 'F'",
        ),
        (
            "discontinued products",
            "SELECT ProductName FROM ProductMaster WHERE Discontinued = 1",
        ),
        (
            "products that are not discontinued",
            "SELECT ProductName FROM ProductMaster WHERE Discontinued = 0",
        ),
    ] {
        assert_eq!(shop.after(&[], question), sql, "{question}");
    }
    let each = shop.after(&[], "number of products in each category");
    assert!(
        each.starts_with("SELECT prod_cat.cat_label, count"),
        "{each}"
    );
    let more = shop.after(&[], "patients with more than 1 appointment");
    assert!(more.ends_with("HAVING count(*) > 1"), "{more}");
}

#[test]
fn who_is_found_by_several_rows_is_shown_once() {
    let sql = awkward().after(&[], "patients who took Aspirin");
    assert!(
        sql.starts_with("SELECT DISTINCT tbl_patients.full_name"),
        "{sql}"
    );
}

#[test]
fn what_is_said_to_be_highest_is_a_number() {
    let sql = awkward().after(&[], "salary of each doctor, highest first");
    assert!(sql.ends_with("ORDER BY salary DESC"), "{sql}");
}

#[test]
fn no_time_is_after_a_later_one() {
    let shop = staff();
    let question = "leaves between January and March 2023";
    for reading in shop.read(&[], question, Dialect::Sqlite) {
        let never = reading.sql.contains(">= '2024") && reading.sql.contains("< '2024-01-01'");
        assert!(!never || reading.confidence < 0.5, "{reading:?}");
    }
}

#[test]
fn chinese_means_tables_by_other_words_and_bounds_by_words_behind() {
    let shop = school();
    let one = shop.after(&[], "工资最高的老师是谁");
    assert_eq!(one, "SELECT 姓名 FROM 教师 ORDER BY 工资 DESC LIMIT 1");
    let least = shop.after(&[], "分数在90分以上的学生");
    assert!(least.contains("分数 >= 90"), "{least}");
    let most = shop.after(&[], "2022年入学的学生中成绩最多的前3名");
    assert!(most.ends_with("LIMIT 3"), "{most}");
    let mean = shop.after(&[], "数学的平均分数");
    assert!(mean.contains("avg(成绩.分数)"), "{mean}");
}
