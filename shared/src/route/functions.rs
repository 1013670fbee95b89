//! The functions that are known to give the same in both engines, and in which form.

use super::affinity::Affinity;
use super::ast::{Call, Expr, Literal};
use super::emit::Writer;
use super::pair;
use super::scope::{Phase, Scope};
use super::typed_expr::{Class, GUARD, Typed, Whole};
use super::{Refusal, refuse};

/// The aggregates; `min` and `max` are ones with a single argument.
const AGGREGATES: [&str; 6] = ["count", "sum", "avg", "total", "min", "max"];

/// Functions that only work on a window.
const RANKS: [&str; 2] = ["rank", "dense_rank"];

/// Functions that differ whatever their arguments are, with the reason.
const DIFFERENT: [(&[&str], &str); 4] = [
    (
        &[
            "random",
            "randomblob",
            "changes",
            "total_changes",
            "last_insert_rowid",
        ],
        "gives another value with every call",
    ),
    (
        &[
            "date",
            "time",
            "datetime",
            "julianday",
            "unixepoch",
            "strftime",
            "timediff",
        ],
        "reads dates and times in SQLite's way",
    ),
    (
        &["group_concat", "string_agg"],
        "depends on the order of the rows",
    ),
    (&["upper", "lower"], "changes ASCII letters only in SQLite"),
];

/// True if the call makes a SELECT an aggregate.
pub fn is_aggregate(call: &Call) -> bool {
    call.over.is_none()
        && AGGREGATES.contains(&call.name.as_str())
        && (call.star || call.args.len() == 1)
}

/// Texts end at their first NUL for many functions of SQLite.
fn without_nul(sql: &str, result: &str) -> String {
    format!("CASE WHEN contains({sql}, chr(0)) THEN {GUARD} ELSE {result} END")
}

