//! The part of SELECT that both engines share, as a tree.

/// A SELECT with what stands around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The common table expressions in order.
    pub ctes: Vec<Cte>,
    /// One SELECT, or several joined by UNION and the like.
    pub body: Body,
    /// ORDER BY.
    pub order: Vec<OrderTerm>,
    /// LIMIT, a number.
    pub limit: Option<u64>,
    /// OFFSET, a number.
    pub offset: u64,
}

/// `name(columns) AS (query)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// The name.
    pub name: String,
    /// The columns, if they are named here.
    pub columns: Vec<String>,
    /// What it is.
    pub query: Query,
}

/// A SELECT or a compound of two.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One SELECT.
    Core(Box<Core>),
    /// `left UNION right` and so on; SQLite's operators group to the left.
    Compound(Box<Body>, SetOp, Box<Core>),
}

/// How two SELECTs are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    /// UNION ALL.
    UnionAll,
    /// UNION.
    Union,
    /// INTERSECT.
    Intersect,
    /// EXCEPT.
    Except,
}

/// SELECT ... FROM ... WHERE ... GROUP BY ... HAVING.
#[derive(Debug, Clone, PartialEq)]
pub struct Core {
    /// SELECT DISTINCT.
    pub distinct: bool,
    /// The result columns.
    pub columns: Vec<ResultColumn>,
    /// The tables, each with how it is joined to those before.
    pub from: Vec<Join>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group_by: Vec<Expr>,
    /// HAVING.
    pub having: Option<Expr>,
}

/// A result column.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultColumn {
    /// `*`.
    Star,
    /// `t.*`.
    TableStar(String),
    /// An expression with its alias.
    Expr(Expr, Option<String>),
}

/// A table in FROM.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// How it is joined to what stands before it.
    pub kind: JoinKind,
    /// What it is.
    pub source: Source,
    /// Its alias.
    pub alias: Option<String>,
    /// ON.
    pub on: Option<Expr>,
    /// USING.
    pub using: Vec<String>,
}

/// The kinds of join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// The first table, a comma, JOIN, INNER JOIN and CROSS JOIN.
    Inner,
    /// LEFT.
    Left,
    /// RIGHT.
    Right,
    /// FULL.
    Full,
}

/// What stands in FROM.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A table or a common table expression; true with `main.` before it.
    Table(String, bool),
    /// A SELECT in parentheses.
    Query(Box<Query>),
}

/// A term of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderTerm {
    /// The key.
    pub expr: Expr,
    /// DESC.
    pub descending: bool,
    /// NULLS FIRST, also when it is not written.
    pub nulls_first: bool,
}

/// A value in the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL.
    Null,
    /// TRUE and FALSE.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A real that both engines read as the same double.
    Real(f64),
    /// A text.
    Text(String),
    /// A blob.
    Blob(Vec<u8>),
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value.
    Literal(Literal),
    /// A parameter by its number, from 1.
    Param(usize),
    /// A column, with its table if that is written.
    Column(Option<String>, String),
    /// In double quotes: a column or an alias, or a text if nothing has this name.
    Quoted(String),
    /// `x LIKE pattern`, with the character of ESCAPE.
    Like(Box<Expr>, Box<Expr>, Option<char>),
    /// `-x`.
    Negate(Box<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// An operator with two operands.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// IS NULL, or with true IS NOT NULL.
    IsNull(Box<Expr>, bool),
    /// `x BETWEEN low AND high`, or with true NOT BETWEEN.
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    /// `x IN (a, b)`, or with true NOT IN.
    InList(Box<Expr>, Vec<Expr>, bool),
    /// `x IN (SELECT ...)`, or with true NOT IN.
    InQuery(Box<Expr>, Box<Query>, bool),
    /// EXISTS.
    Exists(Box<Query>),
    /// A SELECT as a value.
    Scalar(Box<Query>),
    /// CASE with an operand, branches, and ELSE.
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// CAST, to a type by its name in upper case.
    Cast(Box<Expr>, String),
    /// A function.
    Call(Box<Call>),
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The name in lower case.
    pub name: String,
    /// `count(*)`.
    pub star: bool,
    /// DISTINCT.
    pub distinct: bool,
    /// The arguments.
    pub args: Vec<Expr>,
    /// FILTER (WHERE ...).
    pub filter: Option<Expr>,
    /// OVER (...).
    pub over: Option<Window>,
}

