//! `lumos_drivers`: in which segments a measure changed in another way than in the rest.

pub mod dimension;
pub mod metric;
pub mod segments;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use self::dimension::Dimension;
use self::metric::Metric;
use self::segments::{Cell, Search, Segment, Totals};
use super::cells;
use super::correlate::real;
use crate::exact_sum::ExactSum;
use crate::options::{OptionDef, OptionType, Options, shown};
use crate::program::{Database, Fold, FoldState, Program, Stopped, check};
use crate::series::words::{LANG, Language, number};
use crate::source::{Source, column};
use crate::sql::part;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "depth",
        ty: OptionType::Integer(1, 3),
        default: "3",
        doc: "the most dimensions of a segment",
    },
    OptionDef {
        name: "support",
        ty: OptionType::Number(0.0, " from 0 to 1"),
        default: "0.05",
        doc: "the least share of the control or of the test group that a segment must have",
    },
    OptionDef {
        name: "top",
        ty: OptionType::Integer(0, 1000),
        default: "20",
        doc: "how many segments",
    },
    OptionDef {
        name: "prune",
        ty: OptionType::Flag,
        default: "true",
        doc: "what a segment explains is left out when the next ones are ranked, and segments that say the same are dropped",
    },
    OptionDef {
        name: "bins",
        ty: OptionType::Integer(2, 20),
        default: "5",
        doc: "into how many parts of equally many rows a dimension of more than 10 different numbers is cut",
    },
    LANG,
];

/// The most dimensions, and the most different combinations of their values.
const MOST_DIMENSIONS: usize = 10;
const MOST_CELLS: usize = 500_000;

/// A row of the source in, a row for each segment out.
pub const FOLD: Fold = Fold::new::<Drivers>(
    "drivers",
    &[
        Param::new("dims", Type::Text),
        Param::optional("test", Type::Integer),
        Param::optional("metric", Type::Real),
        Param::optional("per", Type::Real),
    ],
    &[
        ("rank", Type::Integer),
        ("segment", Type::Json),
        ("control", Type::Real),
        ("test", Type::Real),
        ("difference", Type::Real),
        ("share", Type::Real),
        ("expected", Type::Real),
        ("unexpected", Type::Real),
        ("rate_effect", Type::Real),
        ("mix_effect", Type::Real),
        ("support", Type::Real),
        ("surprise", Type::Real),
        ("z", Type::Real),
        ("explanation", Type::Text),
    ],
);

/// Writes the program of a call with the arguments `source`, `metric`, `test`, `dims` and the options.
///
/// Errors if the metric is no sum or ratio of sums, if the test is no expression, if there are no dimensions, or as
/// [`Source::parse`].
pub fn program(
    [source, metric, test, dims]: [&str; 4],
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let dialect = database.dialect();
    let given = Options::parse(OPTIONS, options)?;
    if given.number("support").is_some_and(|share| share > 1.0) {
        return Err(given.wrong("support", "a number from 0 to 1"));
    }
    let source = Source::parse(source, dialect)?;
    let metric = Metric::read(metric, dialect)?;
    part::check(test, dialect).map_err(|why| {
        Error::new(format!(
            "test {} {why}; give a condition that is true for the rows of the test group, like day >= '2026-10-01'",
            shown(test)
        ))
    })?;
    let names: Option<Vec<String>> = serde_json::from_str(dims).ok();
    let is_dims = |names: &Vec<String>| {
        let mut different = names.clone();
        different.sort_unstable();
        different.dedup();
        (1..=MOST_DIMENSIONS).contains(&names.len()) && different.len() == names.len()
    };
    let Some(names) = names.filter(is_dims) else {
        return Err(Error::new(format!(
            "dims is {}; give 1 to {MOST_DIMENSIONS} columns, each once, like [\"region\", \"product\"]",
            shown(dims)
        )));
    };
    let columns: Vec<String> = names.iter().map(|name| column(name)).collect();
    let per = metric
        .per
        .as_deref()
        .map_or("CAST(NULL AS DOUBLE)".to_owned(), |per| {
            source.number(per, database)
        });
    let read = source.select(&[
        &cells::array_sql(&columns, dialect),
        &format!("CASE WHEN ({test}\n) THEN 1 WHEN NOT ({test}\n) THEN 0 END"),
        &source.number(&metric.value, database),
        &per,
    ]);
    let spec = serde_json::json!({
        "names": names,
        "ratio": metric.per.is_some(),
        "options": options.unwrap_or("{}"),
    });
    Ok(Program {
        read,
        parameters: Vec::new(),
        spec: spec.to_string(),
    })
}

