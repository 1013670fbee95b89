//! Why a reading is hardly what was meant.

mod unsaid;

use unsaid::never;

use super::super::catalog::{Catalog, ColumnRef, words};
use super::super::finish::is_person;
use super::super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, is_aggregate, tables,
};
use super::super::joins::Trees;
use super::super::lexicon::Op;
use super::super::link::{EXACT, Meaning, Mention};
use super::super::print::number;
use super::super::reader::name_of;
use super::super::tokens::Token;
use super::INCOME;
use super::units::{unit_name, unit_of_name};

/// What a question says, as far as readings of it are judged by it.
pub struct Said<'a> {
    pub catalog: &'a Catalog,
    pub tokens: &'a [Token],
    pub mentions: &'a [Mention],
}

impl Said<'_> {
    /// A number, a comparison or what is to be shown that a query, its SQL and what it takes for granted leave out.
    pub fn lost(
        &self,
        trees: &Trees<'_>,
        query: &Query,
        sql: &str,
        notes: &[String],
    ) -> Option<String> {
        self.uncompared(sql)
            .or_else(|| self.lost_number(sql, notes))
            .or_else(|| self.lost_part(sql))
            .or_else(|| self.unordered(query))
            .or_else(|| self.counts_one(trees, query))
            .or_else(|| self.unshown(query))
            .or_else(|| self.not_who(query))
            .or_else(|| self.ungrouped(query))
            .or_else(|| self.unsaid_value(query, sql))
            .or_else(|| self.bounds_key(query))
            .or_else(|| self.uncounted(query))
            .or_else(|| self.no_year(query))
            .or_else(|| never(query))
    }

    /// "Starts with", where no text is compared.
    fn lost_part(&self, sql: &str) -> Option<String> {
        let part = self.mentions.iter().find(|m| {
            let ends = matches!(m.kind, Meaning::Op(Op::Like("start" | "end")));
            ends && m.end - m.start > 1
        })?;
        let word = &self.tokens[part.start].text;
        (!sql.contains(" LIKE ")).then(|| format!("it does not say \"{word}\""))
    }

    /// "Alphabetically", "in descending order", of rows in no order, or in the other one alone.
    fn unordered(&self, query: &Query) -> Option<String> {
        let inner = query.of.iter().flat_map(|of| &of.order);
        let order: Vec<bool> = query
            .order
            .iter()
            .chain(inner)
            .map(|(_, desc)| *desc)
            .collect();
        let lost = self.mentions.iter().find(|m| {
            let done = match m.kind {
                // The oldest come first by the least day of birth.
                Meaning::Op(Op::Dir(desc)) if self.is_plain_direction(m) => order.contains(&desc),
                Meaning::Op(Op::Dir(_) | Op::Alphabetical) => !order.is_empty(),
                _ => true,
            };
            !done && !self.means_other(m)
        })?;
        Some(format!("it has nothing of \"{}\"", self.words_of(lost)?))
    }

    /// Whether words of a direction say nothing of what is ordered: "descending", not "from oldest to youngest".
    fn is_plain_direction(&self, mention: &Mention) -> bool {
        let plain = ["descending", "ascending", "decreasing", "increasing"];
        let mut words = self.tokens[mention.start..mention.end].iter();
        words.any(|t| plain.contains(&t.lower.as_str()))
    }

    /// Whether a longer phrase or a name of the database is meant by a word of the language.
    fn means_other(&self, mention: &Mention) -> bool {
        let within = |o: &Mention| o.start <= mention.start && mention.end <= o.end;
        // "Order" names orders, but not in "alphabetical order".
        let length = mention.end - mention.start;
        let is_part = |o: &Mention| {
            mention.start <= o.start && o.end <= mention.end && o.end - o.start < length
        };
        self.mentions.iter().any(|o| match o.kind {
            // A longer phrase is meant, not a word of it.
            Meaning::Op(_) => within(o) && o.end - o.start > mention.end - mention.start,
            _ => o.score >= EXACT && o.start < mention.end && mention.start < o.end && !is_part(o),
        })
    }

    /// The words of a mention, as the question has them.
    fn words_of(&self, mention: &Mention) -> Option<String> {
        let words = self.tokens.get(mention.start..mention.end)?;
        let words: Vec<&str> = words.iter().map(|t| t.text.as_str()).collect();
        Some(words.join(" "))
    }

    /// A number of rows for each row, which is one.
    fn counts_one(&self, trees: &Trees<'_>, query: &Query) -> Option<String> {
        let rows = |e: &Expr| *e == Expr::Aggregate(Aggregate::Count, false, None);
        let by_count = query.order.iter().any(|(e, _)| rows(e));
        if !by_count && !query.having.iter().any(|f| rows(&f.left)) {
            return None;
        }
        let tree = trees.tree(&tables(query))?;
        let table = query.group.iter().find_map(|e| match e {
            Expr::Column(c) => {
                let table = &self.catalog.tables[c.table];
                let own = &table.columns[c.column];
                // What most things are called is the name of one.
                let one = own
                    .distinct
                    .zip(table.rows)
                    .is_none_or(|(names, rows)| names >= rows);
                let named = one && name_of(self.catalog, c.table) == [*c];
                let tells = self.catalog.is_primary(*c) || named;
                (tells && tree.repeats(c.table).is_none()).then_some(c.table)
            }
            _ => None,
        })?;
        let name = &self.catalog.tables[table].name;
        Some(format!("each row of {name} is one"))
    }

    /// Why a query with its SQL is hardly what was meant otherwise.
    pub fn doubt(&self, trees: &Trees<'_>, query: &Query, sql: &str) -> Option<String> {
        undefined(self.tokens, self.mentions, query)
            .or_else(|| self.supposed())
            .or_else(|| self.unread())
            .or_else(|| self.ignored(sql))
            .or_else(|| self.mean_of_counts(sql))
            .or_else(|| self.another_quality(query))
            .or_else(|| self.other_unit(sql))
            .or_else(|| contradiction(query))
            .or_else(|| self.other_way(trees, query))
            .or_else(|| counted_twice(self.catalog, trees, query))
            .or_else(|| counted_beside(self.catalog, trees, self.mentions, query))
    }

    /// "Revenue" that nobody defined, taken for the one total that there is.
    fn supposed(&self) -> Option<String> {
        let total = self.catalog.total_of_facts()?;
        let defined = |at: usize| {
            let mut here = self.mentions.iter().filter(|m| m.start == at);
            here.any(|m| matches!(m.kind, Meaning::Metric(_)) && m.score >= EXACT)
        };
        let at = (1..self.tokens.len()).find(|&at| {
            let income = INCOME.contains(&self.tokens[at].lower.as_str());
            income && self.tokens[at - 1].range.is_empty() && !defined(at)
        })?;
        Some(format!(
            "\"{}\" is taken for the sum of {}; say what it is by lumos_metric_define",
            self.tokens[at].text,
            self.catalog.named(total)
        ))
    }

    /// A number that the SQL does not have: whatever it bounds was left out.
    fn lost_number(&self, sql: &str, notes: &[String]) -> Option<String> {
        let digits = |text: &str, wanted: &str| {
            text.match_indices(wanted).any(|(at, _)| {
                let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                !is_digit(text[..at].chars().next_back())
                    && !is_digit(text[at + wanted.len()..].chars().next())
            })
        };
        let has = |n: f64| {
            let wanted = number(n);
            digits(sql, &wanted) || notes.iter().any(|note| digits(note, &wanted))
        };
        let lost = self.tokens.iter().find(|t| {
            let Some(n) = t.number.filter(|_| !t.quoted && !t.range.is_empty()) else {
                return false;
            };
            // A year may end where the next begins.
            let next = (1000.0..2200.0).contains(&n) && has(n + 1.0);
            n > 1.0 && !has(n) && !next && !digits(sql, &t.text)
        })?;
        Some(format!("it leaves out \"{}\"", lost.text))
    }

    /// "Tracks with their genres": the genres are to be shown too.
    fn unshown(&self, query: &Query) -> Option<String> {
        let is = |at: usize, words: &[&str]| {
            let token = self.tokens.get(at);
            token.is_some_and(|t| words.contains(&t.lower.as_str()))
        };
        let shows = |m: &Mention| match m.kind {
            Meaning::Table(table) => {
                tables(query).contains(&table) && query.select.iter().any(|e| of(e, table))
            }
            Meaning::Column(column) => {
                let shown = Expr::Column(column);
                // A key is shown by the name of what it refers to.
                let to = self.catalog.refers(column).map(|to| to.table);
                let named = |e: &Expr| to.is_some() && e.column().map(|c| c.table) == to;
                query.select.iter().any(named)
                    || query.select.contains(&shown)
                    || query.filters.iter().any(|f| f.left == shown)
            }
            _ => true,
        };
        // And what they belong to beside them.
        let beside = |m: &Mention| match m.kind {
            Meaning::Table(table) => query.select.iter().any(|e| !of(e, table)),
            Meaning::Column(column) => query.select.iter().any(|e| *e != Expr::Column(column)),
            _ => true,
        };
        let at = (2..self.tokens.len()).find(|&at| {
            let mut here = self
                .mentions
                .iter()
                .filter(|m| m.start == at && m.score > 0.75)
                .peekable();
            is(at - 1, &["their", "its", "his", "her"])
                && is(at - 2, &["with", "and", "plus", "including"])
                && here.peek().is_some()
                && !here.any(|m| shows(m) && beside(m))
        })?;
        Some(format!("it does not show \"{}\"", self.tokens[at].text))
    }

    /// A word that changes what is asked, and that no reading can say.
    fn unread(&self) -> Option<String> {
        let is_value = |at: usize| {
            let mut here = self.mentions.iter().filter(|m| m.start <= at && at < m.end);
            here.any(|m| matches!(m.kind, Meaning::Value(_)) && m.end - m.start > 1)
        };
        let changes = ["same", "median", "second", "third", "consecutive", "except"];
        let at = (0..self.tokens.len()).find(|&i| {
            let token = &self.tokens[i];
            !token.quoted && changes.contains(&token.lower.as_str()) && !is_value(i)
        })?;
        Some(format!("it does not say \"{}\"", self.tokens[at].lower))
    }

    /// A superlative, a mean or a negation of which the SQL has nothing. A word that may be a name asks for nothing.
    fn ignored(&self, sql: &str) -> Option<String> {
        let any = |parts: &[&str]| parts.iter().any(|part| sql.contains(part));
        let defined = |m: &Mention| matches!(m.kind, Meaning::Metric(_));
        let defined = self.mentions.iter().any(defined);
        let does = |op: Op| match op {
            Op::Super(_)
            | Op::Quality(_, true)
            | Op::Frequent(_)
            | Op::Agg(Aggregate::Max | Aggregate::Min) => any(&["ORDER BY", "max(", "min("]),
            Op::Agg(Aggregate::Avg) => defined || any(&["avg("]),
            Op::Not => any(&[" NOT ", "!=", "EXCEPT", "IS NULL", "<", ">"]),
            _ => true,
        };
        let lost = self.mentions.iter().find(|m| {
            let Meaning::Op(op) = m.kind else {
                return false;
            };
            !does(op) && !self.means_other(m)
        })?;
        Some(format!("it has nothing of \"{}\"", self.words_of(lost)?))
    }

    /// "The average number of items per order", where numbers that rows have are averaged in place of their count.
    fn mean_of_counts(&self, sql: &str) -> Option<String> {
        let counted = self.mentions.iter().find(|m| {
            let table = matches!(m.kind, Meaning::Table(_)) && m.score > 0.75;
            let before = |at: usize, op: Op| {
                let mut here = self.mentions.iter().filter(|m| m.end == at);
                here.find(|m| matches!(m.kind, Meaning::Op(o) if o == op))
                    .map(|m| m.start)
            };
            let number = before(m.start, Op::Count).filter(|_| table);
            number.is_some_and(|at| before(at, Op::Agg(Aggregate::Avg)).is_some())
        })?;
        let name = &self.tokens[counted.start].text;
        (!sql.contains("WITH asked")).then(|| format!("it does not count \"{name}\""))
    }

    /// "Who ...", answered by what is no person.
    fn not_who(&self, query: &Query) -> Option<String> {
        let who = self.tokens.first().is_some_and(|t| t.lower == "who");
        let is_one = |c: &ColumnRef| {
            let name = words(&self.catalog.at(*c).name);
            let ends = ["er", "or", "name"]
                .iter()
                .any(|end| name.iter().any(|w| w.ends_with(end)));
            let called = || name_of(self.catalog, c.table).contains(c);
            ends || is_person(self.catalog, c.table) && (self.catalog.is_key(*c) || called())
        };
        let person = |e: &Expr| matches!(e, Expr::Column(c) if is_one(c));
        let shown = query.select.iter().any(person);
        let all = query.select.is_empty()
            && tables(query)
                .first()
                .is_some_and(|t| is_person(self.catalog, *t));
        (who && !shown && !all && query.of.is_none()).then(|| "it does not say who".into())
    }

    /// "The oldest album" by what another thing has, "the youngest employee" by what is no age.
    fn another_quality(&self, query: &Query) -> Option<String> {
        let (by, _) = query.order.first()?;
        let Expr::Column(by) = *by else { return None };
        let follows = |m: &Mention| {
            let mut next = self
                .mentions
                .iter()
                .filter(|n| n.start == m.end && n.score > 0.6);
            next.find_map(|n| match n.kind {
                Meaning::Table(table) => Some(Some(table)),
                Meaning::Column(c) => (c == by).then_some(None),
                _ => None,
            })
        };
        // "The best student in each course" is so by what the course has of a student.
        let each: Vec<usize> = query
            .per
            .iter()
            .flat_map(Expr::columns)
            .map(|c| c.table)
            .collect();
        let others = self.mentions.iter().find(|m| match m.kind {
            Meaning::Op(Op::Quality(quality, true)) => {
                let name = words(&self.catalog.at(by).name);
                let age = self.catalog.is_birth(by) || name.iter().any(|w| w == "age");
                let person = quality < 2 && is_person(self.catalog, by.table) && !age;
                let other = follows(m).flatten().is_some_and(|table| {
                    table != by.table
                        && !each
                            .iter()
                            .any(|each| self.catalog.links(by.table, table, *each))
                });
                person || other
            }
            // "The most sick days" of all are added up.
            Meaning::Op(Op::Super(true)) if self.tokens[m.start].lower == "most" => {
                let mut shown = query.select.iter().filter(|_| follows(m) == Some(None));
                shown.any(|e| matches!(e, Expr::Column(c) if c.table != by.table))
            }
            _ => false,
        })?;
        let word = &self.tokens[others.start].lower;
        Some(format!("\"{word}\" is by {}", self.catalog.named(by)))
    }

    /// "In minutes", where what is shown has another unit.
    fn other_unit(&self, sql: &str) -> Option<String> {
        let at = (1..self.tokens.len()).find(|&i| {
            let word = &self.tokens[i].lower;
            let said = word.len() > 2 && self.tokens[i - 1].lower == "in" && !self.tokens[i].quoted;
            let mut names = sql.split('"');
            said && unit_name(word)
                .is_some_and(|unit| !names.any(|name| unit_of_name(name) == Some(unit)))
        })?;
        Some(format!("it is not told in {}", self.tokens[at].lower))
    }

    /// Tables that are joined by another way too, where the question says neither.
    fn other_way(&self, trees: &Trees<'_>, query: &Query) -> Option<String> {
        let own = tables(query);
        let tree = trees.tree(&own)?;
        let name = |table: usize| self.catalog.tables[table].name.as_str();
        if let Some((a, b)) = trees.unsaid(&tree) {
            return Some(format!(
                "{} refers to {} in several ways; say which",
                name(a),
                name(b)
            ));
        }
        let said = |table: usize| {
            let mut named = self.mentions.iter().filter(|m| m.score > 0.6);
            own.contains(&table) || named.any(|m| matches!(m.kind, Meaning::Table(t) if t == table))
        };
        let (by, others) = trees.others(&tree, &said)?;
        Some(format!(
            "it goes by {}; {} would be another way",
            name(by),
            name(others)
        ))
    }

    /// The comparison with a number or a mean that a question has, where its SQL compares nothing.
    fn uncompared(&self, sql: &str) -> Option<String> {
        if sql.contains(['<', '>']) || sql.contains(" BETWEEN ") {
            return None;
        }
        let is_mean = |at: usize| {
            let mut here = self.mentions.iter().filter(|m| m.start == at);
            here.any(|m| matches!(m.kind, Meaning::Op(Op::Agg(Aggregate::Avg))))
        };
        let is_the = |at: usize| self.tokens.get(at).is_some_and(|t| t.lower == "the");
        let (lost, end) = self.mentions.iter().find_map(|m| {
            let compares = match m.kind {
                Meaning::Op(Op::Cmp(cmp)) => {
                    [Compare::Gt, Compare::Ge, Compare::Lt, Compare::Le].contains(&cmp)
                }
                Meaning::Op(Op::Quality(_, most)) => !most,
                _ => false,
            };
            let end = m.end + usize::from(is_the(m.end));
            let number = self.tokens.get(end).is_some_and(|t| t.number.is_some());
            (compares && (number || is_mean(end))).then_some((m, end))
        })?;
        let words = self.tokens.get(lost.start..=end)?;
        let words: Vec<&str> = words.iter().map(|t| t.text.as_str()).collect();
        Some(format!("it does not compare \"{}\"", words.join(" ")))
    }
}

