//! Alerts: a query, the condition under which one fires, and what becomes of it from one run to the next.

use serde_json::Value as Json;

use super::parts::{expression, seconds};
use super::rule::Severity;
use crate::options::{OptionDef, OptionType, Options, shortened};
use crate::series::words::{LANG, Language};
use crate::source::{ALIAS, Source};
use crate::sql::lexer::Dialect;
use crate::{Error, Result};

/// The fields of a rule.
pub const FIELDS: &[OptionDef] = &[
    OptionDef {
        name: "query",
        ty: OptionType::Text(", a table or a SELECT"),
        default: "",
        doc: "what is looked at; it must be given",
    },
    OptionDef {
        name: "when",
        ty: OptionType::Text(", an expression of SQL"),
        default: "",
        doc: "the alert fires if it is true of a row of the query; it must be given",
    },
    OptionDef {
        name: "resolve",
        ty: OptionType::Text(", an expression of SQL"),
        default: "that `when` is true of no row",
        doc: "an alert that fires is resolved if it is true of a row, so that a value at the bound does not fire again and again",
    },
    OptionDef {
        name: "severity",
        ty: OptionType::OneOf(&["info", "warn", "error"]),
        default: "\"error\"",
        doc: "how much it matters",
    },
    OptionDef {
        name: "for",
        ty: OptionType::Integer(1, 1000),
        default: "1",
        doc: "the runs in a row in which `when` must be true; until then it is pending",
    },
    OptionDef {
        name: "cooldown",
        ty: OptionType::Json("seconds, or a text like \"1 hour\""),
        default: "0",
        doc: "the time after it has fired in which it does not fire again",
    },
    LANG,
];

/// A rule.
#[derive(Debug)]
pub struct Alert {
    /// The source of the rows as SQL.
    from: String,
    when: String,
    resolve: Option<String>,
    /// The condition as it is written.
    shown: String,
    /// How much it matters.
    pub severity: Severity,
    runs: i64,
    cooldown: i64,
    language: Language,
}

impl Alert {
    /// Reads a rule. Errors if a field is missing or wrong.
    pub fn parse(text: &str) -> Result<Alert> {
        let fields = Options::parse(FIELDS, Some(text))?;
        let needed = |name: &str| {
            let lacks = || Error::new(format!("the rule has no \"{name}\"; give a query and when"));
            fields.text(name).ok_or_else(lacks)
        };
        let dialect = Dialect::Sqlite;
        let when = needed("when")?;
        let cooldown = match fields.get("cooldown") {
            None | Some(Json::Null) => 0,
            Some(given) => seconds(given)
                .ok_or_else(|| fields.wrong("cooldown", "seconds, or a text like \"1 hour\""))?,
        };
        let resolve = fields.text("resolve");
        Ok(Alert {
            from: Source::parse(needed("query")?, dialect)?.from().to_owned(),
            when: expression(when, "when", dialect)?,
            resolve: resolve
                .map(|sql| expression(sql, "resolve", dialect))
                .transpose()?,
            shown: shortened(when.trim()),
            severity: match fields.text("severity") {
                Some("info") => Severity::Info,
                Some("warn") => Severity::Warn,
                _ => Severity::Error,
            },
            runs: fields.integer("for").unwrap_or(1),
            cooldown,
            language: Language::of(&fields),
        })
    }

    /// The SELECT of how many rows meet the condition, and how many resolve the alert: one row of two numbers.
    pub fn count(&self) -> String {
        let resolved = match &self.resolve {
            Some(resolve) => format!("count(*) FILTER (WHERE {resolve})"),
            None => "0".into(),
        };
        format!(
            "SELECT count(*) FILTER (WHERE {}), {resolved} FROM {} AS {ALIAS}",
            self.when, self.from
        )
    }

    /// The SELECT of the first row that meets the condition, whose first column is the value.
    pub fn value(&self) -> String {
        format!(
            "SELECT * FROM {} AS {ALIAS} WHERE {} LIMIT 1",
            self.from, self.when
        )
    }
}

/// Where an alert is.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `ok`, `pending`, `firing`, `resolved` or `error`.
    pub name: String,
    /// The runs in a row in which the condition was true.
    pub streak: i64,
    /// Since when it is there, in seconds since 1970.
    pub since: Option<i64>,
    /// When it fired last.
    pub fired: Option<i64>,
    /// Why.
    pub message: Option<String>,
    /// When it was looked at last.
    pub ran: Option<i64>,
}

impl State {
    /// That of a new alert.
    pub fn new() -> State {
        State {
            name: "ok".into(),
            streak: 0,
            since: None,
            fired: None,
            message: None,
            ran: None,
        }
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}

/// What a run sees.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// How many rows meet the condition, and how many resolve the alert.
    Rows(i64, i64),
    /// The query failed, for this reason.
    Failed(String),
}

