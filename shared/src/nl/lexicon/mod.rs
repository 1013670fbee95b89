//! Words of the language, none of any database: what phrases ask for, qualities, synonyms of words that schemas use.

mod phrases;
mod words;

use super::ir::{Aggregate, Compare};
pub use phrases::PHRASES;
pub use words::{ABBREVIATIONS, CUES, LIGHT, SYNONYMS};

/// What a word or phrase asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// A number of rows.
    Count,
    /// An aggregate.
    Agg(Aggregate),
    /// The greatest (true) or the least of something.
    Super(bool),
    /// The most frequent (true) or the least.
    Frequent(bool),
    /// A quality that implies a column: its place in [`QUALITIES`], and whether it is a superlative.
    Quality(usize, bool),
    /// A comparison.
    Cmp(Compare),
    /// From one to another.
    Between,
    /// A group for each.
    Each,
    /// Equal ones once.
    Distinct,
    /// Not.
    Not,
    /// In an order.
    Order,
    /// In this order; true is descending.
    Dir(bool),
    /// By name.
    Alphabetical,
    /// The first so many.
    Top,
    /// Both.
    Both,
    /// Or.
    Or,
    /// A condition follows.
    Where,
    /// Part of a text; where the pattern is open.
    Like(&'static str),
    /// All rows in full.
    Full,
    /// Has no value.
    Missing,
    /// Has a value.
    Present,
}

/// A quality of things: words that compare by it, and words of the columns that hold it.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Superlatives.
    pub most: &'static str,
    /// Comparatives, before `than`.
    pub more: &'static str,
    /// Words of columns in which more of it is more.
    pub up: &'static str,
    /// Words of columns in which more of it is less.
    pub down: &'static str,
}

/// Qualities that imply a column.
pub const QUALITIES: &[Quality] = &[
    Quality {
        most: "oldest|eldest|most senior",
        more: "older",
        up: "age",
        down: "birth|year|founded|built|opened|opening|date|dob",
    },
    Quality {
        most: "youngest",
        more: "younger",
        up: "birth|year|date|dob",
        down: "age",
    },
    Quality {
        most: "newest|most recently opened|most recently built",
        more: "newer",
        up: "date|year|opened|founded|built|opening",
        down: "age",
    },
    Quality {
        most: "latest|most recent|most recently|last",
        more: "",
        up: "date|time|year|datetime|day|timestamp|end|round|week",
        down: "",
    },
    Quality {
        most: "earliest|soonest",
        more: "",
        up: "",
        down: "date|time|year|datetime|day|timestamp|start|open",
    },
    Quality {
        most: "tallest",
        more: "taller",
        up: "height|elevation|altitude|floors|stories",
        down: "",
    },
    Quality {
        most: "longest",
        more: "longer",
        up: "length|duration|time|days|milliseconds|runtime|distance",
        down: "",
    },
    Quality {
        most: "shortest",
        more: "shorter",
        up: "",
        down: "length|height|duration|time|days|milliseconds|runtime|distance",
    },
    Quality {
        most: "heaviest",
        more: "heavier",
        up: "weight|mass|displacement",
        down: "",
    },
    Quality {
        most: "lightest",
        more: "lighter",
        up: "",
        down: "weight|mass",
    },
    Quality {
        most: "most expensive|priciest|costliest|most costly",
        more: "more expensive",
        up: "price|cost|fee|amount|rate",
        down: "",
    },
    Quality {
        most: "cheapest|least expensive",
        more: "cheaper",
        up: "",
        down: "price|cost|fee|amount|rate",
    },
    Quality {
        most: "fastest|quickest",
        more: "faster",
        up: "speed|velocity|horsepower|pace|acceleration",
        down: "time|duration|lap",
    },
    Quality {
        most: "slowest",
        more: "slower",
        up: "time|duration",
        down: "speed|velocity|pace",
    },
    Quality {
        most: "largest|biggest|greatest|most spacious",
        more: "larger|bigger",
        up: "area|population|size|capacity|acreage|enrollment|square|seating|amount|gross|budget|employees|membership|assets",
        down: "",
    },
    Quality {
        most: "smallest|tiniest",
        more: "smaller",
        up: "",
        down: "area|population|size|capacity|acreage|enrollment|square|amount|budget|employees|assets",
    },
    Quality {
        most: "richest|wealthiest|best paid|highest paid",
        more: "richer",
        up: "money|income|worth|salary|balance|wealth|assets|earnings|revenue|profit|gdp",
        down: "",
    },
    Quality {
        most: "poorest|lowest paid|worst paid",
        more: "poorer",
        up: "",
        down: "money|income|worth|salary|balance|wealth|assets|earnings|gdp",
    },
    Quality {
        most: "best|best rated|top rated|highest rated|highest rating|best ranked",
        more: "better",
        up: "score|rating|grade|points|stars|sales|gpa|mark",
        down: "rank|ranking|position|place|standing",
    },
    Quality {
        most: "worst|lowest rated|worst rated",
        more: "worse",
        up: "rank|ranking|position|place",
        down: "score|rating|grade|points|stars|gpa|mark",
    },
    Quality {
        most: "highest|tallest",
        more: "higher",
        up: "height|elevation|altitude|grade|score|rating|level",
        down: "",
    },
    Quality {
        most: "lowest",
        more: "lower",
        up: "",
        down: "height|elevation|altitude|grade|score|rating|level",
    },
    Quality {
        most: "deepest",
        more: "deeper",
        up: "depth",
        down: "",
    },
    Quality {
        most: "shallowest",
        more: "shallower",
        up: "",
        down: "depth",
    },
    Quality {
        most: "widest|broadest",
        more: "wider",
        up: "width",
        down: "",
    },
    Quality {
        most: "narrowest",
        more: "narrower",
        up: "",
        down: "width",
    },
    Quality {
        most: "hottest|warmest",
        more: "hotter|warmer",
        up: "temperature",
        down: "",
    },
    Quality {
        most: "coldest|coolest",
        more: "colder|cooler",
        up: "",
        down: "temperature",
    },
    Quality {
        most: "farthest|furthest",
        more: "farther|further",
        up: "distance",
        down: "",
    },
    Quality {
        most: "nearest|closest",
        more: "nearer|closer",
        up: "",
        down: "distance",
    },
    Quality {
        most: "most populous|most populated|most crowded",
        more: "",
        up: "population|inhabitants|people",
        down: "",
    },
    Quality {
        most: "least populous|least populated",
        more: "",
        up: "",
        down: "population|inhabitants|people",
    },
    Quality {
        most: "densest|most dense|most densely populated",
        more: "denser",
        up: "density",
        down: "",
    },
    Quality {
        most: "sparsest|least dense|least densely populated",
        more: "",
        up: "",
        down: "density",
    },
    Quality {
        most: "strongest|most powerful",
        more: "stronger|more powerful",
        up: "power|horsepower|strength|magnitude|wind",
        down: "",
    },
    Quality {
        most: "busiest",
        more: "",
        up: "passengers|traffic|visitors|volume",
        down: "",
    },
    Quality {
        most: "highest selling|best selling|top selling",
        more: "",
        up: "sales|sold|quantity|revenue",
        down: "",
    },
    Quality {
        most: "first",
        more: "",
        up: "",
        down: "date|year|time|start",
    },
];
