//! Value at risk and expected shortfall of outcomes.

use serde_json::json;

use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Fold, FoldState};
use crate::series::words::{LANG, Language};
use crate::stats::distribution::Distribution;
use crate::stats::sample::Sample;
use crate::stats::special::{normal_density, normal_quantile};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options of `lumos_risk`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "level",
        ty: OptionType::Number(0.0, " above 0 and below 1"),
        default: "0.95",
        doc: "the share of outcomes whose loss is at most `var`",
    },
    OptionDef {
        name: "loss",
        ty: OptionType::OneOf(&["low", "high"]),
        default: "\"low\"",
        doc: "which outcomes are losses: low ones, as of profits, or high ones, as of costs",
    },
    OptionDef {
        name: "method",
        ty: OptionType::OneOf(&["historical", "normal", "cornish-fisher"]),
        default: "\"historical\"",
        doc: "by the outcomes themselves, or by a normal distribution of their mean and deviation, or by one that is corrected for their skewness and kurtosis",
    },
    LANG,
];

/// Of `lumos_risk`.
pub const RISK: Fold = Fold::new::<Risk>(
    "risk",
    &[
        Param::optional("x", Type::Real),
        Param::optional("options", Type::Json),
    ],
    &[("risk", Type::Json)],
);
/// Of `lumos_var`.
pub const VAR: Fold = Fold::new::<Level<false>>("var", LEVELED, &[("var", Type::Real)]);
/// Of `lumos_cvar`.
pub const CVAR: Fold = Fold::new::<Level<true>>("cvar", LEVELED, &[("cvar", Type::Real)]);
const LEVELED: &[Param] = &[
    Param::optional("x", Type::Real),
    Param::optional("level", Type::Real),
];

fn level(level: f64) -> Result<f64> {
    if level > 0.0 && level < 1.0 {
        Ok(level)
    } else {
        Err(Error::new(format!(
            "level is {level}; give a number above 0 and below 1, like 0.95"
        )))
    }
}

/// The outcomes of a group.
#[derive(Clone, Default)]
struct Outcomes {
    values: Vec<f64>,
    /// How many are NULL or no finite number.
    left_out: usize,
}

impl Outcomes {
    fn take(&mut self, value: ValueRef<'_>) {
        match value {
            // Without a sign of zero, which would sort apart.
            ValueRef::Real(v) if v.is_finite() => self.values.push(v + 0.0),
            ValueRef::Integer(v) => self.values.push(v as f64),
            _ => self.left_out += 1,
        }
    }

    fn merge(&mut self, other: &Outcomes) {
        self.values.extend_from_slice(&other.values);
        self.left_out += other.left_out;
    }

    /// As losses, the smallest first, so that sums do not depend on the order of the rows.
    fn losses(&self, low: bool) -> Losses {
        let sign = if low { -1.0 } else { 1.0 };
        Losses(Sample::new(
            self.values.iter().map(|v| sign * v + 0.0).collect(),
        ))
    }
}

/// Losses in ascending order.
struct Losses(Sample);

impl Losses {
    /// Whether there are enough for a statement on the losses beyond this level.
    fn reach(&self, level: f64) -> bool {
        self.0.sorted().len() as f64 * (1.0 - level) >= 1.0 - 1e-9
    }

    /// The smallest loss that a share of `level` does not exceed.
    fn var(&self, level: f64) -> Option<f64> {
        let n = self.0.sorted().len();
        let mut rank = ((level * n as f64) as usize + 1).min(n);
        while rank > 1 && (rank - 1) as f64 / n as f64 >= level {
            rank -= 1;
        }
        self.0.sorted().get(rank.checked_sub(1)?).copied()
    }

    /// The mean of the losses beyond this level: after Rockafellar and Uryasev, so that ties count by their share.
    fn cvar(&self, level: f64) -> Option<f64> {
        let var = self.var(level)?;
        let beyond = self.0.sorted().iter().map(|loss| (loss - var).max(0.0));
        Some(var + beyond.sum::<f64>() / self.0.sorted().len() as f64 / (1.0 - level))
    }

    /// Between which losses the value at risk is, in 95 of 100 samples.
    fn between(&self, level: f64) -> [Option<f64>; 2] {
        let n = self.0.sorted().len() as f64;
        let rank = |share: f64| Distribution::Binomial(n, level).quantile(share) as usize;
        let at = |rank: usize| self.0.sorted().get(rank.checked_sub(1)?).copied();
        [at(rank(0.025)), at(rank(0.975) + 1)]
    }
}

/// See [`RISK`].
#[derive(Clone)]
struct Risk {
    outcomes: Outcomes,
    asked: Option<(String, Asked)>,
}

#[derive(Clone)]
struct Asked {
    level: f64,
    low: bool,
    method: Method,
    language: Language,
}

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Historical,
    Normal,
    CornishFisher,
}

