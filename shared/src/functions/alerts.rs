//! `lumos_alert`, `lumos_alert_drop`, `lumos_alerts`, `lumos_alert_run`.

use crate::checks::alert::FIELDS;
use crate::example::example;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const BUSY: Example = example(
    "SELECT lumos_alert('busy', '{\"query\": \"SELECT max(load) AS load FROM cpu\", \"when\": \"load > 90\", \"resolve\": \"load < 70\", \"severity\": \"warn\"}')",
    "busy",
);

/// The definition.
pub const ALERT: Function = Function {
    name: "lumos_alert",
    section: Section::Checks,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("name", Type::Text),
        Param::new("rule", Type::Json),
    ],
    options: FIELDS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Keeps an alert for `lumos_alert_run`, in the database's table `_lumos_alerts`, and returns its name: a query that only reads, and the condition under which it fires. One with a name that is known replaces the other and begins anew. Nothing runs it by itself, and nothing is sent: whoever runs alerts delivers what changed. \
          Any function of Lumos that only reads may stand in the query; one that writes makes it an error. What functions of your own program do, Lumos cannot tell: one that writes by itself does so at each run. Like `SELECT * FROM lumos_anomalies('cpu', '{\"last\": 10}')` with `is_anomaly` as the condition, or `SELECT * FROM lumos_check_run()` with `status <> 'pass'`.",
    setup: &[
        "CREATE TABLE cpu(at TEXT, load REAL)",
        "INSERT INTO cpu VALUES ('2026-05-01 10:00', 95)",
    ],
    examples: &[
        BUSY,
        example(
            "SELECT lumos_alert('busy', '{\"query\": \"DELETE FROM cpu\", \"when\": \"1\"}')",
            "lumos_alert: DELETE FROM cpu is neither a table, like sales or sales(day, amount), nor a query",
        ),
    ],
    body: Body::Host,
};

/// The definition.
pub const DROP: Function = Function {
    name: "lumos_alert_drop",
    params: &[Param::new("name", Type::Text)],
    options: &[],
    doc: "Forgets an alert, and returns its name. What it did before stays in `_lumos_alert_log`.",
    examples: &[
        BUSY,
        example("SELECT lumos_alert_drop('busy')", "busy"),
        example(
            "SELECT lumos_alert_drop('busy')",
            "lumos_alert_drop: there is no alert \"busy\"; lumos_alerts() lists them",
        ),
    ],
    ..ALERT
};

const COLUMNS: &[(&str, Type)] = &[
    ("name", Type::Text),
    ("state", Type::Text),
    ("since", Type::Text),
    ("value", Type::Any),
    ("severity", Type::Text),
    ("message", Type::Text),
];

/// The definition.
pub const ALERTS: Function = Function {
    name: "lumos_alerts",
    kind: Kind::Table(COLUMNS),
    params: &[],
    options: &[],
    doc: "The alerts, by their names, as the last run left them: `ok`, `pending`, `firing`, `resolved`, or `error` if the query fails; since when; the first column of the first row that met the condition in that run; and why.",
    examples: &[
        BUSY,
        example("SELECT name, state FROM lumos_alerts()", "busy|ok"),
    ],
    ..ALERT
};

/// The definition.
pub const RUN: Function = Function {
    name: "lumos_alert_run",
    kind: Kind::Table(COLUMNS),
    params: &[Param::optional("now", Type::Any)],
    options: &[],
    doc: "Looks at all alerts and gives those whose state changed, as `lumos_alerts` does; the changes are also added to `_lumos_alert_log`. `now` is the moment, in UTC, the clock's if it is left out: a run at a moment that is not after the last one changes nothing. All queries are read before a state is written. A query that fails is the state `error` of its alert, and no other's concern.",
    examples: &[
        BUSY,
        example(
            "SELECT name, state, since, value, message FROM lumos_alert_run('2026-05-01 10:01')",
            "busy|firing|2026-05-01 10:01:00|95.0|load > 90 holds of 1 row",
        ),
        example("UPDATE cpu SET load = 80", ""),
        example(
            "SELECT count(*) AS n FROM lumos_alert_run('2026-05-01 10:02')",
            "0",
        ),
        example("UPDATE cpu SET load = 60", ""),
        example(
            "SELECT name, state FROM lumos_alert_run('2026-05-01 10:03')",
            "busy|resolved",
        ),
    ],
    ..ALERT
};