/// Whether a value is of a table.
fn of(expr: &Expr, table: usize) -> bool {
    match expr {
        Expr::Column(c) | Expr::Aggregate(_, _, Some(c)) | Expr::Unit(_, c) => c.table == table,
        _ => true,
    }
}

/// Two values that one row is to have in the same column.
fn contradiction(query: &Query) -> Option<String> {
    let one = |f: &Filter| match (&f.left, f.op, &f.right) {
        (Expr::Column(c), Compare::Eq, Right::One(Literal::Text(text))) => Some((*c, text.clone())),
        _ => None,
    };
    let inner = query.filters.iter().filter_map(|f| match &f.right {
        Right::Query(query) => contradiction(query),
        _ => None,
    });
    if let Some(found) = inner.into_iter().next() {
        return Some(found);
    }
    if query.set.is_some() && query.select.iter().any(is_aggregate) {
        return Some("it compares numbers of both in place of what they count".into());
    }
    // What OR joins to another is no condition of its own.
    let alone =
        |i: usize| !query.filters[i].or && query.filters.get(i + 1).is_none_or(|next| !next.or);
    let all: Vec<_> = (0..query.filters.len())
        .filter(|i| alone(*i))
        .filter_map(|i| one(&query.filters[i]))
        .collect();
    let (a, b) = all.iter().enumerate().find_map(|(i, a)| {
        let b = all[..i].iter().find(|b| b.0 == a.0 && b.1 != a.1)?;
        Some((b, a))
    })?;
    Some(format!("no row is both \"{}\" and \"{}\"", a.1, b.1))
}

