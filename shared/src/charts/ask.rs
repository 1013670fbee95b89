//! What a call asks for: the options, and the forms that there are.

use crate::Result;
use crate::options::{OptionDef, OptionType, Options};
use crate::series::words::{LANG, Language};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One number, large.
    Value,
    /// Lines.
    Line,
    /// Lines with what is below them.
    Area,
    /// A line in a band.
    Band,
    /// Bars.
    Bar,
    /// Points.
    Point,
    /// Counts of points in a grid.
    Bins,
    /// A coloured cell for each pair of categories.
    Heatmap,
    /// Counts of a number's values.
    Histogram,
    /// Bars that begin where the one before ends.
    Waterfall,
    /// Bars from low to high around a middle.
    Tornado,
    /// Slices of a circle.
    Pie,
}

/// All forms.
pub const FORMS: &[Form] = &[
    Form::Value,
    Form::Line,
    Form::Area,
    Form::Band,
    Form::Bar,
    Form::Point,
    Form::Bins,
    Form::Heatmap,
    Form::Histogram,
    Form::Waterfall,
    Form::Tornado,
    Form::Pie,
];

impl Form {
    /// The name in the option `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Value => "value",
            Form::Line => "line",
            Form::Area => "area",
            Form::Band => "band",
            Form::Bar => "bar",
            Form::Point => "point",
            Form::Bins => "bins",
            Form::Heatmap => "heatmap",
            Form::Histogram => "histogram",
            Form::Waterfall => "waterfall",
            Form::Tornado => "tornado",
            Form::Pie => "pie",
        }
    }

    /// What the source must have, for an error.
    pub fn needs(self) -> &'static str {
        match self {
            Form::Value => "one row with a number",
            Form::Line | Form::Area => {
                "a column of times, or of whole numbers in a row, and one of numbers"
            }
            Form::Band => {
                "a column of times, one of numbers, their bounds, called lo and hi, and at most 8 series"
            }
            Form::Bar | Form::Pie => "a column of texts, and one of numbers or nothing else",
            Form::Point | Form::Bins => "two columns of numbers",
            Form::Heatmap => "two columns of texts",
            Form::Histogram => "a column of numbers",
            Form::Waterfall => "a column of texts that each come once, and one of numbers",
            Form::Tornado => {
                "a column of texts that each come once, and two of numbers, called low and high"
            }
        }
    }
}

/// The options of all functions of charts.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "kind",
        ty: OptionType::OneOf(&[
            "auto",
            "value",
            "line",
            "area",
            "band",
            "bar",
            "point",
            "bins",
            "heatmap",
            "histogram",
            "waterfall",
            "tornado",
            "pie",
        ]),
        default: "\"auto\"",
        doc: "what is drawn; `auto` is the first suggestion",
    },
    OptionDef {
        name: "x",
        ty: OptionType::Text(", the name of a column"),
        default: "chosen",
        doc: "the column that the others are seen by: times, categories or numbers",
    },
    OptionDef {
        name: "y",
        ty: OptionType::Text(", the name of a column"),
        default: "chosen",
        doc: "the column of numbers",
    },
    OptionDef {
        name: "color",
        ty: OptionType::Text(", the name of a column"),
        default: "chosen",
        doc: "the column whose values have a colour each; of a heat map its rows",
    },
    OptionDef {
        name: "agg",
        ty: OptionType::OneOf(&["sum", "mean", "min", "max", "count"]),
        default: "the sum of what is called a total, a count or the like, the mean of others",
        doc: "what several rows of one place become",
    },
    OptionDef {
        name: "scale",
        ty: OptionType::OneOf(&["linear", "log"]),
        default: "\"linear\"",
        doc: "the axis of numbers; on a logarithmic one values of 0 and less are left out, and the picture says how many",
    },
    OptionDef {
        name: "title",
        ty: OptionType::Text(""),
        default: "made of the names of the columns",
        doc: "the title; an empty one is none",
    },
    OptionDef {
        name: "width",
        ty: OptionType::Integer(100, 4000),
        default: "640",
        doc: "in pixels",
    },
    OptionDef {
        name: "height",
        ty: OptionType::Integer(100, 4000),
        default: "400, more for many bars",
        doc: "in pixels",
    },
    OptionDef {
        name: "max_rows",
        ty: OptionType::Integer(10, 100_000),
        default: "5000",
        doc: "the most points that are drawn; lines are thinned out, of other points a share is shown, and the picture says so",
    },
    OptionDef {
        name: "theme",
        ty: OptionType::OneOf(&["light", "dark"]),
        default: "\"light\"",
        doc: "dark on white, or light on black",
    },
    LANG,
];

/// How rows of one place become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agg {
    /// Added up.
    Sum,
    /// Their mean.
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many there are.
    Count,
}

/// The options of a call.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `None` for the first suggestion.
    pub form: Option<Form>,
    /// The names of columns.
    pub x: Option<String>,
    /// See [`Ask::x`].
    pub y: Option<String>,
    /// See [`Ask::x`].
    pub color: Option<String>,
    /// See [`Agg`].
    pub agg: Option<Agg>,
    /// Whether the axis of numbers is logarithmic.
    pub log: bool,
    /// `None` for one that is made.
    pub title: Option<String>,
    /// In pixels.
    pub width: f64,
    /// In pixels; `None` for what suits.
    pub height: Option<f64>,
    /// The most points.
    pub max_rows: usize,
    /// Light on black.
    pub dark: bool,
    /// Of sentences and dates.
    pub language: Language,
}

impl Ask {
    /// Reads the options. Errors if one is wrong.
    pub fn parse(options: Option<&str>) -> Result<Ask> {
        let options = Options::parse(OPTIONS, options)?;
        let text = |name| options.text(name).map(str::to_owned);
        let kind = options.text("kind");
        Ok(Ask {
            form: FORMS.iter().copied().find(|f| Some(f.name()) == kind),
            x: text("x"),
            y: text("y"),
            color: text("color"),
            agg: options.text("agg").and_then(|agg| match agg {
                "sum" => Some(Agg::Sum),
                "mean" => Some(Agg::Mean),
                "min" => Some(Agg::Min),
                "max" => Some(Agg::Max),
                "count" => Some(Agg::Count),
                _ => None,
            }),
            log: options.text("scale") == Some("log"),
            title: text("title"),
            width: options.integer("width").unwrap_or(640) as f64,
            height: options.integer("height").map(|h| h as f64),
            max_rows: usize::try_from(options.integer("max_rows").unwrap_or(5000)).unwrap_or(5000),
            dark: options.text("theme") == Some("dark"),
            language: Language::of(&options),
        })
    }
}
