//! Groups, values and counts that a question says and a reading has nothing of.

use super::super::super::catalog::ColumnKind;
use super::super::super::ir::{Compare, Expr, Filter, Literal, Query, Right, is_aggregate};
use super::super::super::lexicon::Op;
use super::super::super::link::{EXACT, Meaning, Mention};
use super::Said;

impl Said<'_> {
    /// "Fees per doctor" in one sum of all.
    pub fn ungrouped(&self, query: &Query) -> Option<String> {
        let grouped = !query.group.is_empty() || !query.per.is_empty();
        if grouped || query.of.is_some() || query.set.is_some() {
            return None;
        }
        // "The salary of each doctor" has no group either.
        let one = query.limit == Some(1);
        let aggregates = !query.select.is_empty() && query.select.iter().all(is_aggregate);
        let per = self.mentions.iter().find(|m| {
            let each = matches!(m.kind, Meaning::Op(Op::Each));
            let word = &self.tokens[m.end - 1].lower;
            let said = ["per", "each", "every"].contains(&word.as_str());
            let named = self.mentions.iter().any(|n| {
                let name = matches!(n.kind, Meaning::Table(_) | Meaning::Column(_));
                n.start == m.end && name && n.score > 0.6
            });
            let lost = aggregates || one || word == "per";
            each && said && lost && named && !self.means_other(m)
        })?;
        let words = self.tokens.get(per.start..=per.end)?;
        let words: Vec<&str> = words.iter().map(|t| t.text.as_str()).collect();
        Some(format!("it has nothing of \"{}\"", words.join(" ")))
    }

    /// "Female patients": a word that is a value and nothing else, of which the SQL has nothing.
    pub fn unsaid_value(&self, query: &Query, sql: &str) -> Option<String> {
        let other = |m: &Mention| {
            self.mentions.iter().any(|o| {
                let beside = o.start < m.end && m.start < o.end;
                beside && !matches!(o.kind, Meaning::Value(_) | Meaning::Text(_))
            })
        };
        let longer = |m: &Mention| {
            self.mentions.iter().any(|o| {
                let value = matches!(o.kind, Meaning::Value(_) | Meaning::Text(_));
                let within = o.start <= m.start && m.end <= o.end;
                value && within && o.end - o.start > m.end - m.start
            })
        };
        let lost = self.mentions.iter().find(|m| {
            let Meaning::Value(found) = &m.kind else {
                return false;
            };
            let has = |text: &String| sql.contains(&format!("'{}'", text.replace('\'', "''")));
            let one = found.iter().all(|(c, _)| c.table == found[0].0.table);
            m.score >= EXACT && one && !found.iter().any(|(_, t)| has(t)) && !other(m) && !longer(m)
        })?;
        // A value that is a part of one that the SQL has.
        let word = &self.tokens[lost.start];
        let part = sql.to_lowercase().contains(&word.lower) || query.set.is_some();
        (!part).then(|| {
            format!(
                "it leaves out \"{}\"",
                self.words_of(lost).unwrap_or_default()
            )
        })
    }

    /// "More than 3 orders", where keys are compared with 3.
    pub fn bounds_key(&self, query: &Query) -> Option<String> {
        let ids = ["id", "ids", "number", "no", "code", "key", "#"];
        if self.tokens.iter().any(|t| ids.contains(&t.lower.as_str())) {
            return None;
        }
        let number = |f: &Filter| matches!(f.right, Right::One(Literal::Number(_)));
        let bounds = [
            Compare::Gt,
            Compare::Ge,
            Compare::Lt,
            Compare::Le,
            Compare::Ne,
        ];
        let key = query.filters.iter().find_map(|f| match f.left {
            Expr::Column(c) if bounds.contains(&f.op) && number(f) && self.catalog.is_key(c) => {
                Some(c)
            }
            _ => None,
        })?;
        Some(format!(
            "it compares {}, which is a key",
            self.catalog.named(key)
        ))
    }

    /// "Fees in 2023", where fees are to be 2023.
    pub fn no_year(&self, query: &Query) -> Option<String> {
        let year = |i: usize| {
            let number = self.tokens[i]
                .number
                .filter(|n| (1900.0..2100.0).contains(n));
            let before = ["in", "since", "during"].contains(&self.tokens[i - 1].lower.as_str());
            number.filter(|_| before)
        };
        let said = (1..self.tokens.len()).find_map(year)?;
        let amount = query
            .filters
            .iter()
            .find_map(|f| match (&f.left, &f.right) {
                (Expr::Column(c), Right::One(Literal::Number(n))) if *n == said => {
                    let real = self.catalog.at(*c).kind == ColumnKind::Real;
                    (real && f.op == Compare::Eq).then_some(*c)
                }
                _ => None,
            })?;
        Some(format!("{} is no year", self.catalog.named(amount)))
    }

    /// "The number of their patients", where nothing is counted.
    pub fn uncounted(&self, query: &Query) -> Option<String> {
        let order = query.order.iter().map(|(e, _)| e);
        let having = query.having.iter().map(|f| &f.left);
        let mut all = query.select.iter().chain(order).chain(having);
        let number = |c| self.catalog.at(c).kind.is_number() && !self.catalog.is_key(c);
        let counts = |e: &Expr| match e {
            Expr::Column(c) => number(*c),
            _ => true,
        };
        if query.select.is_empty() || query.of.is_some() || query.set.is_some() || all.any(counts) {
            return None;
        }
        let lost = self.mentions.iter().find(|m| {
            let words = &self.tokens[m.start..m.end];
            let number =
                matches!(words, [number, of] if number.lower == "number" && of.lower == "of");
            let things = self.mentions.iter().any(|n| {
                let their = usize::from(self.tokens.get(m.end).is_some_and(|t| t.lower == "their"));
                n.start == m.end + their && matches!(n.kind, Meaning::Table(_)) && n.score > 0.6
            });
            number && things && matches!(m.kind, Meaning::Op(Op::Count)) && !self.means_other(m)
        })?;
        let words = self.words_of(lost)?;
        Some(format!("it has nothing of \"{words}\""))
    }
}

/// A time that is to be after one and before an earlier one.
pub fn never(query: &Query) -> Option<String> {
    let bound = |f: &Filter| match (&f.left, &f.right) {
        (Expr::Column(c), Right::One(Literal::Text(text))) => {
            let day = text.len() >= 10 && text.as_bytes()[4] == b'-';
            (day && !f.or).then(|| (*c, f.op, text.clone()))
        }
        _ => None,
    };
    if query.filters.iter().any(|f| f.or) {
        return None;
    }
    let all: Vec<_> = query.filters.iter().filter_map(bound).collect();
    let after = all
        .iter()
        .filter(|b| matches!(b.1, Compare::Ge | Compare::Gt));
    let (from, to) = after.into_iter().find_map(|a| {
        let before =
            |b: &&(_, Compare, String)| matches!(b.1, Compare::Lt) && b.0 == a.0 && b.2 <= a.2;
        Some((a, all.iter().find(before)?))
    })?;
    Some(format!(
        "no time is both after {} and before {}",
        from.2, to.2
    ))
}
