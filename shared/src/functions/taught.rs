//! What people teach of a database for questions: `lumos_synonym_add` and its like, kept in the table `lumos_language`.

use crate::example::example;
use crate::nl::asked;
use crate::nl::asking::LEARNED_OPTIONS;
use crate::nl::taught::{COLUMNS, DDL, ROW_COLUMNS, VERIFIED_COLUMNS};
use crate::nl::teach;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type, Value};

const CUSTOMERS: Example = example(
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, country VARCHAR)",
    "",
);
const TABLE: Example = example(DDL, "");
const LEARN: Example = example("SELECT tables FROM query(lumos_learn())", "1");
const VALUES: Example = example("SELECT tables FROM query(lumos_learn_values())", "1");

/// A function that stores a row in SQLite.
const fn stores(
    name: &'static str,
    params: &'static [Param],
    doc: &'static str,
    examples: &'static [Example],
) -> Function {
    Function {
        name,
        section: Section::Language,
        engines: Engines::Sqlite,
        kind: Kind::Scalar(Type::Integer),
        params,
        options: &[],
        nulls: Nulls::Accept,
        deterministic: false,
        doc,
        setup: &[],
        examples,
        body: Body::Host,
    }
}

const SYNONYM: &[Param] = &[
    Param::new("word", Type::Text),
    Param::new("target", Type::Text),
];
const METRIC: &[Param] = &[
    Param::new("name", Type::Text),
    Param::new("sql", Type::Text),
];
const DESCRIPTION: &[Param] = &[
    Param::new("target", Type::Text),
    Param::new("text", Type::Text),
];
const VERIFIED: &[Param] = &[
    Param::new("question", Type::Text),
    Param::new("sql", Type::Text),
];
const RATED: &[Param] = &[
    Param::new("question", Type::Text),
    Param::new("sql", Type::Text),
    Param::new("rating", Type::Integer),
];

/// The definition.
pub const SYNONYM_ADD: Function = stores(
    "lumos_synonym_add",
    SYNONYM,
    "Makes a word or a few mean a table, a column (`table.column`) or a metric in questions. \
     It is stored in the table `lumos_language` of `main`, which is made when it is first needed, in the caller's transaction; any program can read and write that. Returns 1, or 0 if it was there. \
     Errors if there is no such table, column or metric.",
    &[
        example("SELECT lumos_synonym_add('purchase', 'Invoice')", "1"),
        example(
            "SELECT row FROM lumos_ask('How many purchases are there?')",
            "{\"count\":412}",
        ),
        example(
            "SELECT lumos_synonym_add('purchase', 'Order')",
            "there is no table, column or metric \"Order\"",
        ),
    ],
);

/// The definition.
pub const METRIC_DEFINE: Function = stores(
    "lumos_metric_define",
    METRIC,
    "Gives a quantity a name that questions can use: an expression over the columns of one table, with an aggregate in it. \
     Where several tables have such a column write `table.column`. \
     It passes the gate of lumos_validate_sql now, and in each SELECT that it comes to stand in. Stored as lumos_synonym_add does, in place of another of that name. Returns 1. \
     Errors if it has no aggregate, or passes over no table.",
    &[
        example(
            "SELECT lumos_metric_define('revenue', 'round(sum(Invoice.Total), 2)')",
            "1",
        ),
        example(
            "SELECT row FROM lumos_ask('What is the revenue?', '{\"min_confidence\": 0}')",
            "{\"revenue\":2328.6}",
        ),
        example(
            "SELECT lumos_metric_define('revenue', '1); DROP TABLE Invoice')",
            "is no expression over a table",
        ),
    ],
);

/// The definition.
pub const DESCRIBE: Function = stores(
    "lumos_describe",
    DESCRIPTION,
    "Says what a table or a column (`table.column`) holds. Up to three words between commas mean it in questions, as lumos_synonym_add has it; longer texts are kept for people and models to read. \
     Stored as lumos_synonym_add does, in place of another description. Returns 1. \
     Errors if there is no such table or column.",
    &[
        example(
            "SELECT lumos_describe('Customer', 'buyers, the people who have bought something')",
            "1",
        ),
        example(
            "SELECT row FROM lumos_ask('How many buyers are there?')",
            "{\"count\":59}",
        ),
    ],
);

