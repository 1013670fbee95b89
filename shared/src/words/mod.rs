//! A query, and its rows, in words: English or Chinese sentences by templates, from the tree of the SELECT. No model writes
//! them, so they say nothing that is not in the text or in the rows.

mod phrases;
mod rows;

use crate::route::ast::{
    Body, Call, Core, Expr, JoinKind, Literal, Operator, OrderTerm, Query, ResultColumn, SetOp,
    Source,
};
use crate::route::parse::parse;
use crate::route::tokens::tokens;
use crate::sql::lexer;
use crate::{Error, Result};

use phrases::Phrases;
pub use rows::Narration;

/// The language of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

impl Lang {
    /// English unless another is named. Errors for one that is not known.
    pub fn read(name: Option<&str>) -> Result<Lang> {
        match name.map(str::to_lowercase).as_deref() {
            None | Some("en" | "english") => Ok(Lang::English),
            Some("zh" | "chinese" | "中文") => Ok(Lang::Chinese),
            Some(other) => Err(Error::new(format!(
                "lang is \"{}\"; give \"en\" or \"zh\"",
                crate::options::shortened(other)
            ))),
        }
    }

    /// Chinese has a space beside words in other letters only.
    fn spaced(self, text: String) -> String {
        if self == Lang::English {
            return text;
        }
        let chars: Vec<char> = text.chars().collect();
        let is_wide = |place: Option<usize>| {
            let c = place.and_then(|place| chars.get(place));
            c.is_some_and(|c| !c.is_ascii())
        };
        let kept = chars
            .iter()
            .enumerate()
            .filter(|(i, c)| **c != ' ' || !is_wide(i.checked_sub(1)) || !is_wide(Some(i + 1)));
        kept.map(|(_, c)| *c).collect()
    }

    fn phrases(self) -> &'static Phrases {
        match self {
            Lang::English => &phrases::ENGLISH,
            Lang::Chinese => &phrases::CHINESE,
        }
    }
}

/// What a SELECT asks for, in a sentence or a few. Errors if the text is no SELECT of those that SQLite and DuckDB share.
pub fn explain(sql: &str, lang: Lang) -> Result<String> {
    let unread = |why: &str| Error::new(format!("cannot say it in words: {why}"));
    if let Some(join) = join_of_duckdb(sql) {
        return Err(unread(&format!("{join} JOIN has no words here")));
    }
    let tokens = tokens(sql).ok_or_else(|| unread("it is no SQL"))?;
    let statement = parse(&tokens).map_err(|refusal| {
        // It is read as lumos_query reads it, but here no engine has to agree.
        let why = refusal.to_string();
        let why = why.replace(
            "is not known to mean the same in DuckDB",
            "has no words here",
        );
        unread(&why.replace(
            "are not known to mean the same in DuckDB",
            "have no words here",
        ))
    })?;
    let speaker = Speaker {
        say: lang.phrases(),
    };
    let mut text = String::new();
    for cte in &statement.query.ctes {
        text += &fill(speaker.say.with, &[&cte.name, &speaker.query(&cte.query)]);
    }
    text += &fill(
        speaker.say.shows,
        &[&speaker.without_ctes(&statement.query)],
    );
    Ok(lang.spaced(text))
}

/// A kind of join that only DuckDB knows. Where it is read as SQLite's SQL, its name is another one of the table before.
fn join_of_duckdb(sql: &str) -> Option<&'static str> {
    let tokens = lexer::tokens(sql, lexer::Dialect::DuckDb);
    let kinds = ["ASOF", "ANTI", "SEMI", "POSITIONAL"];
    kinds.into_iter().find(|kind| {
        let joins = |pair: &[lexer::Token]| pair[0].is(sql, kind) && pair[1].is(sql, "join");
        tokens.windows(2).any(joins)
    })
}

/// Puts texts in the places `{0}`, `{1}` and so on.
fn fill(template: &str, parts: &[&str]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        let place = rest[open + 1..].chars().next().and_then(|c| c.to_digit(10));
        let part = place.and_then(|place| parts.get(place as usize));
        text.push_str(part.unwrap_or(&""));
        rest = rest.get(open + 3..).unwrap_or_default();
    }
    text + rest
}

struct Speaker {
    say: &'static Phrases,
}

/// The tables of a FROM: by which name each is called, and what it is.
struct Tables<'a>(Vec<(&'a str, &'a str)>);