/// What was measured where all dimensions have certain values: of the control and of the test group.
#[derive(Debug, Clone, Default)]
struct Measured {
    rows: [u64; 2],
    sums: [ExactSum; 2],
    per: [ExactSum; 2],
}

/// The rows so far.
#[derive(Clone)]
struct Drivers {
    names: Vec<String>,
    ratio: bool,
    search: Search,
    bins: usize,
    language: Language,
    cells: BTreeMap<Box<str>, Measured>,
}

fn broken() -> Error {
    Error::new("only the SQL of lumos_drivers calls it")
}

impl FoldState for Drivers {
    fn start(spec: &str) -> Result<Self> {
        let spec: Json = serde_json::from_str(spec).map_err(|_| broken())?;
        let options = Options::parse(OPTIONS, spec["options"].as_str())?;
        let count = |name: &str, default: usize| {
            let given = options.integer(name).map(usize::try_from);
            given.and_then(|n| n.ok()).unwrap_or(default)
        };
        let names = spec["names"].as_array().ok_or_else(broken)?.iter();
        Ok(Drivers {
            names: names.filter_map(Json::as_str).map(str::to_owned).collect(),
            ratio: spec["ratio"] == Json::Bool(true),
            search: Search {
                depth: count("depth", 3),
                support: options.number("support").unwrap_or(0.05),
                top: count("top", 20),
                prune: options.flag("prune").unwrap_or(true),
            },
            bins: count("bins", 5),
            language: Language::of(&options),
            cells: BTreeMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [ValueRef::Text(dims), test, metric, per] = row else {
            return Err(broken());
        };
        let group = match test {
            ValueRef::Integer(test) => usize::from(*test != 0),
            _ => return Ok(()),
        };
        // Looked up first: an entry would need a copy of the text for each row.
        if !self.cells.contains_key(*dims) {
            self.cells.insert((*dims).into(), Measured::default());
            self.check_size()?;
        }
        let Some(cell) = self.cells.get_mut(*dims) else {
            return Ok(());
        };
        cell.rows[group] += 1;
        for (sum, value) in [(&mut cell.sums, metric), (&mut cell.per, per)] {
            let value = match value {
                ValueRef::Real(value) => *value,
                ValueRef::Integer(value) => *value as f64,
                _ => continue,
            };
            if value.is_finite() {
                let added = sum[group].add(value);
                added.map_err(|_| {
                    Error::new(format!(
                        "metric has the value {value:e}, which is too large to add up"
                    ))
                })?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        for (dims, theirs) in &other.cells {
            let mine = self.cells.entry(dims.clone()).or_default();
            for i in 0..2 {
                mine.rows[i] += theirs.rows[i];
                mine.sums[i].merge(&theirs.sums[i]);
                mine.per[i].merge(&theirs.per[i]);
            }
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        self.finish_until(&|| false, emit)
    }

    fn finish_until(
        &self,
        stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        self.check_size()?;
        if self.cells.is_empty() {
            return Ok(());
        }
        let (dimensions, cells) = self.cube(stopped)?;
        let all = segments::total(&cells);
        emit(self.whole(&all))?;
        let rows = self.cells.values().fold([0, 0], |sum, cell| {
            [sum[0] + cell.rows[0], sum[1] + cell.rows[1]]
        });
        if rows.contains(&0) {
            return Ok(());
        }
        let sizes: Vec<usize> = dimensions.iter().map(Dimension::size).collect();
        let found = segments::rank(&cells, &sizes, self.search, stopped)?;
        for (segment, rank) in found.iter().zip(1..) {
            emit(self.segment(rank, segment, &all, &dimensions))?;
        }
        Ok(())
    }
}

impl Drivers {
    fn check_size(&self) -> Result<()> {
        if self.cells.len() <= MOST_CELLS {
            return Ok(());
        }
        Err(Error::new(format!(
            "the dimensions have more than {MOST_CELLS} different combinations; name fewer, or coarser ones, like the month of a day"
        )))
    }

    /// The dimensions with their values, and the cells, in the order of their values.
    fn cube(&self, stopped: Stopped<'_>) -> Result<(Vec<Dimension>, Vec<Cell>)> {
        let mut known = Vec::new();
        for (dims, measured) in &self.cells {
            let values = cells::array(dims)?;
            if values.len() != self.names.len() {
                return Err(broken());
            }
            let sums = |sums: &[ExactSum; 2]| [0, 1].map(|i| sums[i].value().unwrap_or(0.0));
            let (sums, per) = (sums(&measured.sums), sums(&measured.per));
            let of = if self.ratio { per } else { sums };
            known.push((values, measured.rows, of[0].abs() + of[1].abs(), measured));
        }
        let mut dimensions = Vec::new();
        for place in 0..self.names.len() {
            check(stopped)?;
            let values = known
                .iter()
                .map(|(values, rows, weight, _)| (&values[place], rows[0] + rows[1], *weight));
            dimensions.push(Dimension::new(values, self.bins));
        }
        // Cells that are one after cutting are added exactly.
        let mut cube: BTreeMap<Vec<usize>, Measured> = BTreeMap::new();
        for (values, _, _, measured) in &known {
            let places = values.iter().zip(&dimensions).map(|(v, of)| of.place(v));
            let cell = cube.entry(places.collect()).or_default();
            for i in 0..2 {
                cell.sums[i].merge(&measured.sums[i]);
                cell.per[i].merge(&measured.per[i]);
            }
        }
        let cells = cube.into_iter().map(|(values, cell)| {
            let sums = |sums: &[ExactSum; 2]| [0, 1].map(|i| sums[i].value().unwrap_or(0.0));
            Cell {
                values,
                sums: sums(&cell.sums),
                per: self.ratio.then(|| sums(&cell.per)),
            }
        });
        Ok((dimensions, cells.collect()))
    }

    /// What is measured of both groups; `None` where a ratio divides by nothing.
    fn measure(&self, totals: &Totals) -> [Option<f64>; 2] {
        [0, 1].map(|i| {
            if self.ratio {
                divided(totals.sums[i], totals.per[i])
            } else {
                Some(totals.sums[i])
            }
        })
    }

    /// The row of everything.
    fn whole(&self, all: &Totals) -> Vec<Value> {
        let [control, test] = self.measure(all);
        let difference = control.zip(test).map(|(was, is)| is - was);
        let explanation = match (control, test, difference) {
            (Some(was), Some(is), Some(by)) => {
                let (was, is, by) = (number(was), number(is), number(by));
                Some(self.language.say(
                    format!("in all {was} became {is}, a difference of {by}"),
                    format!("总体由 {was} 变为 {is}，差额 {by}"),
                ))
            }
            _ => None,
        };
        let mut row = vec![
            Value::Integer(0),
            Value::Text("{}".into()),
            real(control),
            real(test),
            real(difference),
            real(difference.filter(|by| *by != 0.0).map(|_| 1.0)),
        ];
        row.extend([Value::Null, Value::Null, Value::Null, Value::Null]);
        row.extend([Value::Real(1.0), Value::Null, Value::Null]);
        row.push(explanation.map_or(Value::Null, Value::Text));
        row
    }

    fn segment(
        &self,
        rank: i64,
        segment: &Segment,
        all: &Totals,
        dimensions: &[Dimension],
    ) -> Vec<Value> {
        let of = &segment.totals;
        let [control, test] = self.measure(of);
        let difference = control.zip(test).map(|(was, is)| is - was);
        let expected = control.map(|was| was * segment.factor);
        let unexpected = expected.zip(test).map(|(was, is)| is - was);
        let (rate, mix) = if self.ratio {
            self.effects(of, all)
        } else {
            (None, None)
        };
        let [before, after] = self.measure(all);
        let change = before.zip(after).map(|(was, is)| is - was);
        let part = if self.ratio {
            rate.zip(mix).map(|(rate, mix)| rate + mix)
        } else {
            difference
        };
        let share = part.zip(change).and_then(|(part, all)| divided(part, all));
        let named: Vec<(&str, Json)> = segment
            .values
            .iter()
            .map(|(d, value)| (self.names[*d].as_str(), dimensions[*d].json(*value)))
            .collect();
        // In the order of the dimensions, which a map would not keep.
        let members = named
            .iter()
            .map(|(name, value)| format!("{}:{value}", Json::from(*name)));
        let members: Vec<String> = members.collect();
        let shown = segment.values.iter().map(|(d, value)| {
            format!(
                "{} = {}",
                self.names[*d],
                dimensions[*d].shown(*value, self.language)
            )
        });
        let shown: Vec<String> = shown.collect();
        let shown = shown.join(&self.language.say(" and ", "、"));
        let explanation = self.explain(&shown, [control, test, expected], share);
        vec![
            Value::Integer(rank),
            Value::Text(format!("{{{}}}", members.join(","))),
            real(control),
            real(test),
            real(difference),
            real(share),
            real(expected),
            real(unexpected),
            real(rate),
            real(mix),
            Value::Real(segment.support),
            real(surprise(of, all)),
            real(segment.z),
            Value::Text(explanation),
        ]
    }

    /// How much of the change of a ratio comes of the segment's own ratio, and how much of its weight.
    fn effects(&self, of: &Totals, all: &Totals) -> (Option<f64>, Option<f64>) {
        let ratio = |totals: &Totals, i: usize| divided(totals.sums[i], totals.per[i]);
        let weight = |i: usize| divided(of.per[i], all.per[i]);
        let (Some(w0), Some(w1), Some(whole)) = (weight(0), weight(1), ratio(all, 0)) else {
            return (None, None);
        };
        // A segment that is new or gone has no ratio of its own there: all of it is weight.
        let (r0, r1) = match (ratio(of, 0), ratio(of, 1)) {
            (Some(r0), Some(r1)) => (r0, r1),
            (Some(r), None) | (None, Some(r)) => (r, r),
            (None, None) => return (None, None),
        };
        (Some(w1 * (r1 - r0)), Some((w1 - w0) * (r0 - whole)))
    }

    fn explain(
        &self,
        segment: &str,
        [control, test, expected]: [Option<f64>; 3],
        share: Option<f64>,
    ) -> String {
        let shown =
            |value: Option<f64>| value.map_or_else(|| self.language.say("nothing", "无"), number);
        let (was, is) = (shown(control), shown(test));
        let mut said = self.language.say(
            format!("{segment}: {was} became {is}"),
            format!("{segment}：由 {was} 变为 {is}"),
        );
        if let Some(expected) = expected {
            let expected = number(expected);
            said += &self.language.say(
                format!(", where the rest lets expect {expected}"),
                format!("，按其余部分预期为 {expected}"),
            );
        }
        if let Some(share) = share {
            let percent = number(share * 100.0);
            said += &self.language.say(
                format!("; it accounts for {percent} % of the difference"),
                format!("；贡献了差额的 {percent}%"),
            );
        }
        said
    }
}

fn divided(above: f64, below: f64) -> Option<f64> {
    (below != 0.0)
        .then(|| above / below)
        .filter(|r| r.is_finite())
}

/// How much the segment's share of everything changed, by the divergence of Jensen and Shannon, as Adtributor has it.
fn surprise(of: &Totals, all: &Totals) -> Option<f64> {
    let share = |i: usize| divided(of.sums[i], all.sums[i]).filter(|share| *share >= 0.0);
    let (p, q) = (share(0)?, share(1)?);
    let part = |share: f64| {
        if share > 0.0 {
            share * libm::log(2.0 * share / (p + q))
        } else {
            0.0
        }
    };
    Some(0.5 * (part(p) + part(q)))
}

#[cfg(test)]
mod tests;
