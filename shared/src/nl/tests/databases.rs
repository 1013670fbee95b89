//! Small databases by their descriptions: a clinic, the staff of a firm, a school with names in Chinese.

use super::super::catalog::{Catalog, ColumnKind, ColumnRef, ForeignKey};
use super::super::link::Vocabulary;
use super::shop::Shop;

/// A table, how many rows it has, and its columns: `name` is an integer, `:t` a text, `:d` a date, `:r` a real number. The
/// first is the key.
type Table<'a> = (&'a str, u64, &'a str);

fn database(tables: &[Table<'_>], keys: &[(&str, &str)], values: &[(&str, &str)]) -> Shop {
    let mut catalog = Catalog::default();
    for (name, rows, columns) in tables {
        let columns: Vec<(&str, ColumnKind)> = columns
            .split(' ')
            .map(|c| match c.split_once(':') {
                Some((name, "t")) => (name, ColumnKind::Text),
                Some((name, "d")) => (name, ColumnKind::Date),
                Some((name, _)) => (name, ColumnKind::Real),
                None => (c, ColumnKind::Integer),
            })
            .collect();
        let mut table = super::table(name, &columns);
        table.rows = Some(*rows);
        let dates = table
            .columns
            .iter_mut()
            .filter(|c| c.kind == ColumnKind::Date);
        for column in dates {
            column.range = Some(("2019-02-01".to_owned(), "2024-12-20".to_owned()));
        }
        catalog.tables.push(table);
    }
    let at = |catalog: &Catalog, name: &str| -> ColumnRef {
        let (table, column) = name.split_once('.').unwrap();
        let table = catalog.tables.iter().position(|t| t.name == table).unwrap();
        let columns = &catalog.tables[table].columns;
        let column = columns.iter().position(|c| c.name == column).unwrap();
        ColumnRef { table, column }
    };
    for (from, to) in keys {
        let columns = vec![(at(&catalog, from), at(&catalog, to))];
        catalog.keys.push(ForeignKey {
            columns,
            declared: true,
        });
    }
    for (column, texts) in values {
        let column = at(&catalog, column);
        let texts: Vec<&str> = texts.split(',').collect();
        catalog.tables[column.table].columns[column.column].distinct = Some(texts.len() as u64);
        for text in texts {
            catalog.values.add(column, text);
        }
    }
    catalog.values.finish();
    catalog.finish();
    Shop {
        vocabulary: Vocabulary::new(&catalog),
        catalog,
    }
}

/// `patients`, `doctors`, `visits`, `prescriptions`.
pub fn clinic() -> Shop {
    database(
        &[
            (
                "patients",
                50,
                "patient_id full_name:t gender:t birth_date:d city:t insurance:t",
            ),
            (
                "doctors",
                8,
                "doctor_id full_name:t specialty:t salary:r hired_on:d",
            ),
            (
                "visits",
                300,
                "visit_id patient_id doctor_id visit_date:d diagnosis:t fee:r",
            ),
            (
                "prescriptions",
                200,
                "prescription_id visit_id drug:t dose_mg:r days",
            ),
        ],
        &[
            ("visits.patient_id", "patients.patient_id"),
            ("visits.doctor_id", "doctors.doctor_id"),
            ("prescriptions.visit_id", "visits.visit_id"),
        ],
        &[
            ("patients.gender", "M,F"),
            ("patients.city", "Oslo,Bergen,Trondheim"),
            ("patients.insurance", "public,private"),
            ("doctors.specialty", "Cardiology,Pediatrics,Surgery"),
            ("visits.diagnosis", "flu,asthma,diabetes,fracture"),
            ("prescriptions.drug", "aspirin,insulin,ibuprofen,penicillin"),
        ],
    )
}

/// `departments`, `employees`, `leaves`.
pub fn staff() -> Shop {
    database(
        &[
            ("departments", 4, "dept_id dept_name:t location:t budget:r"),
            (
                "employees",
                60,
                "emp_id first_name:t last_name:t dept_id job_title:t salary:r hire_date:d manager_id",
            ),
            (
                "leaves",
                120,
                "leave_id emp_id leave_type:t start_date:d days",
            ),
        ],
        &[
            ("employees.dept_id", "departments.dept_id"),
            ("employees.manager_id", "employees.emp_id"),
            ("leaves.emp_id", "employees.emp_id"),
        ],
        &[
            (
                "departments.dept_name",
                "Engineering,Sales,Marketing,Finance",
            ),
            ("departments.location", "London,Paris,Berlin"),
            ("employees.job_title", "Engineer,Manager,Analyst,Clerk"),
            ("leaves.leave_type", "sick,vacation,parental"),
        ],
    )
}

/// `学生`, `教师`, `课程`, `成绩`.
pub fn school() -> Shop {
    database(
        &[
            ("学生", 40, "学号 姓名:t 性别:t 班级:t 入学日期:d 城市:t"),
            ("教师", 6, "工号 姓名:t 职称:t 工资:r"),
            ("课程", 5, "课程号 课程名:t 学分 工号"),
            ("成绩", 200, "编号 学号 课程号 分数:r 考试日期:d"),
        ],
        &[
            ("课程.工号", "教师.工号"),
            ("成绩.学号", "学生.学号"),
            ("成绩.课程号", "课程.课程号"),
        ],
        &[
            ("学生.性别", "男,女"),
            ("学生.班级", "一班,二班,三班"),
            ("学生.城市", "北京,上海,广州"),
            ("教师.职称", "教授,讲师"),
            ("课程.课程名", "数学,物理,化学,英语,历史"),
        ],
    )
}

/// `tbl_patients`, `tbl_appts`, `tbl_rx`, `ProductMaster`: names that one would not say.
pub fn awkward() -> Shop {
    let mut shop = database(
        &[
            ("tbl_patients", 6, "pat_id full_name:t gender:t"),
            ("tbl_doctors", 4, "doc_id full_name:t salary:r"),
            ("tbl_appts", 9, "appt_id pat_id doc_id appt_date:d fee:r"),
            ("tbl_rx", 7, "rx_id appt_id drug:t"),
            ("prod_cat", 3, "cat_code cat_label:t"),
            (
                "ProductMaster",
                8,
                "sku ProductName:t cat_code Discontinued UnitPrice:r",
            ),
        ],
        &[
            ("tbl_appts.pat_id", "tbl_patients.pat_id"),
            ("tbl_appts.doc_id", "tbl_doctors.doc_id"),
            ("tbl_rx.appt_id", "tbl_appts.appt_id"),
            ("ProductMaster.cat_code", "prod_cat.cat_code"),
        ],
        &[
            ("tbl_patients.full_name", "Ann,Bob,Cid,Dot,Eve,Fay"),
            ("tbl_patients.gender", "F,M"),
            ("tbl_rx.drug", "Aspirin,Lisinopril"),
        ],
    );
    shop.catalog.tables[5].columns[3].distinct = Some(2);
    shop
}
