//! `lumos_explain_sql(sql[, lang])`.

use crate::words::{Lang, explain};
use crate::{Body, Engines, Error, Example, Function, Kind, Nulls, Param, Section, Type};
use crate::{Value, ValueRef};

/// The definition.
pub const EXPLAIN_SQL: Function = Function {
    name: "lumos_explain_sql",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("lang", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "Says a SELECT in words, in English or with `zh` in Chinese, by templates from its tree: what it shows, of which tables, under which conditions, in which order. \
          It says what the text says and looks at no table. \
          It reads the part of SELECT that SQLite and DuckDB share, of up to 1,500 words and signs; for anything else it is an error.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_explain_sql('SELECT country, count(*) AS n FROM customer WHERE email LIKE ''%.com'' GROUP BY country ORDER BY n DESC LIMIT 3')",
            answer: "Shows country and the number of rows (n) of customer, where email ends with '.com', for each country, in descending order of n, first 3 rows only.",
        },
        Example {
            sql: "SELECT lumos_explain_sql('SELECT avg(total) FROM invoice WHERE total > 5', 'zh')",
            answer: "显示 invoice 的 total 的平均值，条件是 total 大于 5。",
        },
        Example {
            sql: "SELECT lumos_explain_sql('DROP TABLE album')",
            answer: "cannot say it in words: ",
        },
    ],
    body: Body::Pure(|args| {
        let (sql, lang) = match args {
            [ValueRef::Text(sql)] => (*sql, None),
            [ValueRef::Text(sql), ValueRef::Text(lang)] => (*sql, Some(*lang)),
            _ => return Err(Error::new("takes a SELECT as text, and \"en\" or \"zh\"")),
        };
        explain(sql, Lang::read(lang)?).map(Value::Text)
    }),
};