/// The word for an aggregate of a metric, where a query shows the metric as it is.
fn undefined(tokens: &[Token], mentions: &[Mention], query: &Query) -> Option<String> {
    let shown = query.select.iter().any(|e| matches!(e, Expr::Metric(_)));
    if !shown || !query.order.is_empty() {
        return None;
    }
    let is_other = |m: &Mention| {
        let aggregate = matches!(m.kind, Meaning::Op(Op::Agg(agg)) if agg != Aggregate::Sum);
        aggregate || matches!(m.kind, Meaning::Op(Op::Super(_)))
    };
    let metrics = mentions
        .iter()
        .filter(|m| matches!(m.kind, Meaning::Metric(_)) && m.score >= EXACT);
    let (metric, other) = metrics.into_iter().find_map(|metric| {
        let before = metric.start.saturating_sub(2)..metric.start;
        let mut others = mentions.iter();
        Some((
            metric,
            others.find(|m| before.contains(&m.start) && is_other(m))?,
        ))
    })?;
    let (word, name) = (
        &tokens.get(other.start)?.text,
        &tokens.get(metric.start)?.text,
    );
    Some(format!(
        "\"{word}\" of \"{name}\" is not defined; say of what each is, or define another metric"
    ))
}

/// What a question counts, where a quantity of other rows is beside it that repeats them.
fn counted_beside(
    catalog: &Catalog,
    trees: &Trees<'_>,
    mentions: &[Mention],
    query: &Query,
) -> Option<String> {
    let having = query.having.iter().map(|f| &f.left);
    let all = || query.select.iter().chain(having.clone());
    let rows = Expr::Aggregate(Aggregate::Count, false, None);
    if !all().any(|e| *e == rows) || !all().any(|e| matches!(e, Expr::Metric(_))) {
        return None;
    }
    let (table, several) = counted(catalog, trees, mentions, query)?;
    let name = |table: usize| &catalog.tables[table].name;
    Some(format!(
        "a row of {} is counted once for each of {}",
        name(table),
        name(several)
    ))
}

