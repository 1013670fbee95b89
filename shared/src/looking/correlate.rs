//! `lumos_correlate`: which columns go together.

use super::association::{self, Found, Prepared, Products, adjusted, parts};
use super::scan::{self, COLUMNS, INPUT, Look, MAX_ROWS, Scan, most_rows};
use super::table::{Table, Values};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program, Stopped, check};
use crate::series::source::Emit;
use crate::series::words::{LANG, Language};
use crate::source::{self, Source};
use crate::{Result, Type, Value};

/// See [`CORRELATE_OPTIONS`].
pub const BINS: OptionDef = OptionDef {
    name: "bins",
    ty: OptionType::Integer(2, 256),
    default: "32",
    doc: "into how many parts of equally many rows numbers are cut at most, for mutual information",
};

/// See [`CORRELATE_OPTIONS`].
pub const ADJUST: OptionDef = OptionDef {
    name: "adjust",
    ty: OptionType::OneOf(&["bh", "none"]),
    default: "\"bh\"",
    doc: "how `q` is made of `p`: by Benjamini and Hochberg over all rows of the answer, or not at all",
};

/// The options of `lumos_correlate`.
pub const CORRELATE_OPTIONS: &[OptionDef] = &[
    COLUMNS,
    OptionDef {
        name: "measure",
        ty: OptionType::OneOf(&[
            "auto",
            "pearson",
            "spearman",
            "cramers_v",
            "eta",
            "information",
        ]),
        default: "\"auto\"",
        doc: "the measure: `auto` has pearson and spearman for two columns of numbers, cramers_v for two of texts, eta for one of each; information for any two",
    },
    BINS,
    ADJUST,
    MAX_ROWS,
    LANG,
];

/// Of `lumos_correlate`.
pub const CORRELATE: Fold = Fold::new::<Scan<Correlate>>(
    "correlate",
    INPUT,
    &[
        ("a", Type::Text),
        ("b", Type::Text),
        ("measure", Type::Text),
        ("value", Type::Real),
        ("strength", Type::Real),
        ("p", Type::Real),
        ("q", Type::Real),
        ("n", Type::Integer),
        ("note", Type::Text),
    ],
)
.wide();

/// Texts of more kinds are not compared: each is nearly its own.
const MOST_TEXTS: usize = 1_000;
/// So few rows prove little.
pub const FEW: usize = 30;

/// What `lumos_correlate` runs. Errors if the source or an option is none.
pub fn correlate(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(CORRELATE_OPTIONS, options)?;
    let source = Source::parse(text, database.dialect())?;
    let only = source::names(&given, COLUMNS.name)?;
    scan::program(&source, only, options.unwrap_or("{}"), database)
}

/// A column made ready to be compared.
pub enum Ready<'a> {
    /// Numbers, and times as numbers.
    Numbers(Prepared<'a>),
    /// Texts by the places of their labels.
    Texts(&'a [u32]),
    /// Neither; why.
    Left(Left),
}

/// Why a column is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Left {
    /// It has no value, or lists and structs.
    Nothing,
    /// More than [`MOST_TEXTS`] different texts.
    ManyTexts,
}

impl Left {
    /// As a sentence.
    pub fn say(self, language: Language) -> String {
        match self {
            Left::Nothing => language.say(
                "left out: it has neither numbers nor texts",
                "已略去：既无数值也无文本",
            ),
            Left::ManyTexts => language.say(
                format!("left out: it has more than {MOST_TEXTS} different texts"),
                format!("已略去：不同文本超过 {MOST_TEXTS} 个"),
            ),
        }
    }
}

impl<'a> Ready<'a> {
    /// Sorts its numbers.
    pub fn new(values: &'a Values) -> Ready<'a> {
        match values {
            Values::Numbers(values) | Values::Times(values) => {
                Ready::Numbers(Prepared::new(values))
            }
            Values::Texts(_, labels) if labels.len() > MOST_TEXTS => Ready::Left(Left::ManyTexts),
            Values::Texts(codes, _) => Ready::Texts(codes),
            Values::Nothing => Ready::Left(Left::Nothing),
        }
    }

    /// As categories.
    pub fn categories(&self, bins: usize) -> Vec<u32> {
        match self {
            Ready::Numbers(numbers) => parts(numbers, bins),
            Ready::Texts(codes) => codes.to_vec(),
            Ready::Left(_) => Vec::new(),
        }
    }
}

/// The measures of two columns that fit their types; of these only `wanted`, or all for `auto`. `product` knows the sum of the
/// products of both, or of their ranks, or does not.
pub fn measures(
    a: &Ready<'_>,
    b: &Ready<'_>,
    wanted: &str,
    product: &dyn Fn(bool) -> Option<f64>,
) -> Vec<(&'static str, Found)> {
    let fitting: &[&'static str] = match (a, b) {
        (Ready::Numbers(_), Ready::Numbers(_)) => &["pearson", "spearman"],
        (Ready::Texts(_), Ready::Texts(_)) => &["cramers_v"],
        (Ready::Left(_), _) | (_, Ready::Left(_)) => &[],
        _ => &["eta"],
    };
    let wanted = fitting
        .iter()
        .filter(|of| wanted == "auto" || wanted == **of);
    let found = wanted.filter_map(|measure| {
        let found = match (a, b) {
            (Ready::Numbers(a), Ready::Numbers(b)) => {
                let ranked = *measure == "spearman";
                a.correlation_by(b, ranked, product(ranked))
            }
            (Ready::Texts(a), Ready::Texts(b)) => association::cramers_v(a, b),
            (Ready::Texts(texts), Ready::Numbers(numbers))
            | (Ready::Numbers(numbers), Ready::Texts(texts)) => {
                association::correlation_ratio(texts, numbers.values())
            }
            (Ready::Left(_), _) | (_, Ready::Left(_)) => return None,
        };
        Some((*measure, found))
    });
    found.collect()
}

/// A number, if there is a finite one.
pub fn real(value: Option<f64>) -> Value {
    value
        .filter(|v| v.is_finite())
        .map_or(Value::Null, |v| Value::Real(v + 0.0))
}

/// A text, if there is one.
pub fn text(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}

/// The option [`BINS`].
pub fn bins(options: &Options) -> usize {
    let given = options.integer("bins").map(usize::try_from);
    given.and_then(|n| n.ok()).unwrap_or(32)
}

#[derive(Clone)]
struct Correlate {
    measure: String,
    bins: usize,
    adjust: bool,
    max_rows: usize,
    language: Language,
}

struct Pair {
    a: String,
    b: String,
    measure: &'static str,
    found: Found,
}

impl Look for Correlate {
    fn start(spec: &str) -> Result<Self> {
        let options = Options::parse(CORRELATE_OPTIONS, Some(spec))?;
        Ok(Correlate {
            measure: options.text("measure").unwrap_or("auto").to_owned(),
            bins: bins(&options),
            adjust: options.text("adjust") != Some("none"),
            max_rows: most_rows(&options),
            language: Language::of(&options),
        })
    }