impl Tables<'_> {
    /// What the text calls a table, if it has to say which.
    fn name(&self, table: &str) -> Option<String> {
        let known = self
            .0
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(table));
        let name = known.map_or(table, |(_, name)| name);
        let twice = self.0.iter().filter(|(_, other)| *other == name).count() > 1;
        (self.0.len() > 1).then(|| {
            if twice {
                table.to_owned()
            } else {
                name.to_owned()
            }
        })
    }
}

impl Speaker {
    fn query(&self, query: &Query) -> String {
        let ctes = query
            .ctes
            .iter()
            .map(|cte| fill(self.say.with, &[&cte.name, &self.query(&cte.query)]));
        ctes.collect::<String>() + &self.without_ctes(query)
    }

    /// A query of which it matters only whether it has a row.
    fn rows_of(&self, query: &Query) -> String {
        let mut query = query.clone();
        if let Body::Core(core) = &mut query.body {
            let row = Expr::Column(None, self.say.row.to_owned());
            core.columns = vec![ResultColumn::Expr(row, None)];
            core.distinct = false;
        }
        self.query(&query)
    }

    fn without_ctes(&self, query: &Query) -> String {
        let mut text = self.body(&query.body);
        if !query.order.is_empty() {
            let tables = tables_of(&query.body);
            text += &fill(self.say.ordered, &[&self.order(&query.order, &tables)]);
        }
        if let Some(limit) = query.limit {
            text += &fill(self.say.limit, &[&limit.to_string()]);
        }
        if query.offset > 0 {
            text += &fill(self.say.offset, &[&query.offset.to_string()]);
        }
        text
    }

    fn order(&self, order: &[OrderTerm], tables: &Tables<'_>) -> String {
        let terms = order.iter().map(|term| {
            let template = if term.descending {
                self.say.descending
            } else {
                self.say.ascending
            };
            let expr = match &term.expr {
                Expr::Literal(Literal::Integer(n)) => {
                    fill(self.say.column_number, &[&n.to_string()])
                }
                expr => self.expr(expr, tables),
            };
            fill(template, &[&expr])
        });
        self.list(terms.collect(), self.say.and)
    }

    fn body(&self, body: &Body) -> String {
        match body {
            Body::Core(core) => self.core(core),
            Body::Compound(left, op, right) => {
                let template = match op {
                    SetOp::UnionAll => self.say.union_all,
                    SetOp::Union => self.say.union,
                    SetOp::Intersect => self.say.intersect,
                    SetOp::Except => self.say.except,
                };
                fill(template, &[&self.body(left), &self.core(right)])
            }
        }
    }

    fn core(&self, core: &Core) -> String {
        let tables = Tables(core.from.iter().map(called).collect());
        let columns = core.columns.iter().map(|column| match column {
            ResultColumn::Star => self.say.all_columns.to_owned(),
            ResultColumn::TableStar(table) => {
                let name = tables.name(table).unwrap_or_else(|| table.clone());
                fill(self.say.all_columns_of, &[&name])
            }
            ResultColumn::Expr(expr, None) => self.expr(expr, &tables),
            ResultColumn::Expr(expr, Some(alias)) => {
                fill(self.say.named, &[&self.expr(expr, &tables), alias])
            }
        });
        let mut text = self.list(columns.collect(), self.say.and);
        if core.distinct {
            text = fill(self.say.distinct, &[&text]);
        }
        if !core.from.is_empty() {
            text = fill(self.say.of, &[&text, &self.from(core, &tables)]);
        }
        if let Some(filter) = &core.filter {
            text += &fill(self.say.filtered, &[&self.expr(filter, &tables)]);
        }
        if !core.group_by.is_empty() {
            let groups = core.group_by.iter().map(|group| match group {
                Expr::Literal(Literal::Integer(n)) => {
                    fill(self.say.column_number, &[&n.to_string()])
                }
                group => self.expr(group, &tables),
            });
            text += &fill(
                self.say.grouped,
                &[&self.list(groups.collect(), self.say.and)],
            );
        }
        if let Some(having) = &core.having {
            text += &fill(self.say.having, &[&self.expr(having, &tables)]);
        }
        text
    }