/// The definition.
pub const VERIFIED_ADD: Function = stores(
    "lumos_verified_add",
    VERIFIED,
    "Keeps the right SELECT for a question: lumos_ask then runs it for that question, whatever its case and punctuation, before any reading of its own. \
     It must pass the gate of lumos_validate_sql now, and whenever it runs. Stored as lumos_synonym_add does, in place of another for that question. Returns 1. \
     Errors if it does not pass.",
    &[
        example(
            "SELECT lumos_verified_add('How is business?', 'SELECT count(*) AS invoices FROM Invoice')",
            "1",
        ),
        example(
            "SELECT row FROM lumos_ask('how is business')",
            "{\"invoices\":412}",
        ),
        example(
            "SELECT lumos_verified_add('How is business?', 'DELETE FROM Invoice')",
            "it is no SELECT",
        ),
    ],
);

/// The definition.
pub const VERIFIED_REMOVE: Function = stores(
    "lumos_verified_remove",
    &[Param::new("question", Type::Text)],
    "Forgets the SELECT that was verified for a question. Returns 1, or 0 if there was none. In DuckDB DELETE from `lumos_language`.",
    &[example(
        "SELECT lumos_verified_remove('How is business?')",
        "0",
    )],
);

/// The definition.
pub const UNLEARN: Function = stores(
    "lumos_unlearn",
    &[
        Param::new("kind", Type::Text),
        Param::new("word", Type::Text),
        Param::optional("meaning", Type::Text),
    ],
    "Takes back what was taught: rows of `lumos_language` of this kind (`synonym`, `metric`, `description`, `verified` or `feedback`) and word, of all meanings or this one. Returns how many there were. In DuckDB DELETE from that table.",
    &[
        example("SELECT lumos_synonym_add('purchase', 'Invoice')", "1"),
        example("SELECT lumos_unlearn('synonym', 'purchase')", "1"),
    ],
);

/// The definition.
pub const FEEDBACK: Function = stores(
    "lumos_feedback",
    RATED,
    "Says whether a SELECT was the right answer of a question: `rating` 1, or -1 if it was not. \
     It counts most for that question, and a little wherever its words meet the names in the SELECT again; lumos_learned shows how much, and lumos_unlearn takes it back. \
     Nothing leaves the database. Stored as lumos_synonym_add does. Returns how often it was right less how often it was not.",
    &[
        example(
            "SELECT lumos_feedback('top genre', 'SELECT \"Name\" FROM \"Genre\" LIMIT 1', -1)",
            "-1",
        ),
        example(
            "SELECT lumos_feedback('top genre', 'SELECT 1', 5)",
            "rating must be 1 or -1",
        ),
    ],
);

/// A function that gives the row to store in DuckDB.
const fn gives(of: Function, in_duckdb: &'static Sql) -> Function {
    Function {
        engines: Engines::DuckDb,
        kind: Kind::Table(ROW_COLUMNS),
        doc: AS_IN_SQLITE,
        examples: &[],
        body: Body::Sql(in_duckdb),
        ..of
    }
}

const AS_IN_SQLITE: &str = "Gives the row that the function of SQLite stores, for INSERT OR REPLACE INTO lumos_language; lumos_learn_values then reads it. The table is made by lumos_language_ddl. The database must have been learned.";

/// The definition.
pub const SYNONYM_ADD_DUCKDB: Function = gives(
    SYNONYM_ADD,
    &Sql {
        text: teach::synonym_sql,
        fold: None,
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            LEARN,
            VALUES,
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_synonym_add('buyer', 'customer')) RETURNING meaning",
                "customer",
            ),
            VALUES,
            example(
                "SELECT row FROM query(lumos_ask('How many buyers are there?'))",
                "{\"count\":0}",
            ),
        ],
    },
);

/// The definition.
pub const METRIC_DEFINE_DUCKDB: Function = gives(
    METRIC_DEFINE,
    &Sql {
        text: teach::metric_sql,
        fold: None,
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            LEARN,
            VALUES,
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_metric_define('reach', 'count(DISTINCT customer.country)')) RETURNING word",
                "reach",
            ),
        ],
    },
);

/// The definition.
pub const DESCRIBE_DUCKDB: Function = gives(
    DESCRIBE,
    &Sql {
        text: teach::describe_sql,
        fold: None,
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            LEARN,
            VALUES,
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_describe('customer.country', 'land, where they live')) RETURNING word",
                "customer.country",
            ),
        ],
    },
);