    fn most_rows(&self) -> usize {
        self.max_rows
    }

    fn tell(&self, table: &Table, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        let mut ready = Vec::new();
        for column in &table.columns {
            check(stopped)?;
            ready.push(Ready::new(&column.values));
        }
        let mut pairs = Vec::new();
        let mut cut: Vec<Vec<u32>> = Vec::new();
        if self.measure == "information" {
            for of in &ready {
                check(stopped)?;
                cut.push(of.categories(self.bins));
            }
        }
        let products = self.products(&ready, stopped)?;
        for (i, a) in ready.iter().enumerate() {
            for (j, b) in ready.iter().enumerate().skip(i + 1) {
                check(stopped)?;
                let left = matches!(a, Ready::Left(_)) || matches!(b, Ready::Left(_));
                let found = match (cut.get(i), cut.get(j)) {
                    (Some(a), Some(b)) if !left => {
                        vec![("information", association::information(a, b))]
                    }
                    _ => {
                        let product = |ranked| products[usize::from(ranked)].as_ref()?.of(i, j);
                        measures(a, b, &self.measure, &product)
                    }
                };
                for (measure, found) in found {
                    pairs.push(Pair {
                        a: table.columns[i].name.clone(),
                        b: table.columns[j].name.clone(),
                        measure,
                        found,
                    });
                }
            }
        }
        let p: Vec<Option<f64>> = pairs.iter().map(|pair| pair.found.p).collect();
        let q = if self.adjust { adjusted(&p) } else { p };
        let mut order: Vec<(Pair, Option<f64>)> = pairs.into_iter().zip(q).collect();
        let strength = |pair: &Pair| pair.found.value.map_or(-1.0, f64::abs);
        order.sort_by(|(x, _), (y, _)| {
            let names = |pair: &Pair| (pair.a.clone(), pair.b.clone(), pair.measure);
            strength(y)
                .total_cmp(&strength(x))
                .then_with(|| names(x).cmp(&names(y)))
        });
        for (pair, q) in &order {
            let note = self.note(pair.found);
            emit(vec![
                Value::Text(pair.a.clone()),
                Value::Text(pair.b.clone()),
                Value::Text(pair.measure.into()),
                real(pair.found.value),
                real(pair.found.value.map(f64::abs)),
                real(pair.found.p),
                real(*q),
                Value::Integer(pair.found.n as i64),
                text(note),
            ])?;
        }
        for (column, ready) in table.columns.iter().zip(&ready) {
            if let Ready::Left(why) = ready {
                let mut row = vec![Value::Text(column.name.clone())];
                row.extend((0..6).map(|_| Value::Null));
                row.extend([
                    Value::Integer(table.rows as i64),
                    Value::Text(why.say(self.language)),
                ]);
                emit(row)?;
            }
        }
        Ok(())
    }
}

impl Correlate {
    /// Of numbers as given and of their ranks, as far as they are asked for.
    fn products(&self, ready: &[Ready<'_>], stopped: Stopped<'_>) -> Result<[Option<Products>; 2]> {
        let numbers = ready.iter().map(|of| match of {
            Ready::Numbers(numbers) => Some(numbers),
            _ => None,
        });
        let numbers: Vec<Option<&Prepared<'_>>> = numbers.collect();
        let of = |measure: &str, ranked: bool| {
            let wanted = ["auto", measure].contains(&self.measure.as_str());
            let products = wanted.then(|| Products::new(&numbers, ranked, stopped));
            products.transpose()
        };
        Ok([of("pearson", false)?, of("spearman", true)?])
    }

    fn note(&self, found: Found) -> Option<String> {
        let say = |english: &str, chinese: &str| Some(self.language.say(english, chinese));
        match found.value.map(f64::abs) {
            None if found.n == 0 => say("no row has both", "没有两列同时有值的行"),
            None => say("one of both is constant", "其中一列为常数"),
            Some(1.0) => say("one is a function of the other", "两列互为函数"),
            Some(strength) if strength >= 0.99 => {
                say("one is nearly a function of the other", "两列几乎互为函数")
            }
            Some(_) if found.n < FEW => {
                let rows = self.language.rows(found.n);
                Some(
                    self.language
                        .say(format!("of {rows} only"), format!("仅 {rows}")),
                )
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