/// The things that a question counts, and those of which joins bring several for each.
fn counted(
    catalog: &Catalog,
    trees: &Trees<'_>,
    mentions: &[Mention],
    query: &Query,
) -> Option<(usize, usize)> {
    let tree = trees.tree(&tables(query))?;
    mentions.iter().find_map(|m| match m.kind {
        Meaning::Table(table) if m.score > 0.75 && table < catalog.tables.len() => {
            let several = tree.repeats(table)?;
            let counts = mentions.iter().any(|op| {
                let follows = op.end == m.start || op.end + 1 == m.start;
                let number = matches!(op.kind, Meaning::Op(Op::Count) | Meaning::Number(_));
                follows && number
            });
            counts.then_some((table, several))
        }
        _ => None,
    })
}

/// "How many customers bought books": who bought several is counted once.
pub fn counted_once(catalog: &Catalog, trees: &Trees<'_>, mentions: &[Mention], query: &mut Query) {
    let rows = Expr::Aggregate(Aggregate::Count, false, None);
    let others = query.select.iter().any(|e| matches!(e, Expr::Metric(_)));
    if others || !query.select.contains(&rows) {
        return;
    }
    let Some((table, _)) = counted(catalog, trees, mentions, query) else {
        return;
    };
    if let key @ Some(_) = catalog.key(table) {
        for expr in query.select.iter_mut().filter(|e| **e == rows) {
            *expr = Expr::Aggregate(Aggregate::Count, true, key);
        }
    }
}

/// What sums or means of a query count several times, since joins repeat its rows.
pub fn counted_twice(catalog: &Catalog, trees: &Trees<'_>, query: &Query) -> Option<String> {
    let tree = trees.tree(&tables(query))?;
    let order = query.order.iter().map(|(e, _)| e);
    let having = query.having.iter().map(|f| &f.left);
    let mut all = query.select.iter().chain(order).chain(having);
    all.find_map(|mut expr| {
        while let Expr::Window(_, of, _) | Expr::Part(of, _) = expr {
            expr = of;
        }
        let table = match expr {
            Expr::Aggregate(Aggregate::Sum | Aggregate::Avg, false, Some(c)) => c.table,
            Expr::Metric(metric) => catalog.metrics.get(*metric)?.table,
            _ => return None,
        };
        let several = &catalog.tables[tree.repeats(table)?].name;
        let name = &catalog.tables[table].name;
        Some(format!(
            "a row of {name} counts once for each of {several}; define a metric of {several} by lumos_metric_define"
        ))
    })
}