/// What becomes of an alert; `None` if it was looked at at this moment or later already.
pub fn next(alert: &Alert, before: &State, seen: &Seen, now: i64) -> Option<State> {
    if before.ran.is_some_and(|ran| ran >= now) {
        return None;
    }
    let mut after = before.clone();
    after.ran = Some(now);
    let (met, resolved) = match seen {
        Seen::Failed(reason) => {
            // What it was is not known to be over: it is firing still once the query runs again.
            after.name = "error".into();
            after.message = Some(reason.clone());
            after.since = changed(before, &after, now);
            return Some(after);
        }
        Seen::Rows(met, resolved) => (*met, *resolved),
    };
    after.streak = if met > 0 {
        before.streak.saturating_add(1)
    } else {
        0
    };
    let fires = before.name == "firing" || before.name == "error" && before.fires();
    let over = match alert.resolve {
        Some(_) => resolved > 0 && met == 0,
        None => met == 0,
    };
    let cooled = before
        .fired
        .is_none_or(|fired| now.saturating_sub(fired) >= alert.cooldown);
    let name = match (fires, met > 0) {
        (true, _) if !over => "firing",
        (true, _) => "resolved",
        (false, true) if after.streak >= alert.runs && cooled => "firing",
        (false, true) => "pending",
        (false, false) if before.name == "resolved" => "resolved",
        (false, false) => "ok",
    };
    after.name = name.into();
    after.message = Some(message(alert, met));
    if name == "firing" {
        // Between the two conditions too.
        after.streak = after.streak.max(1);
        if !fires {
            after.fired = Some(now);
        }
    }
    after.since = changed(before, &after, now);
    Some(after)
}

impl State {
    /// Whether an alert whose query fails was firing before: it has fired, and its streak has not ended.
    fn fires(&self) -> bool {
        self.fired.is_some() && self.streak > 0
    }
}

fn changed(before: &State, after: &State, now: i64) -> Option<i64> {
    if before.name == after.name {
        before.since
    } else {
        Some(now)
    }
}

fn message(alert: &Alert, met: i64) -> String {
    let shown = &alert.shown;
    let language = alert.language;
    match met {
        0 => language.say(
            format!("{shown} holds of no row"),
            format!("没有行满足 {shown}"),
        ),
        _ => {
            let rows = language.rows(usize::try_from(met).unwrap_or(usize::MAX));
            language.say(
                format!("{shown} holds of {rows}"),
                format!("{rows}满足 {shown}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(more: &str) -> Alert {
        Alert::parse(&format!(
            "{{\"query\": \"cpu\", \"when\": \"load > 9\"{more}}}"
        ))
        .unwrap()
    }

    /// The states of runs a minute apart.
    fn states(alert: &Alert, seen: &[Seen]) -> Vec<String> {
        let mut state = State::new();
        let mut names = Vec::new();
        for (i, seen) in seen.iter().enumerate() {
            let now = 60 * i as i64;
            state = next(alert, &state, seen, now).unwrap();
            assert_eq!(next(alert, &state, seen, now), None);
            assert_eq!(next(alert, &state, seen, now - 1), None);
            names.push(format!("{} {:?}", state.name, state.since));
        }
        names
    }

    const YES: Seen = Seen::Rows(2, 0);
    const NO: Seen = Seen::Rows(0, 0);

    #[test]
    fn an_alert_fires_once_and_is_resolved() {
        assert_eq!(
            states(&alert(""), &[NO, YES, YES, NO, NO, YES]),
            [
                "ok None",
                "firing Some(60)",
                "firing Some(60)",
                "resolved Some(180)",
                "resolved Some(180)",
                "firing Some(300)"
            ]
        );
    }

    #[test]
    fn it_waits_for_several_runs_and_cools_down() {
        assert_eq!(
            states(&alert(", \"for\": 2"), &[YES, NO, YES, YES]),
            [
                "pending Some(0)",
                "ok Some(60)",
                "pending Some(120)",
                "firing Some(180)"
            ]
        );
        assert_eq!(
            states(
                &alert(", \"cooldown\": \"3 minutes\""),
                &[YES, NO, YES, YES]
            ),
            [
                "firing Some(0)",
                "resolved Some(60)",
                "pending Some(120)",
                "firing Some(180)"
            ]
        );
    }

    #[test]
    fn a_second_bound_resolves_it() {
        let alert = alert(", \"resolve\": \"load < 5\"");
        let between = Seen::Rows(0, 0);
        let low = Seen::Rows(0, 1);
        assert_eq!(
            states(&alert, &[YES, between, YES, low]),
            [
                "firing Some(0)",
                "firing Some(0)",
                "firing Some(0)",
                "resolved Some(180)"
            ]
        );
    }

    #[test]
    fn a_query_that_fails_is_a_state() {
        let failed = Seen::Failed("no such table: cpu".into());
        assert_eq!(
            states(&alert(""), &[YES, failed.clone(), YES, NO, failed, YES]),
            [
                "firing Some(0)",
                "error Some(60)",
                "firing Some(120)",
                "resolved Some(180)",
                "error Some(240)",
                "firing Some(300)"
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said() {
        for (text, said) in [
            ("{}", "the rule has no \"when\""),
            ("{\"when\": \"1\"}", "the rule has no \"query\""),
            (
                "{\"query\": \"a b\", \"when\": \"1\"}",
                "a b is neither a table",
            ),
            (
                "{\"query\": \"a\", \"when\": \"1) OR (1\"}",
                "when is \"1) OR (1\"",
            ),
            (
                "{\"query\": \"a\", \"when\": \"1\", \"cooldown\": \"1 month\"}",
                "cooldown is \"1 month\"",
            ),
            (
                "{\"query\": \"a\", \"when\": \"1\", \"fro\": 1}",
                "unknown option \"fro\"",
            ),
        ] {
            let refused = Alert::parse(text).unwrap_err().to_string();
            assert!(refused.starts_with(said), "{refused}");
        }
        let sql = alert(", \"resolve\": \"load < 5 -- low\"").count();
        assert_eq!(
            sql,
            "SELECT count(*) FILTER (WHERE (load > 9\n)), count(*) FILTER (WHERE (load < 5 -- low\n)) FROM \"cpu\" AS lumos_source"
        );
    }
}