impl Writer<'_> {
    /// Writes a call.
    pub(super) fn call(&mut self, call: &Call, scope: &Scope<'_>) -> Result<Typed, Refusal> {
        let is = |name: &&str| **name == *call.name;
        if let Some((_, reason)) = DIFFERENT.iter().find(|(names, _)| names.iter().any(is)) {
            return refuse(format!("{} {reason}", call.name));
        }
        if !self.functions.contains(&call.name) {
            self.functions.push(call.name.clone());
        }
        if let Some(window) = &call.over {
            if matches!(scope.phase, Phase::Grouped(_)) {
                return refuse("a window is over an aggregate");
            }
            let mut parts = Vec::new();
            for key in &window.partition {
                let key = self.expr(key, scope)?.value();
                key.check_groupable()?;
                parts.push(key.key().to_owned());
            }
            let mut over = if parts.is_empty() {
                String::new()
            } else {
                format!("PARTITION BY {}", parts.join(", "))
            };
            if !window.order.is_empty() {
                let order = self.window_order(&window.order, scope)?;
                over.push_str(&format!(" ORDER BY {order}"));
            }
            let over = format!(" OVER ({over})");
            if RANKS.contains(&call.name.as_str()) && call.args.is_empty() && call.filter.is_none()
            {
                return Ok(Typed::new(format!("{}(){over}", call.name), Class::Int));
            }
            if call.distinct || !AGGREGATES.contains(&call.name.as_str()) {
                return refuse(format!(
                    "{} over a window depends on the order of equal rows, or is not known in DuckDB",
                    call.name
                ));
            }
            return self.aggregate(call, scope, &over);
        }
        if is_aggregate(call) {
            let Phase::Grouped(_) = scope.phase else {
                return refuse("an aggregate stands where none may");
            };
            return self.aggregate(call, &scope.at(Phase::Argument), "");
        }
        if call.distinct || call.star || call.filter.is_some() {
            return refuse(format!("{} is called in a form of its own", call.name));
        }
        let mut args = Vec::new();
        for arg in &call.args {
            args.push(self.expr(arg, scope)?.value());
        }
        self.function(&call.name, &args)
    }

    /// An aggregate, or one over a window when `over` says so.
    fn aggregate(&mut self, call: &Call, scope: &Scope<'_>, over: &str) -> Result<Typed, Refusal> {
        self.aggregates += 1;
        let filter = match &call.filter {
            Some(e) => Some(self.expr(e, scope)?.condition()?),
            None => None,
        };
        let suffix = match &filter {
            Some(filter) => format!(" FILTER (WHERE {filter}){over}"),
            None => over.to_owned(),
        };
        if call.star || call.args.is_empty() {
            return match call.name.as_str() {
                "count" => Ok(Typed::new(format!("count(*){suffix}"), Class::Int)),
                _ => refuse(format!("{} is called in a form of its own", call.name)),
            };
        }
        let [argument] = call.args.as_slice() else {
            return refuse(format!("{} is called in a form of its own", call.name));
        };
        let x = self.expr(argument, scope)?.value();
        let x = match (x.class, call.name.as_str()) {
            (Class::Text, "sum" | "avg" | "total") if !call.distinct => {
                self.guarded = true;
                pair::as_number(&x)
            }
            _ => x,
        };
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        if call.distinct {
            x.check_groupable()?;
        }
        let of = |name: &str, sql: &str| format!("{name}({distinct}{sql}){suffix}");
        let number = matches!(x.class, Class::Int | Class::Real | Class::Num);
        match call.name.as_str() {
            "count" => Ok(Typed::new(of("count", x.key()), Class::Int)),
            "min" | "max" => self.extreme(&x, &of(&call.name, x.key())),
            _ if !number => refuse(format!(
                "{} is over texts, blobs or NULL, which SQLite turns into numbers",
                call.name
            )),
            "sum" if x.class == Class::Num && !over.is_empty() => {
                refuse("sum over a window is of numbers that are INTEGER or REAL by the row")
            }
            "sum" => Ok(self.sum(&x, of, filter.as_deref())),
            "avg" => {
                let count = of("count", x.key());
                Ok(Typed::real(format!("({} / {count})", double_sum(&x, of))).inexact_if(true))
            }
            _ => {
                let total = format!("coalesce({}, 0e0)", double_sum(&x, of));
                Ok(Typed::real(total).inexact_if(true))
            }
        }
    }

    fn extreme(&mut self, x: &Typed, sql: &str) -> Result<Typed, Refusal> {
        self.check_order(x)?;
        if matches!(x.whole, Whole::Where(_)) || x.class == Class::Null {
            return refuse(
                "the least or greatest is of numbers that are INTEGER or REAL by the row",
            );
        }
        Ok(match &x.raw {
            Some(raw) => Typed::from_raw(raw.of(sql.to_owned())),
            None => Typed::new(sql, x.class).inexact_if(x.inexact),
        })
    }

    fn sum(&mut self, x: &Typed, of: impl Fn(&str, &str) -> String, filter: Option<&str>) -> Typed {
        match x.class {
            Class::Int => {
                // DuckDB sums integers without bounds; SQLite raises an error beyond 64 bits.
                self.guarded = true;
                Typed::new(format!("CAST({} AS BIGINT)", of("sum", &x.sql)), Class::Int)
            }
            Class::Real => Typed::real(double_sum(x, of)).inexact_if(true),
            _ => {
                self.guarded = true;
                let sum = double_sum(x, of);
                let and = filter.map_or(String::new(), |f| format!(" AND {f}"));
                // The sum of integers alone is one.
                let whole = format!(
                    "CASE WHEN bool_and({}) FILTER (WHERE {} IS NOT NULL{and}) THEN CASE WHEN abs({sum}) < 9007199254740992 THEN true ELSE {GUARD} END ELSE false END",
                    x.whole_sql(),
                    x.key(),
                );
                Typed {
                    whole: Whole::Where(whole),
                    ..Typed::new(sum, Class::Num).inexact_if(true)
                }
            }
        }
    }

    /// A scalar function.
    fn function(&mut self, name: &str, args: &[Typed]) -> Result<Typed, Refusal> {
        let classes: Vec<Class> = args.iter().map(|a| a.class).collect();
        use Class::{Int, Num, Real, Text};
        let sql = |i: usize| args[i].sql.as_str();
        let number = |i: usize| match &args[i].literal {
            Some(Literal::Integer(v)) => Some(*v),
            _ => None,
        };
        match (name, classes.as_slice()) {
            ("coalesce" | "ifnull", [_, _, ..]) => self
                .choice(args, |sqls| format!("coalesce({})", sqls.join(", ")))
                .and_then(|t| self.coalesced(args, t)),
            ("iif" | "if", [_, _, _]) => {
                let condition = args[0].clone().condition()?;
                self.choice(&args[1..], |s| {
                    format!("CASE WHEN {condition} THEN {} ELSE {} END", s[0], s[1])
                })
            }
            ("nullif", [_, _]) => {
                // Arguments of a function have lost their affinity.
                let [a, b] = [&args[0], &args[1]].map(|arg| Typed {
                    affinity: Some(Affinity::None),
                    ..arg.clone()
                });
                let equal = self.comparison(super::ast::Operator::Equal, &a, &b)?;
                let mut typed = Typed::new(
                    format!("CASE WHEN {} THEN NULL ELSE {} END", equal.sql, sql(0)),
                    args[0].class,
                )
                .inexact_if(args[0].inexact);
                typed.whole = args[0].whole.clone();
                Ok(typed)
            }
            ("abs", [Int | Real]) => {
                self.guarded = true;
                Ok(Typed::new(format!("abs({})", sql(0)), classes[0]).inexact_if(args[0].inexact))
            }
            ("abs", [Num]) => Ok(Typed {
                whole: Whole::Where(args[0].whole_sql()),
                ..Typed::new(format!("abs({})", sql(0)), Num).inexact_if(args[0].inexact)
            }),
            ("round", [Int | Real | Num]) => Ok(self.round(&args[0], 0)),
            ("round", [Int | Real | Num, Int]) => match number(1) {
                Some(digits @ 0..=6) => Ok(self.round(&args[0], digits as u32)),
                _ => refuse("round has another number of digits than 0 to 6"),
            },
            ("length", [Text]) => {
                self.guarded = true;
                let length = format!("length({})", sql(0));
                Ok(Typed::new(
                    format!("CAST({} AS BIGINT)", without_nul(sql(0), &length)),
                    Int,
                ))
            }
            ("substr" | "substring", [Text, Int, ..]) => {
                let (from, length) = (number(1), args.get(2).map(|_| number(2)));
                match (from, length) {
                    (Some(1..=1_000_000_000), None) if args.len() == 2 => {}
                    (Some(1..=1_000_000_000), Some(Some(0..=1_000_000_000))) if args.len() == 3 => {
                    }
                    _ => return refuse("substr counts in another way from 0 and from the end"),
                }
                self.guarded = true;
                let rest: Vec<&str> = args.iter().map(|a| a.sql.as_str()).collect();
                let part = format!("substr({})", rest.join(", "));
                Ok(Typed::new(
                    format!("({})", without_nul(sql(0), &part)),
                    Text,
                ))
            }
            ("trim" | "ltrim" | "rtrim", [Text]) => {
                Ok(Typed::new(format!("{name}({}, ' ')", sql(0)), Text))
            }
            ("replace", [Text, Text, Text]) if !is_empty(&args[1]) => Ok(Typed::new(
                format!("replace({}, {}, {})", sql(0), sql(1), sql(2)),
                Text,
            )),
            ("instr", [Text, Text]) if !is_empty(&args[1]) => Ok(Typed::new(
                format!("CAST(instr({}, {}) AS BIGINT)", sql(0), sql(1)),
                Int,
            )),
            _ => refuse(format!(
                "{name}() with these arguments is not known to give the same in DuckDB"
            )),
        }
    }

    /// A coalesce that chose by its arguments: an integer where the first that is not NULL is one.
    fn coalesced(&self, args: &[Typed], chosen: Typed) -> Result<Typed, Refusal> {
        if chosen.class != Class::Num {
            return Ok(chosen);
        }
        let mut whole = String::from("CASE");
        for arg in args {
            whole.push_str(&format!(
                " WHEN {} IS NOT NULL THEN {}",
                arg.sql,
                arg.whole_sql()
            ));
        }
        Ok(Typed {
            whole: Whole::Where(format!("({whole} END)")),
            ..chosen
        })
    }

    /// `round(x, digits)`: both engines agree but near the middle between two results.
    fn round(&mut self, x: &Typed, digits: u32) -> Typed {
        self.guarded = true;
        let (value, scale) = (
            x.double(),
            super::typed_expr::double(10f64.powi(digits as i32)),
        );
        let scaled = format!("(abs({value}) * {scale})");
        Typed::new(
            format!(
                "CASE WHEN {scaled} > 1e12 OR abs({scaled} - floor({scaled}) - 0.5e0) < 1e-3 THEN {GUARD} \
                 ELSE round({value}, {digits}) END"
            ),
            Class::Real,
        )
        .inexact_if(x.inexact)
    }
}

/// A sum as a double that does not depend on the order of the rows: integers and decimals are summed exactly.
fn double_sum(x: &Typed, of: impl Fn(&str, &str) -> String) -> String {
    match (x.class, &x.raw) {
        (Class::Int, _) | (_, Some(_)) => format!("CAST({} AS DOUBLE)", of("sum", x.key())),
        _ => of("_lumos_sum", &x.sql),
    }
}

fn is_empty(t: &Typed) -> bool {
    !matches!(&t.literal, Some(Literal::Text(text)) if !text.is_empty())
}

/// True if the expressions have an aggregate that is not inside another SELECT.
pub fn has_aggregate<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> bool {
    let mut found = false;
    for e in exprs {
        e.walk(&mut |e| {
            if let Expr::Call(call) = e {
                found |= is_aggregate(call);
            }
        });
    }
    found
}