/// What stands in OVER, with the default frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// PARTITION BY.
    pub partition: Vec<Expr>,
    /// ORDER BY.
    pub order: Vec<OrderTerm>,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `||`
    Concat,
    /// AND
    And,
    /// OR
    Or,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// IS
    Is,
    /// IS NOT
    IsNot,
}

impl Operator {
    /// The comparison with its sides exchanged.
    pub const fn turned(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::LessEqual => Operator::GreaterEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterEqual => Operator::LessEqual,
            other => other,
        }
    }

    /// The operator as both engines write it.
    pub const fn sql(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Concat => "||",
            Operator::And => "AND",
            Operator::Or => "OR",
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::Is => "IS NOT DISTINCT FROM",
            Operator::IsNot => "IS DISTINCT FROM",
        }
    }
}

impl Expr {
    /// Puts what `replace` gives in the place of bare names, but not inside a SELECT.
    pub fn replace_names(&mut self, replace: &dyn Fn(&str) -> Option<Expr>) {
        if let Expr::Column(None, name) | Expr::Quoted(name) = self {
            if let Some(expr) = replace(name) {
                *self = expr;
            }
            return;
        }
        self.for_each_child(&mut |child| child.replace_names(replace));
    }

    fn for_each_child(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        match self {
            Expr::Literal(_)
            | Expr::Param(_)
            | Expr::Column(..)
            | Expr::Quoted(_)
            | Expr::Exists(_)
            | Expr::Scalar(_) => {}
            Expr::Negate(e)
            | Expr::Not(e)
            | Expr::IsNull(e, _)
            | Expr::Cast(e, _)
            | Expr::InQuery(e, ..) => visit(e),
            Expr::Binary(_, a, b) | Expr::Like(a, b, _) => {
                visit(a);
                visit(b);
            }
            Expr::Between(a, b, c, _) => [a, b, c].into_iter().for_each(|e| visit(e)),
            Expr::InList(e, list, _) => {
                visit(e);
                list.iter_mut().for_each(visit);
            }
            Expr::Case(operand, whens, otherwise) => {
                operand.iter_mut().for_each(|e| visit(e));
                for (when, then) in whens {
                    visit(when);
                    visit(then);
                }
                otherwise.iter_mut().for_each(|e| visit(e));
            }
            Expr::Call(call) => {
                call.args.iter_mut().for_each(&mut *visit);
                call.filter.iter_mut().for_each(&mut *visit);
                if let Some(window) = &mut call.over {
                    window.partition.iter_mut().for_each(&mut *visit);
                    window.order.iter_mut().for_each(|t| visit(&mut t.expr));
                }
            }
        }
    }

    /// Calls `visit` with this expression and those inside, but not inside a SELECT.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Literal(_)
            | Expr::Param(_)
            | Expr::Column(..)
            | Expr::Quoted(_)
            | Expr::Exists(_)
            | Expr::Scalar(_) => {}
            Expr::Negate(e)
            | Expr::Not(e)
            | Expr::IsNull(e, _)
            | Expr::Cast(e, _)
            | Expr::InQuery(e, ..) => e.walk(visit),
            Expr::Binary(_, a, b) | Expr::Like(a, b, _) => {
                a.walk(visit);
                b.walk(visit);
            }
            Expr::Between(a, b, c, _) => [a, b, c].into_iter().for_each(|e| e.walk(visit)),
            Expr::InList(e, list, _) => {
                e.walk(visit);
                list.iter().for_each(|e| e.walk(visit));
            }
            Expr::Case(operand, whens, otherwise) => {
                operand.iter().for_each(|e| e.walk(visit));
                for (when, then) in whens {
                    when.walk(visit);
                    then.walk(visit);
                }
                otherwise.iter().for_each(|e| e.walk(visit));
            }
            Expr::Call(call) => {
                call.args.iter().for_each(|e| e.walk(visit));
                call.filter.iter().for_each(|e| e.walk(visit));
                if let Some(window) = &call.over {
                    window.partition.iter().for_each(|e| e.walk(visit));
                    window.order.iter().for_each(|t| t.expr.walk(visit));
                }
            }
        }
    }
}
