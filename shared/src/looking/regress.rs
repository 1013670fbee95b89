//! `lumos_regress`: a column by the others, least squares or, of two values, their odds.

mod design;
mod fits;

use self::design::{Design, Term};
use self::fits::{Estimate, Fitted, Linear, Logistic};
use super::correlate::real;
use super::scan::{COLUMNS, INPUT, Look, MAX_ROWS, Scan, aim, aimed, most_rows};
use super::table::{Column, Table, Values, target};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program, Stopped, check};
use crate::series::source::Emit;
use crate::series::words::{LANG, Language, number};
use crate::{Error, Result, Type, Value};

/// The options.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        default: "all but the target",
        doc: "the columns that explain it",
        ..COLUMNS
    },
    OptionDef {
        name: "model",
        ty: OptionType::OneOf(&["auto", "linear", "logistic"]),
        default: "\"auto\"",
        doc: "`logistic` for a target of two values, the odds of the greater one; `auto` takes it for such a target",
    },
    OptionDef {
        name: "level",
        ty: OptionType::Number(0.0, " above 0 and below 1"),
        default: "0.95",
        doc: "how sure the interval from `lo` to `hi` is",
    },
    MAX_ROWS,
    LANG,
];

/// A row of JSON in, a row for each term out.
pub const FOLD: Fold = Fold::new::<Scan<Regress>>(
    "regress",
    INPUT,
    &[
        ("term", Type::Text),
        ("coefficient", Type::Real),
        ("se", Type::Real),
        ("t", Type::Real),
        ("p", Type::Real),
        ("lo", Type::Real),
        ("hi", Type::Real),
        ("vif", Type::Real),
        ("share", Type::Real),
        ("note", Type::Text),
    ],
)
.wide();

/// What `lumos_regress` runs. Errors if the source or an option is none.
pub fn program(
    text: &str,
    target: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let given = Options::parse(OPTIONS, options)?;
    let level = given.number("level").unwrap_or(0.95);
    if !(level > 0.0 && level < 1.0) {
        return Err(given.wrong("level", "a number above 0 and below 1"));
    }
    aimed(text, target, (&given, options), database)
}

#[derive(Clone)]
struct Regress {
    target: String,
    model: String,
    level: f64,
    max_rows: usize,
    language: Language,
}

impl Look for Regress {
    fn start(spec: &str) -> Result<Self> {
        let (target, options) = aim(spec, OPTIONS)?;
        Ok(Regress {
            target,
            model: options.text("model").unwrap_or("auto").to_owned(),
            level: options.number("level").unwrap_or(0.95),
            max_rows: most_rows(&options),
            language: Language::of(&options),
        })
    }

    fn most_rows(&self) -> usize {
        self.max_rows
    }

    fn tell(&self, table: &Table, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        if table.rows == 0 {
            return Ok(());
        }
        let target = target(table, &self.target)?;
        let (aim, goal) = self.aim(target)?;
        let design = Design::new(table, &target.name, &aim)?;
        if matches!(goal, Goal::Odds(_)) && design.sd == 0.0 {
            return Err(Error::new(format!(
                "target \"{}\" has only one of its two values in the {} rows without a NULL; name columns with fewer NULLs by \"columns\"",
                self.target, design.rows
            )));
        }
        check(stopped)?;
        let linear = Linear::new(&design, stopped)?;
        let fitted = match goal {
            Goal::Number => linear.fit(&design, self.level),
            Goal::Odds(_) => Logistic::fit(&design, &linear, self.level, stopped)?,
        };
        for row in self.told(&design, &fitted, &goal) {
            emit(row)?;
        }
        Ok(())
    }
}

/// What is explained: a number, or the odds of this value of two.
enum Goal {
    Number,
    Odds(String),
}

impl Regress {
    /// The target as numbers, NaN for NULL. Errors if it has no numbers and not two values.
    fn aim(&self, column: &Column) -> Result<(Vec<f64>, Goal)> {
        let wrong = |why: &str| {
            Error::new(format!(
                "target \"{}\" {why}; give a column of numbers, or of two values",
                self.target
            ))
        };
        let numbers = match &column.values {
            Values::Texts(codes, labels) if labels.len() == 2 && self.model != "linear" => {
                let at = |code: &u32| match code {
                    0 => f64::NAN,
                    code => f64::from(*code) - 1.0,
                };
                return Ok((
                    codes.iter().map(at).collect(),
                    Goal::Odds(labels[1].clone()),
                ));
            }
            Values::Texts(..) => return Err(wrong("has texts")),
            Values::Nothing => return Err(wrong("has neither numbers nor texts")),
            Values::Numbers(values) | Values::Times(values) => values.clone(),
        };
        let known = numbers.iter().filter(|v| !v.is_nan());
        let least = known.clone().fold(f64::INFINITY, |least, v| least.min(*v));
        let most = known
            .clone()
            .fold(f64::NEG_INFINITY, |most, v| most.max(*v));
        let two = least < most && known.clone().all(|v| *v == least || *v == most);
        if self.model == "logistic" && !two {
            return Err(wrong("has not two values"));
        }
        if !two || self.model == "linear" {
            return Ok((numbers, Goal::Number));
        }
        let at = |v: f64| {
            if v.is_nan() {
                v
            } else {
                f64::from(u8::from(v == most))
            }
        };
        Ok((
            numbers.into_iter().map(at).collect(),
            Goal::Odds(number(most)),
        ))
    }