impl Asked {
    fn read(text: &str) -> Result<Asked> {
        let given = (!text.is_empty()).then_some(text);
        let options = Options::parse(OPTIONS, given)?;
        Ok(Asked {
            level: level(options.number("level").unwrap_or(0.95))?,
            low: options.text("loss") != Some("high"),
            method: match options.text("method") {
                Some("normal") => Method::Normal,
                Some("cornish-fisher") => Method::CornishFisher,
                _ => Method::Historical,
            },
            language: Language::of(&options),
        })
    }
}

impl FoldState for Risk {
    fn start(_: &str) -> Result<Self> {
        Ok(Risk {
            outcomes: Outcomes::default(),
            asked: None,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let text = match row.get(1) {
            Some(ValueRef::Text(text)) => *text,
            _ => "",
        };
        match &self.asked {
            None => self.asked = Some((text.to_owned(), Asked::read(text)?)),
            Some((first, _)) if first == text => {}
            Some(_) => {
                return Err(Error::new(
                    "options are not the same in all rows of a group; GROUP BY them",
                ));
            }
        }
        self.outcomes
            .take(row.first().copied().unwrap_or(ValueRef::Null));
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        if self.asked.is_none() {
            self.asked.clone_from(&other.asked);
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let Some((_, asked)) = &self.asked else {
            return Ok(());
        };
        let n = self.outcomes.values.len();
        if n == 0 {
            return emit(vec![Value::Null]);
        }
        let losses = self.outcomes.losses(asked.low);
        let [mean, sd, skew, kurtosis] = losses.0.moments();
        let level = asked.level;
        let z = normal_quantile(level);
        let tail = normal_density(z) / (1.0 - level);
        let reaches = losses.reach(level);
        let (var, cvar, between) = match asked.method {
            Method::Historical if reaches => {
                (losses.var(level), losses.cvar(level), losses.between(level))
            }
            Method::Historical => (None, None, [None, None]),
            Method::Normal if n > 1 => (Some(mean + sd * z), Some(mean + sd * tail), [None; 2]),
            Method::CornishFisher if n > 1 => {
                let square = z * z - 1.0;
                let moved = z + square * skew / 6.0 + (z * z - 3.0) * z * kurtosis / 24.0
                    - (2.0 * z * z - 5.0) * z * skew * skew / 36.0;
                let beyond = 1.0 + z * skew / 6.0 + square * kurtosis / 24.0
                    - (2.0 * square + 1.0) * skew * skew / 36.0;
                (
                    Some(mean + sd * moved),
                    Some(mean + sd * tail * beyond),
                    [None; 2],
                )
            }
            _ => (None, None, [None; 2]),
        };
        let below = losses.0.sorted().partition_point(|loss| *loss <= 0.0);
        let sign = if asked.low { -1.0 } else { 1.0 };
        let language = asked.language;
        let mut notes = Vec::new();
        if var.is_none() {
            notes.push(language.say(
                format!("{n} outcomes are too few for level {level}"),
                format!("{n} 个结果不足以判断水平 {level}"),
            ));
        }
        if self.outcomes.left_out > 0 {
            let left_out = self.outcomes.left_out;
            notes.push(language.say(
                format!("left out {left_out} that are NULL or no finite number"),
                format!("略去 {left_out} 个空值或非有限数"),
            ));
        }
        let risk = json!({
            "n": n,
            "mean": sign * mean + 0.0,
            "sd": (n > 1).then_some(sd),
            "level": level,
            "var": var,
            "var_lo": between[0],
            "var_hi": between[1],
            "cvar": cvar,
            "p_loss": (n - below) as f64 / n as f64,
            "worst": losses.0.sorted().last(),
            "note": language.join(&notes),
        });
        emit(vec![Value::Text(risk.to_string())])
    }
}

/// See [`VAR`] and [`CVAR`].
#[derive(Clone)]
struct Level<const BEYOND: bool> {
    outcomes: Outcomes,
    level: Option<f64>,
}

impl<const BEYOND: bool> FoldState for Level<BEYOND> {
    fn start(_: &str) -> Result<Self> {
        Ok(Level {
            outcomes: Outcomes::default(),
            level: None,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let given = match row.get(1) {
            Some(ValueRef::Real(given)) => *given,
            _ => 0.95,
        };
        match self.level {
            None => self.level = Some(level(given)?),
            Some(first) if first == given => {}
            Some(_) => {
                return Err(Error::new(
                    "level is not the same in all rows of a group; GROUP BY it",
                ));
            }
        }
        self.outcomes
            .take(row.first().copied().unwrap_or(ValueRef::Null));
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        self.level = self.level.or(other.level);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let Some(level) = self.level else {
            return Ok(());
        };
        let losses = self.outcomes.losses(true);
        let found = match losses.reach(level) {
            true if BEYOND => losses.cvar(level),
            true => losses.var(level),
            false => None,
        };
        emit(vec![found.map_or(Value::Null, Value::Real)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 20] = [
        3.0, -1.0, 4.0, -1.0, 5.0, -9.0, 2.0, -6.0, 5.0, 3.0, -5.0, 8.0, 9.0, -7.0, 9.0, 3.0, 2.0,
        -3.0, 8.0, -4.0,
    ];

    fn fold(fold: &Fold, values: &[f64], second: ValueRef<'_>) -> Result<Value> {
        // Three threads, of which one sees no row.
        let mut states = [fold.start("")?, fold.start("")?, fold.start("")?];
        for (i, value) in values.iter().enumerate() {
            states[i % 2].row(&[ValueRef::Real(*value), second])?;
        }
        let [mut all, one, none] = states;
        all.merge(&*none)?;
        all.merge(&*one)?;
        let mut found = Value::Null;
        all.finish(&mut |row| {
            found = row[0].clone();
            Ok(())
        })?;
        Ok(found)
    }

    fn risk(values: &[f64], options: &str) -> serde_json::Value {
        match fold(&RISK, values, ValueRef::Text(options)).unwrap() {
            Value::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn near(found: &serde_json::Value, known: f64) {
        assert!(
            (found.as_f64().unwrap() - known).abs() < 1e-12,
            "{found} {known}"
        );
    }

    /// By hand and by NumPy.
    #[test]
    fn losses_are_known() {
        let found = risk(&X, "{}");
        for (field, known) in [
            ("mean", 1.25),
            ("sd", 5.5143353848711545),
            ("var", 7.0),
            ("cvar", 9.0),
            ("p_loss", 0.4),
            ("worst", 9.0),
        ] {
            near(&found[field], known);
        }
        assert!(found["note"].is_null());
        let half = risk(&X, r#"{"level": 0.5}"#);
        for (field, known) in [
            ("var", -3.0),
            ("cvar", 3.2),
            ("var_lo", -5.0),
            ("var_hi", 3.0),
        ] {
            near(&half[field], known);
        }
        let high: Vec<f64> = X.iter().map(|x| -x).collect();
        let turned = risk(&high, r#"{"loss": "high"}"#);
        assert_eq!(
            (&turned["var"], &turned["cvar"]),
            (&found["var"], &found["cvar"])
        );
        near(&turned["mean"], -1.25);
        let normal = risk(&X, r#"{"method": "normal"}"#);
        near(&normal["var"], 7.82027455803216);
        near(&normal["cvar"], 10.124490223265129);
        let corrected = risk(&X, r#"{"method": "cornish-fisher"}"#);
        near(&corrected["var"], 8.340490348925927);
        assert!((corrected["cvar"].as_f64().unwrap() - 10.02030775523122).abs() < 1e-7);
    }

    #[test]
    fn odd_groups_have_an_answer() {
        let one = risk(&[5.0], "{}");
        assert!(one["var"].is_null() && one["sd"].is_null());
        assert_eq!(one["note"], "1 outcomes are too few for level 0.95");
        let equal = risk(&[-2.0; 40], "{}");
        assert_eq!(
            (&equal["var"], &equal["cvar"], &equal["sd"]),
            (&json!(2.0), &json!(2.0), &json!(0.0))
        );
        let odd = risk(
            &[f64::NAN, f64::INFINITY, 1e308, -1e308, 0.0],
            r#"{"level": 0.5, "lang": "zh"}"#,
        );
        assert_eq!(odd["n"], 3);
        assert_eq!(odd["note"], "略去 2 个空值或非有限数");
        assert!(odd["sd"].is_f64());
        assert_eq!(
            fold(&RISK, &[f64::NAN], ValueRef::Null).unwrap(),
            Value::Null
        );
        assert_eq!(fold(&RISK, &[], ValueRef::Null).unwrap(), Value::Null);
        let few = fold(&VAR, &X[..9], ValueRef::Real(0.9)).unwrap();
        assert_eq!(few, Value::Null);
        let ten = fold(&VAR, &X[..10], ValueRef::Real(0.9)).unwrap();
        assert_eq!(ten, Value::Real(6.0));
        assert_eq!(
            fold(&CVAR, &X, ValueRef::Real(0.5)).unwrap(),
            Value::Real(3.2)
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for given in [0.0, 1.0, 1.5, f64::NAN] {
            let found = fold(&VAR, &X, ValueRef::Real(given))
                .unwrap_err()
                .to_string();
            assert!(
                found.ends_with("give a number above 0 and below 1, like 0.95"),
                "{found}"
            );
        }
        let mut state = CVAR.start("").unwrap();
        state.row(&[ValueRef::Null, ValueRef::Real(0.9)]).unwrap();
        assert!(state.row(&[ValueRef::Null, ValueRef::Real(0.8)]).is_err());
        let mut state = RISK.start("").unwrap();
        state.row(&[ValueRef::Null, ValueRef::Null]).unwrap();
        assert!(state.row(&[ValueRef::Null, ValueRef::Text("{}")]).is_err());
        assert!(
            RISK.start("")
                .unwrap()
                .row(&[ValueRef::Null, ValueRef::Text(r#"{"a": 1}"#)])
                .is_err()
        );
    }
}