/// The definition.
pub const VERIFIED_ADD_DUCKDB: Function = gives(
    VERIFIED_ADD,
    &Sql {
        text: teach::verified_sql,
        fold: None,
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            LEARN,
            VALUES,
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_verified_add('How is business?', 'SELECT count(*) AS n FROM customer')) RETURNING word",
                "How is business?",
            ),
            VALUES,
            example(
                "SELECT row FROM query(lumos_ask('how is business'))",
                "{\"n\":0}",
            ),
        ],
    },
);

/// The definition.
pub const FEEDBACK_DUCKDB: Function = gives(
    FEEDBACK,
    &Sql {
        text: teach::feedback_sql,
        fold: None,
        in_duckdb: &[
            TABLE,
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_feedback('list them', 'SELECT 1', 1)) RETURNING good, bad",
                "1|0",
            ),
            example(
                "INSERT OR REPLACE INTO lumos_language BY NAME FROM query(lumos_feedback('list them', 'SELECT 1', -1)) RETURNING good, bad",
                "1|1",
            ),
        ],
    },
);

/// The definition.
pub const DDL_DUCKDB: Function = Function {
    name: "lumos_language_ddl",
    kind: Kind::Scalar(Type::Text),
    engines: Engines::DuckDb,
    params: &[],
    deterministic: true,
    doc: "Returns the statement that makes the table `lumos_language`, for the program to run: in Python `con.execute(con.execute(\"SELECT lumos_language_ddl()\").fetchone()[0])`.",
    examples: &[example(
        "SELECT lumos_language_ddl() LIKE 'CREATE TABLE IF NOT EXISTS lumos_language(%'",
        "true",
    )],
    body: Body::Pure(|_| Ok(Value::Text(DDL.to_owned()))),
    ..UNLEARN
};

/// The definition.
pub const LEARNED: Function = Function {
    name: "lumos_learned",
    engines: Engines::Both,
    kind: Kind::Table(COLUMNS),
    params: &[Param::optional("options", Type::Json)],
    options: LEARNED_OPTIONS,
    doc: "Gives what was taught of the database, the rows of `lumos_language`, and what follows of it: for each right or wrong answer the stems of its words and the names in its SELECT, with the `weight` that is added to the score of a reading that joins them again. \
          `ignored` says why a row is left out: its table or column is not there any more, say.",
    examples: &[
        example(
            "SELECT lumos_feedback('top genre', 'SELECT \"Name\" FROM \"Genre\" LIMIT 1', -1)",
            "-1",
        ),
        example(
            "SELECT kind, word, meaning, bad, weight FROM lumos_learned()",
            "feedback|top genre|SELECT \"Name\" FROM \"Genre\" LIMIT 1|1|NULL\nweight|genr|genre|1|-0.173\nweight|genr|name|1|-0.173\nweight|top|genre|1|-0.173\nweight|top|name|1|-0.173",
        ),
    ],
    body: Body::Sql(&Sql {
        text: asked::learned_sql,
        fold: Some(&asked::LEARNED),
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            example(
                "INSERT INTO lumos_language VALUES ('synonym', 'buyer', 'customer', 0, 0), ('synonym', 'shop', 'store', 0, 0)",
                "",
            ),
            LEARN,
            VALUES,
            example(
                "SELECT word, meaning, ignored FROM query(lumos_learned())",
                "buyer|customer|NULL\nshop|store|there is no such table, column or metric",
            ),
        ],
    }),
    ..UNLEARN
};

/// The definition.
pub const VERIFIED_LIST: Function = Function {
    name: "lumos_verified_list",
    kind: Kind::Table(VERIFIED_COLUMNS),
    doc: "Gives the questions that have a verified SELECT, see lumos_verified_add; `ignored` says why one is left out.",
    examples: &[
        example(
            "SELECT lumos_verified_add('How is business?', 'SELECT count(*) AS invoices FROM Invoice')",
            "1",
        ),
        example(
            "SELECT question, sql FROM lumos_verified_list()",
            "How is business?|SELECT count(*) AS invoices FROM Invoice",
        ),
    ],
    body: Body::Sql(&Sql {
        text: asked::verified_list_sql,
        fold: None,
        in_duckdb: &[
            CUSTOMERS,
            TABLE,
            example(
                "INSERT INTO lumos_language VALUES ('verified', 'How is business?', 'SELECT count(*) FROM customer', 0, 0)",
                "",
            ),
            LEARN,
            VALUES,
            example(
                "SELECT question, sql FROM query(lumos_verified_list())",
                "How is business?|SELECT count(*) FROM customer",
            ),
        ],
    }),
    ..LEARNED
};
