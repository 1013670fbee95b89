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

impl Query {
    /// The columns that it reads in its clauses, in their order and as often; not those of queries within.
    pub fn columns(&self) -> Vec<ColumnRef> {
        let filters = self.filters.iter().chain(&self.having).map(|f| &f.left);
        let groups = self.group.iter().chain(&self.per);
        let order = self.order.iter().map(|(e, _)| e);
        let all = self.select.iter().chain(filters).chain(groups).chain(order);
        all.flat_map(Expr::columns).collect()
    }
}

/// The tables that a query needs, in the order in which it names them.
pub fn tables(query: &Query) -> Vec<usize> {
    let mut once = Vec::new();
    let named = query.columns().into_iter().map(|c| c.table);
    for table in named.chain(query.tables.iter().copied()) {
        if !once.contains(&table) {
            once.push(table);
        }
    }
    once
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

impl Expr {
    /// The columns that it reads, in their order and as often; not those of a query within.
    pub fn columns(&self) -> Vec<ColumnRef> {
        match self {
            Expr::Column(c) | Expr::Aggregate(_, _, Some(c)) | Expr::Unit(_, c) => vec![*c],
            Expr::Minus(a, b) => [a.columns(), b.columns()].concat(),
            Expr::Window(_, of, time) => {
                let time = time.iter().map(|(_, c)| *c);
                of.columns().into_iter().chain(time).collect()
            }
            Expr::Part(of, filters) => {
                let filters = filters.iter().flat_map(|f| f.left.columns());
                of.columns().into_iter().chain(filters).collect()
            }
            Expr::Aggregate(_, _, None)
            | Expr::Metric(_)
            | Expr::Query(_)
            | Expr::Result(_)
            | Expr::Of(..) => Vec::new(),
        }
    }

    /// The column that it is, or that it is an aggregate of.
    pub fn column(&self) -> Option<ColumnRef> {
        match self {
            Expr::Column(c) | Expr::Aggregate(_, _, Some(c)) => Some(*c),
            _ => None,
        }
    }
}

/// Whether a value is one of a group.
pub fn is_aggregate(expr: &Expr) -> bool {
    matches!(expr, Expr::Aggregate(..) | Expr::Metric(_))
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