    fn from(&self, core: &Core, tables: &Tables<'_>) -> String {
        let mut text = String::new();
        for (i, join) in core.from.iter().enumerate() {
            let source = match &join.source {
                Source::Table(name, _) => name.clone(),
                Source::Query(query) => fill(self.say.inner, &[&self.query(query)]),
            };
            if i == 0 {
                text = source;
                continue;
            }
            let template = match join.kind {
                JoinKind::Inner => self.say.join,
                JoinKind::Left => self.say.left_join,
                JoinKind::Right => self.say.right_join,
                JoinKind::Full => self.say.full_join,
            };
            text = fill(template, &[&text, &source]);
            if let Some(on) = &join.on {
                text += &fill(self.say.on, &[&self.expr(on, tables)]);
            } else if !join.using.is_empty() {
                text += &fill(
                    self.say.using,
                    &[&self.list(join.using.clone(), self.say.and)],
                );
            }
        }
        text
    }

    fn list(&self, mut items: Vec<String>, last: &str) -> String {
        match items.pop() {
            None => String::new(),
            Some(only) if items.is_empty() => only,
            Some(end) => items.join(self.say.comma) + last + &end,
        }
    }

    fn expr(&self, expr: &Expr, tables: &Tables<'_>) -> String {
        let say = self.say;
        let words = |expr: &Expr| self.expr(expr, tables);
        match expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Param(n) => fill(say.parameter, &[&n.to_string()]),
            Expr::Column(Some(table), column) => match tables.name(table) {
                Some(table) => fill(say.column_of, &[column, &table]),
                None => column.clone(),
            },
            Expr::Column(None, name) | Expr::Quoted(name) => name.clone(),
            Expr::Like(text, pattern, None) => self.like(&words(text), pattern, tables, false),
            Expr::Like(text, pattern, Some(_)) => fill(say.like, &[&words(text), &words(pattern)]),
            Expr::Negate(inner) => fill(say.minus_sign, &[&words(inner)]),
            Expr::Not(inner) => match &**inner {
                Expr::Exists(query) => fill(say.not_exists, &[&self.rows_of(query)]),
                Expr::Like(text, pattern, None) => self.like(&words(text), pattern, tables, true),
                inner => fill(say.not, &[&words(inner)]),
            },
            Expr::Binary(op, left, right) => self.binary(*op, left, right, tables),
            Expr::IsNull(inner, false) => fill(say.missing, &[&words(inner)]),
            Expr::IsNull(inner, true) => fill(say.given, &[&words(inner)]),
            Expr::Between(inner, low, high, negated) => {
                let template = if *negated {
                    say.not_between
                } else {
                    say.between
                };
                fill(template, &[&words(inner), &words(low), &words(high)])
            }
            Expr::InList(inner, list, negated) => {
                let template = if *negated {
                    say.not_in_list
                } else {
                    say.in_list
                };
                let list = self.list(list.iter().map(words).collect(), say.or);
                fill(template, &[&words(inner), &list])
            }
            Expr::InQuery(inner, query, negated) => {
                let template = if *negated {
                    say.not_in_query
                } else {
                    say.in_query
                };
                fill(template, &[&words(inner), &self.query(query)])
            }
            Expr::Exists(query) => fill(say.exists, &[&self.rows_of(query)]),
            Expr::Scalar(query) => fill(say.inner, &[&self.query(query)]),
            Expr::Case(operand, whens, otherwise) => {
                let mut cases: Vec<String> = whens
                    .iter()
                    .map(|(when, then)| {
                        let when = match operand {
                            Some(operand) => fill(say.equal, &[&words(operand), &words(when)]),
                            None => words(when),
                        };
                        fill(say.if_then, &[&words(then), &when])
                    })
                    .collect();
                if let Some(otherwise) = otherwise {
                    cases.push(fill(say.otherwise, &[&words(otherwise)]));
                }
                cases.join(say.comma)
            }
            Expr::Cast(inner, ty) => fill(say.cast, &[&words(inner), &ty.to_lowercase()]),
            Expr::Call(call) => self.call(call, tables),
        }
    }

    fn literal(&self, literal: &Literal) -> String {
        match literal {
            Literal::Null => self.say.null.into(),
            Literal::Bool(value) => (if *value {
                self.say.true_
            } else {
                self.say.false_
            })
            .into(),
            Literal::Integer(value) => value.to_string(),
            Literal::Real(value) => value.to_string(),
            Literal::Text(value) => fill(self.say.text, &[value]),
            Literal::Blob(bytes) => fill(self.say.bytes, &[&bytes.len().to_string()]),
        }
    }

    /// A pattern without wildcards inside says where the text stands.
    fn like(&self, text: &str, pattern: &Expr, tables: &Tables<'_>, negated: bool) -> String {
        let say = self.say;
        let written = match pattern {
            Expr::Literal(Literal::Text(written)) => written.as_str(),
            _ => "",
        };
        let (begins, ends) = (written.starts_with('%'), written.ends_with('%'));
        let inside = written.trim_matches('%');
        let plain = !inside.is_empty() && !inside.contains(['%', '_']);
        let said = match (begins, ends) {
            (true, true) if plain => fill(say.contains, &[text, &fill(say.text, &[inside])]),
            (false, true) if plain => fill(say.begins, &[text, &fill(say.text, &[inside])]),
            (true, false) if plain => fill(say.ends, &[text, &fill(say.text, &[inside])]),
            _ => fill(say.like, &[text, &self.expr(pattern, tables)]),
        };
        if negated {
            fill(say.not, &[&said])
        } else {
            said
        }
    }

    fn binary(&self, op: Operator, left: &Expr, right: &Expr, tables: &Tables<'_>) -> String {
        let say = self.say;
        let template = match op {
            Operator::Add => say.plus,
            Operator::Subtract => say.minus,
            Operator::Multiply => say.times,
            Operator::Divide => say.divided,
            Operator::Concat => say.followed,
            Operator::And => say.both,
            Operator::Or => say.either,
            Operator::Equal | Operator::Is => say.equal,
            Operator::NotEqual | Operator::IsNot => say.not_equal,
            Operator::Less => say.less,
            Operator::LessEqual => say.at_most,
            Operator::Greater => say.more,
            Operator::GreaterEqual => say.at_least,
        };
        // Where OR stands in AND, and sums in products, what belongs together is in parentheses.
        let is_sum = |e: &Expr| matches!(e, Expr::Binary(Operator::Add | Operator::Subtract, ..));
        let is_or = |e: &Expr| matches!(e, Expr::Binary(Operator::Or, ..));
        let part = |e: &Expr| {
            let words = self.expr(e, tables);
            let product = matches!(op, Operator::Multiply | Operator::Divide);
            if (product && is_sum(e)) || (op == Operator::And && is_or(e)) {
                fill(say.inner, &[&words])
            } else {
                words
            }
        };
        fill(template, &[&part(left), &part(right)])
    }

    fn call(&self, call: &Call, tables: &Tables<'_>) -> String {
        let say = self.say;
        let args: Vec<String> = call.args.iter().map(|arg| self.expr(arg, tables)).collect();
        let template = match (call.name.as_str(), args.len()) {
            ("count", 0) => Some(say.count_rows),
            ("count", 1) if call.distinct => Some(say.count_different),
            _ if call.distinct => None,
            ("count", 1) => Some(say.count),
            ("sum" | "total", 1) => Some(say.sum),
            ("avg", 1) => Some(say.average),
            ("min", 1) => Some(say.least),
            ("max", 1) => Some(say.greatest),
            ("round", 2) => Some(say.rounded),
            ("round", 1) => Some(say.rounded_whole),
            _ => None,
        };
        let parts: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut text = match template {
            Some(template) => fill(template, &parts),
            None if call.distinct => format!("{}(DISTINCT {})", call.name, args.join(", ")),
            None => format!("{}({})", call.name, args.join(", ")),
        };
        if let Some(filter) = &call.filter {
            text += &fill(say.filter, &[&self.expr(filter, tables)]);
        }
        if let Some(window) = &call.over {
            let partition = window
                .partition
                .iter()
                .map(|e| self.expr(e, tables))
                .collect();
            let partition = self.list(partition, say.and);
            text += &match (partition.is_empty(), window.order.is_empty()) {
                (true, true) => say.over_all.to_owned(),
                (false, true) => fill(say.over_each, &[&partition]),
                (true, false) => fill(say.over_order, &[&self.order(&window.order, tables)]),
                (false, false) => fill(
                    say.over_each_order,
                    &[&partition, &self.order(&window.order, tables)],
                ),
            };
        }
        text
    }
}

