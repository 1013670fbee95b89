//! What a question asks, without joins: the typed form between words and SQL.

use super::place::ColumnRef;

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
    pub group: Vec<ColumnRef>,
    /// Which groups.
    pub having: Vec<Filter>,
    /// In which order; true is descending.
    pub order: Vec<(Expr, bool)>,
    /// How many rows.
    pub limit: Option<u64>,
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
    /// A time cut to a unit: `year`, `month`, `day`.
    Unit(&'static str, ColumnRef),
    /// A query with one value.
    Query(Box<Query>),
    /// Share of the whole, in percent.
    Share(Box<Expr>),
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
            Compare::Between => Compare::Between,
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
