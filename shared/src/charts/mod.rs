//! Pictures of the rows of any query: which suit them, and each as Vega-Lite or as SVG.
//!
//! A fold takes each row as the text of a JSON object, whatever its columns are ([`rows`]), and looks at the columns once
//! all are there ([`table`]). [`suggest`] says which pictures suit them, [`plot`] puts many rows together to the few values
//! of one, and [`vega`] and [`svg`] write it.

use crate::objects;
use crate::program::{Database, Fold, FoldState, Program};
use crate::source::Source;
use crate::{Error, Param, Result, Type, Value, ValueRef};

pub mod ask;
pub mod plot;
pub mod reduce;
pub mod rows;
pub mod scale;
pub mod suggest;
pub mod svg;
pub mod table;
pub mod text;
pub mod theme;
pub mod vega;

use ask::Ask;
use plot::{Plot, plot};
use rows::Kept;
use suggest::suggest;
use table::Table;
use theme::Theme;

const INPUT: &[Param] = &[Param::optional("row", Type::Text)];

/// The pictures that suit the rows.
pub const SUGGEST: Fold = Fold::new::<Drawn<Suggested>>(
    "chart_suggest",
    INPUT,
    &[
        ("rank", Type::Integer),
        ("kind", Type::Text),
        ("encoding", Type::Json),
        ("score", Type::Real),
        ("reason", Type::Text),
        ("spec", Type::Json),
    ],
);

/// A picture as Vega-Lite.
pub const CHART: Fold = Fold::new::<Drawn<Spec>>("chart", INPUT, &[("chart", Type::Json)]);

/// A picture as SVG.
pub const SVG: Fold = Fold::new::<Drawn<Svg>>("chart_svg", INPUT, &[("chart", Type::Text)]);

/// Writes the program of each: a SELECT of the rows as objects.
///
/// Errors if the source is neither a table nor a query, or if an option is wrong.
pub fn program(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    Ask::parse(options)?;
    let source = Source::parse(text, database.dialect())?;
    Ok(Program {
        read: objects::select(&source, database)?,
        parameters: Vec::new(),
        spec: options.unwrap_or("{}").to_owned(),
    })
}

/// What is made of the rows.
trait Output: Clone + Send + 'static {
    /// Gives the rows of the answer.
    fn write(
        table: &Table,
        ask: &Ask,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()>;
}

/// The state of the folds.
#[derive(Clone)]
struct Drawn<O> {
    ask: Ask,
    kept: Kept,
    output: std::marker::PhantomData<O>,
}

impl<O: Output> FoldState for Drawn<O> {
    fn start(spec: &str) -> Result<Self> {
        Ok(Drawn {
            ask: Ask::parse(Some(spec))?,
            kept: Kept::default(),
            output: std::marker::PhantomData,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        match row {
            [ValueRef::Text(row)] => self.kept.add(row),
            _ => Err(Error::new(
                "a row is no JSON object; only the SQL of a function calls it",
            )),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.kept.merge(&other.kept);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        O::write(&Table::of(&self.kept), &self.ask, emit)
    }
}

#[derive(Clone)]
struct Suggested;

impl Output for Suggested {
    fn write(
        table: &Table,
        ask: &Ask,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let name = |i: &usize| table.columns.get(*i).map(|c| c.name.clone());
        for (rank, design) in suggest(table, ask)?.iter().enumerate() {
            let y: Vec<String> = design.measures.iter().filter_map(name).collect();
            let encoding = serde_json::json!({
                "x": design.x.as_ref().and_then(name),
                "y": match y.as_slice() {
                    [] => serde_json::Value::Null,
                    [one] => one.as_str().into(),
                    several => several.into(),
                },
                "color": design.color.as_ref().and_then(name),
            });
            let spec = vega::spec(&plot(table, Some(design), ask), theme(ask));
            let (english, chinese) = design.reason;
            emit(vec![
                Value::Integer(rank as i64 + 1),
                Value::Text(design.form.name().into()),
                Value::Text(encoding.to_string()),
                Value::Real((design.score * 1000.0).round() / 1000.0),
                Value::Text(ask.language.say(english, chinese)),
                Value::Text(spec.to_string()),
            ])?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Spec;

impl Output for Spec {
    fn write(
        table: &Table,
        ask: &Ask,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        picture(
            table,
            ask,
            |plot, theme| vega::spec(plot, theme).to_string(),
            emit,
        )
    }
}

#[derive(Clone)]
struct Svg;

impl Output for Svg {
    fn write(
        table: &Table,
        ask: &Ask,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        picture(table, ask, svg::svg, emit)
    }
}

/// Gives the picture that is suggested first.
fn picture(
    table: &Table,
    ask: &Ask,
    written: fn(&Plot, &Theme) -> String,
    emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
) -> Result<()> {
    let plot = plot(table, suggest(table, ask)?.first(), ask);
    emit(vec![Value::Text(written(&plot, theme(ask)))])
}

fn theme(ask: &Ask) -> &'static Theme {
    if ask.dark {
        &theme::DARK
    } else {
        &theme::LIGHT
    }
}

#[cfg(test)]
mod tests;