    fn told(&self, design: &Design, fitted: &Fitted, goal: &Goal) -> Vec<Vec<Value>> {
        let mut rows = vec![self.row_of(
            "(intercept)",
            &fitted.intercept,
            self.whole(design, fitted, goal),
        )];
        for (term, estimate) in design.terms.iter().zip(&fitted.terms) {
            let note = self.note(term, estimate, goal);
            rows.push(self.row_of(&term.name, estimate, note));
        }
        rows
    }

    fn row_of(&self, name: &str, of: &Estimate, note: String) -> Vec<Value> {
        let t = of
            .coefficient
            .zip(of.se)
            .and_then(|(b, se)| (se > 0.0).then(|| b / se));
        let (lo, hi) = match of.coefficient.zip(of.half) {
            Some((b, half)) => (Some(b - half), Some(b + half)),
            None => (None, None),
        };
        let figures = [of.coefficient, of.se, t, of.p, lo, hi, of.vif, of.share];
        let mut row = vec![Value::Text(name.into())];
        row.extend(figures.map(real));
        row.push(if note.is_empty() {
            Value::Null
        } else {
            Value::Text(note)
        });
        row
    }

    /// On the row of the intercept: how much is explained, of how many rows.
    fn whole(&self, design: &Design, fitted: &Fitted, goal: &Goal) -> String {
        let rows = self.language.rows(design.rows);
        let mut notes = Vec::new();
        if let Some(share) = fitted.intercept.share {
            let percent = number(share * 100.0);
            notes.push(self.language.say(
                format!("the terms account for {percent} % of the variance of {rows}"),
                format!("各项解释了 {rows}方差的 {percent}%"),
            ));
        }
        if let Goal::Odds(value) = goal {
            let target = &self.target;
            notes.push(self.language.say(
                format!("logarithms of the odds of {target} = {value}, of {rows}"),
                format!("{target} = {value} 的对数几率，共 {rows}"),
            ));
        }
        if fitted.parted {
            notes.push(self.language.say(
                "the terms tell both values apart, or nearly so: coefficients are held back, and mean little",
                "各项几乎可完全区分两类：系数已受限，参考意义有限",
            ));
        }
        if fitted.intercept.se.is_none() {
            notes.push(
                self.language
                    .say("too few rows for so many terms", "行数相对项数过少"),
            );
        }
        self.language.join(&notes).unwrap_or_default()
    }

    fn note(&self, term: &Term, of: &Estimate, goal: &Goal) -> String {
        let Some(by) = of.coefficient else {
            return self.language.say(
                "left out: the other terms make it up",
                "已略去：可由其他项得出",
            );
        };
        let target = match goal {
            Goal::Number => self.target.clone(),
            Goal::Odds(value) => format!("{} = {value}", self.target),
        };
        let (up, size) = (by >= 0.0, number(by.abs()));
        let name = &term.name;
        let mut said = match (goal, &term.against) {
            (Goal::Number, None) => self.language.say(
                format!(
                    "{target} is {size} {} with each 1 more of {name}",
                    if up { "higher" } else { "lower" }
                ),
                format!(
                    "{name} 每增加 1，{target} {} {size}",
                    if up { "增加" } else { "减少" }
                ),
            ),
            (Goal::Number, Some(other)) => self.language.say(
                format!(
                    "{target} is {size} {} where {name} than where it is {other}",
                    if up { "higher" } else { "lower" }
                ),
                format!(
                    "{name} 时 {target} 比 {other} 时{} {size}",
                    if up { "高" } else { "低" }
                ),
            ),
            (Goal::Odds(_), None) => self.language.say(
                format!(
                    "{target} is {} likely with more of {name}",
                    if up { "more" } else { "less" }
                ),
                format!("{name} 越大，{target} 越{}可能", if up { "" } else { "不" }),
            ),
            (Goal::Odds(_), Some(other)) => self.language.say(
                format!(
                    "{target} is {} likely where {name} than where it is {other}",
                    if up { "more" } else { "less" }
                ),
                format!(
                    "{name} 时 {target} 比 {other} 时{}可能",
                    if up { "更" } else { "更不" }
                ),
            ),
        };
        if of.p.is_some_and(|p| p > 0.05) {
            said += &self.language.say(", which may be chance", "，可能出于偶然");
        }
        if of.vif.is_some_and(|vif| vif >= 10.0) {
            said += &self
                .language
                .say("; it goes together with other terms", "；与其他项高度相关");
        }
        said
    }
}

#[cfg(test)]
mod tests;
