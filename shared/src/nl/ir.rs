//! What a question asks, without joins: the typed form between words and SQL.

use super::place::ColumnRef;
pub use crate::calendar::Unit;

/// A question, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// What is shown; empty means all columns of the first table.
    pub select: Vec<Expr>,
    /// Equal rows are shown once.
    pub distinct: bool,
    /// Tables that take part, even without a column of theirs.
    pub tables: Vec<usize>,
    /// Which rows.
    pub filters: Vec<Filter>,
    /// What groups have in common.
    pub group: Vec<Expr>,
    /// Which groups.
    pub having: Vec<Filter>,
    /// In which order; true is descending.
    pub order: Vec<(Expr, bool)>,
    /// How many rows.
    pub limit: Option<u64>,
    /// So many rows for each of these, not of all.
    pub per: Vec<Expr>,
    /// The rows of this query in place of those of tables.
    pub of: Option<Box<Query>>,
    /// Another query whose rows are combined with these.
    pub set: Option<(SetOp, Box<Query>)>,
}

/// How rows of two queries are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    /// In both.
    Intersect,
    /// In the first alone.
    Except,
    /// In either.
    Union,
}

/// A value of a row or of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column.
    Column(ColumnRef),
    /// An aggregate of a column, or of rows.
    Aggregate(Aggregate, bool, Option<ColumnRef>),
    /// A metric that people defined, by its place.
    Metric(usize),
    /// The first less the second.
    Minus(Box<Expr>, Box<Expr>),
    /// A time cut to a unit.
    Unit(Unit, ColumnRef),
    /// A query with one value.
    Query(Box<Query>),
    /// What is made of an aggregate of all groups, in the order of their times.
    Window(Window, Box<Expr>, Option<(Unit, ColumnRef)>),
    /// The share of an aggregate that comes of rows with these conditions, in percent.
    Part(Box<Expr>, Vec<Filter>),
    /// A column of the query that this one is `of`, by its place.
    Result(usize),
    /// An aggregate of such a column.
    Of(Aggregate, usize),
}

/// What is made of the groups together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The share of the whole, in percent.
    Share,
    /// The sum up to this group.
    Running,
    /// The mean of the last so many groups.
    Moving(u32),
    /// How much more it is than so many units before, in percent.
    Growth(u32),
}

/// What is made of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many.
    Count,
    /// The sum.
    Sum,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl Aggregate {
    /// As SQL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Aggregate::Count => "count",
            Aggregate::Sum => "sum",
            Aggregate::Avg => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What is compared.
    pub left: Expr,
    /// How.
    pub op: Compare,
    /// With what.
    pub right: Right,
    /// Joined to the condition before it by OR.
    pub or: bool,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Has the form of a pattern.
    Like,
    /// Has not.
    NotLike,
    /// From one to another, both included.
    Between,
    /// Less than one or greater than another.
    NotBetween,
    /// From one on, before another.
    Within,
    /// Not from one on before another.
    Outside,
    /// Among the rows of a query.
    In,
    /// Not among them.
    NotIn,
    /// Missing.
    IsNull,
    /// There.
    NotNull,
}

impl Compare {
    /// What holds where this does not.
    pub fn negated(self) -> Compare {
        match self {
            Compare::Eq => Compare::Ne,
            Compare::Ne => Compare::Eq,
            Compare::Lt => Compare::Ge,
            Compare::Ge => Compare::Lt,
            Compare::Gt => Compare::Le,
            Compare::Le => Compare::Gt,
            Compare::Like => Compare::NotLike,
            Compare::NotLike => Compare::Like,
            Compare::In => Compare::NotIn,
            Compare::NotIn => Compare::In,
            Compare::IsNull => Compare::NotNull,
            Compare::NotNull => Compare::IsNull,
            Compare::Between => Compare::NotBetween,
            Compare::NotBetween => Compare::Between,
            Compare::Within => Compare::Outside,
            Compare::Outside => Compare::Within,
        }
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// Nothing: the comparison needs none.
    None,
    /// A value.
    One(Literal),
    /// From, to.
    Two(Literal, Literal),
    /// The rows of a query.
    Query(Box<Query>),
}

/// A value that a question names.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
}