fn called(join: &crate::route::ast::Join) -> (&str, &str) {
    let name = match &join.source {
        Source::Table(name, _) => name.as_str(),
        Source::Query(_) => "",
    };
    let alias = join.alias.as_deref().unwrap_or(name);
    (alias, if name.is_empty() { alias } else { name })
}

fn tables_of(body: &Body) -> Tables<'_> {
    match body {
        Body::Core(core) => Tables(core.from.iter().map(called).collect()),
        Body::Compound(..) => Tables(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_said_in_both_languages() {
        for (sql, english, chinese) in [
            (
                "SELECT count(*) FROM album",
                "Shows the number of rows of album.",
                "显示 album 的行数。",
            ),
            (
                "SELECT name FROM artist a WHERE a.name LIKE 'A%' AND (id = 1 OR id > 5) ORDER BY name DESC LIMIT 3",
                "Shows name of artist, where name begins with 'A' and (id is 1 or id is more than 5), in descending order of name, first 3 rows only.",
                "显示 artist 的 name，条件是 name 以“A”开头，并且（id 等于 1，或者 id 大于 5），按 name 降序，只取前 3 行。",
            ),
            (
                "SELECT a.name, count(*) AS n FROM artist a JOIN album b ON b.artistid = a.artistid GROUP BY a.name HAVING count(*) >= 2",
                "Shows name of artist and the number of rows (n) of artist joined with album where artistid of album is artistid of artist, for each name of artist, only where the number of rows is at least 2.",
                "显示 artist 连接 album（album 的 artistid 等于 artist 的 artistid）的 artist 的 name 和行数（n），按 artist 的 name 分组，只保留行数不小于 2 的组。",
            ),
            (
                "SELECT DISTINCT country FROM customer WHERE email IS NULL AND id NOT IN (1, 2)",
                "Shows country, each once, of customer, where email is missing and id is none of 1 or 2.",
                "显示 customer 的 country（不重复），条件是 email 为空，并且 id 不是 1 或 2。",
            ),
            (
                "WITH big AS (SELECT * FROM track WHERE bytes > 10) SELECT max(bytes) FROM big",
                "Let big be all columns of track, where bytes is more than 10. Shows the greatest bytes of big.",
                "设 big 为 track 的所有列，条件是 bytes 大于 10。显示 big 的最大 bytes。",
            ),
        ] {
            assert_eq!(explain(sql, Lang::English).unwrap(), english, "{sql}");
            assert_eq!(explain(sql, Lang::Chinese).unwrap(), chinese, "{sql}");
        }
    }

    #[test]
    fn all_of_the_grammar_has_words() {
        for sql in [
            "SELECT 1",
            "SELECT CASE x WHEN 1 THEN 'a' ELSE 'b' END, CAST(a AS INTEGER), -a, a || b, (a + 1) * 2 / 3 - 4 FROM t",
            "SELECT a FROM t UNION SELECT b FROM u EXCEPT SELECT 1 INTERSECT SELECT 2 UNION ALL SELECT 3",
            "SELECT rank() OVER (PARTITION BY a ORDER BY b DESC), sum(x) OVER (ORDER BY y), sum(x) OVER () FROM t",
            "SELECT a FROM t LEFT JOIN u USING (a) WHERE EXISTS (SELECT 1 FROM v) AND NOT EXISTS (SELECT 1 FROM v)",
            "SELECT x FROM (SELECT a AS x FROM t) WHERE x BETWEEN 1 AND 2 AND x NOT BETWEEN 3 AND 4 AND x NOT LIKE '%a_b'",
            "SELECT a FROM t WHERE a IN (SELECT b FROM u) AND a NOT IN (SELECT b FROM u) AND a IS NOT NULL AND NOT a = 1",
            "SELECT sum(x) FILTER (WHERE y > 1), count(DISTINCT x), count(y), min(x), round(x, 2), round(x) FROM t LIMIT 5 OFFSET 2",
            "SELECT t.*, u.* FROM t JOIN u ON t.a = u.a ORDER BY 1, 2 DESC",
        ] {
            for lang in [Lang::English, Lang::Chinese] {
                let said = explain(sql, lang).unwrap();
                assert!(!said.contains(['{', '}']), "{said}");
            }
        }
        for sql in ["", "DROP TABLE t", "SELECT", "SELECT 'a", "FROM t"] {
            assert!(explain(sql, Lang::English).is_err(), "{sql}");
        }
    }

    #[test]
    fn languages_have_names() {
        assert_eq!(Lang::read(None).unwrap(), Lang::English);
        assert_eq!(Lang::read(Some("ZH")).unwrap(), Lang::Chinese);
        let refused = Lang::read(Some("fr")).unwrap_err();
        assert_eq!(refused.to_string(), "lang is \"fr\"; give \"en\" or \"zh\"");
    }
}
