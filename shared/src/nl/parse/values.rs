//! Values, texts, numbers and days as conditions.

use super::super::catalog::{ColumnKind, ColumnRef, iso, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Right};
use super::super::link::{Meaning, Mention, literal, related_words};
use super::super::modify::moment;
use super::super::reader::name_of;
use super::super::state::State;
use super::super::tokens::{Token, stem};
use super::{Walk, push_filter};
use crate::calendar;

/// How much likelier a value counts that stands before the thing that it is said of.
const OF_THING: f32 = 7.0;

/// How much likelier a value is one of the names of a table's own things, and none of what refers to them.
const OWN: f32 = 0.5;

/// How much likelier it is that a number is compared with a column in whose unit it can be told.
const UNIT: f32 = 3.0;

impl Walk<'_> {
    pub fn value(
        &self,
        state: &State,
        mention: &Mention,
        found: &[(ColumnRef, String)],
        next: &mut Vec<State>,
    ) {
        let model = self.reader.model;
        let focused = |c: &ColumnRef| matches!(&state.focus, Some(Expr::Column(f)) if f == c);
        let named = |c: &ColumnRef| {
            self.mentions
                .iter()
                .any(|m| matches!(m.kind, Meaning::Table(t) if t == c.table) && m.score > 0.6)
        };
        let mut order: Vec<&(ColumnRef, String)> = found.iter().collect();
        // What a table calls its own things comes before what refers to them.
        let own = |c: &ColumnRef| {
            let table = words(&self.catalog().tables[c.table].name);
            words(&self.catalog().at(*c).name).starts_with(&table)
        };
        order.sort_by_key(|(c, _)| {
            let refers = self.catalog().refers(*c).is_some();
            (!focused(c), !named(c), refers, !own(c))
        });
        // "Rock tracks": what stands before a thing says which of them, if it means nothing else.
        let before_thing = self.mentions.iter().any(|m| {
            m.start == mention.end && m.score > 0.75 && matches!(m.kind, Meaning::Table(_))
        }) && !self.mentions.iter().any(|m| {
            m.start < mention.end
                && m.end > mention.start
                && !matches!(m.kind, Meaning::Value(_) | Meaning::Text(_))
        });
        let length = match mention.end - mention.start {
            1 if self.tokens[mention.start].quoted => "quoted",
            1 if self.tokens[mention.start].capital && mention.start > 0 => "capital",
            1 if self.tokens[mention.start].number.is_some() => "number",
            1 => "1",
            2 => "2",
            _ => "3",
        };
        for (i, (column, text)) in order.into_iter().take(6).enumerate() {
            let take = |role: &'static str| {
                let mut s = self.with(state, mention, role);
                s.add(model, &["value", role, length], 1.0);
                let exact = self.tokens[mention.start..mention.end]
                    .iter()
                    .map(|t| t.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
                    == *text;
                s.add(
                    model,
                    &["valuecase", if exact { "exact" } else { "other" }, length],
                    1.0,
                );
                self.affinity(&mut s, mention, *column, "value");
                if before_thing {
                    s.score += OF_THING;
                }
                if own(column) && self.catalog().refers(*column).is_none() {
                    s.score += OWN;
                }
                s.add(model, &["valuerank"], i as f32);
                if focused(column) {
                    s.add(model, &["valuefocus"], 1.0);
                    s.focus_used = true;
                } else if state.focus.is_some() && !state.focus_used {
                    s.add(model, &["valueother"], 1.0);
                }
                s
            };
            let like = state.wait.like;
            let right = match like {
                None => Right::One(literal(self.catalog(), *column, text)),
                Some(place) => Right::One(Literal::Text(pattern(text, place))),
            };
            let op = if like.is_some() {
                Compare::Like
            } else {
                Compare::Eq
            };
            let filter = |s: &mut State, not: bool| {
                let cmp = s.wait.cmp.take().filter(|_| like.is_none());
                s.wait.like = None;
                let op = cmp.unwrap_or(op);
                Filter {
                    left: Expr::Column(*column),
                    op: if not { op.negated() } else { op },
                    right: right.clone(),
                    or: std::mem::take(&mut s.wait.or),
                }
            };
            let mut s = take("value");
            let not = std::mem::take(&mut s.wait.not);
            let f = filter(&mut s, not);
            let same = s
                .filters
                .iter()
                .any(|g| g.left == f.left && g.op == f.op && !f.or);
            if same {
                s.add(model, &["samecolumn"], 1.0);
            }
            push_filter(&mut s, f);
            next.push(s);
            if let Some(last) = state.filters.last()
                && last.left == Expr::Column(*column)
                && state.also.is_none()
            {
                let mut s = take("both");
                s.wait.both = false;
                let f = filter(&mut s, false);
                s.also = Some(f);
                next.push(s);
                if !state.wait.or {
                    let mut s = take("either");
                    let mut f = filter(&mut s, false);
                    f.or = true;
                    s.filters.push(f);
                    next.push(s);
                }
            }
            if state.wait.not {
                let mut s = take("valuewithout");
                s.wait.not = false;
                let f = filter(&mut s, false);
                s.without
                    .push((column.table, vec![Filter { or: false, ..f }]));
                next.push(s);
            }
        }
    }

    pub fn text(&self, state: &State, mention: &Mention, text: &str, next: &mut Vec<State>) {
        let model = self.reader.model;
        let mut columns: Vec<(ColumnRef, &str)> = Vec::new();
        if let Some(Expr::Column(c)) = &state.focus
            && self.catalog().at(*c).kind == ColumnKind::Text
        {
            columns.push((*c, "focus"));
        }
        for (table, _) in state.named.iter().rev().take(2) {
            for c in name_of(self.catalog(), *table) {
                columns.push((c, "name"));
            }
        }
        for (column, how) in columns.into_iter().take(3) {
            let mut s = self.with(state, mention, "text");
            s.add(
                model,
                &[
                    "text",
                    how,
                    if self.tokens[mention.start].quoted {
                        "quoted"
                    } else {
                        "plain"
                    },
                ],
                1.0,
            );
            self.affinity(&mut s, mention, column, "text");
            if how == "focus" {
                s.focus_used = true;
            }
            let not = std::mem::take(&mut s.wait.not);
            let (op, right) = match s.wait.like.take() {
                Some(place) => {
                    s.add(model, &["text", "like"], 1.0);
                    (Compare::Like, pattern(text, place))
                }
                None => (Compare::Eq, text.to_owned()),
            };
            let or = std::mem::take(&mut s.wait.or);
            let filter = Filter {
                left: Expr::Column(column),
                op: if not { op.negated() } else { op },
                right: Right::One(Literal::Text(right)),
                or,
            };
            push_filter(&mut s, filter);
            next.push(s);
        }
    }

    pub fn number(&self, state: &State, mention: &Mention, number: f64, next: &mut Vec<State>) {
        let model = self.reader.model;
        let w = &state.wait;
        if w.between {
            let mut s = self.with(state, mention, "between");
            let number = match &state.focus {
                Some(focus) => self.told(&mut s, focus, number),
                None => number,
            };
            match s.wait.low.take() {
                None => s.wait.low = Some(number),
                Some(low) => {
                    s.wait.between = false;
                    let left = match s.focus.clone() {
                        Some(focus) => Some(focus),
                        None => self.year_columns(state).first().map(|c| Expr::Column(*c)),
                    };
                    let Some(left) = left else { return };
                    let years = |n: f64| (1000.0..2200.0).contains(&n);
                    let is_date = matches!(&left, Expr::Column(c) if self.catalog().at(*c).kind == ColumnKind::Date);
                    if is_date && !(years(low) && years(number)) {
                        return;
                    }
                    s.focus_used = true;
                    let right = Right::Two(Literal::Number(low), Literal::Number(number));
                    let not = std::mem::take(&mut s.wait.not);
                    let op = Compare::Between;
                    push_filter(
                        &mut s,
                        Filter {
                            left,
                            op: if not { op.negated() } else { op },
                            right,
                            or: false,
                        },
                    );
                }
            }
            next.push(s);
        }
        if let Some(focus) = state.focus.clone().filter(|focus| !self.is_date(focus)) {
            let focus = &focus;
            let role = if w.cmp.is_some() { "numcmp" } else { "numeq" };
            let mut s = self.with(state, mention, role);
            let number = self.told(&mut s, focus, number);
            let numeric = match focus {
                Expr::Column(c) => self.catalog().at(*c).kind.is_number(),
                _ => true,
            };
            s.add(model, &["numeric", if numeric { "yes" } else { "no" }], 1.0);
            s.add(
                model,
                &["numfocus", if state.focus_used { "again" } else { "new" }],
                1.0,
            );
            let not = std::mem::take(&mut s.wait.not);
            let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
            s.focus_used = true;
            let or = std::mem::take(&mut s.wait.or);
            push_filter(
                &mut s,
                Filter {
                    left: focus.clone(),
                    op: if not { op.negated() } else { op },
                    right: Right::One(Literal::Number(number)),
                    or,
                },
            );
            next.push(s);
        }
        self.age(state, mention, number, next);
        self.measured(state, mention, number, next);
        let whole = number.fract() == 0.0 && number >= 0.0;
        if whole {
            let mut s = self.with(state, mention, "limit");
            s.wait.top = false;
            s.wait.limit = Some(number as u64);
            let ranked = matches!(state.last, "most" | "q-most");
            if let Some(last) = s.limit.as_mut().filter(|_| ranked) {
                *last = number as u64;
            }
            next.push(s);
        }
        let mut s = self.with(state, mention, "number");
        s.wait.number = Some(number);
        next.push(s);
        if (1000.0..2200.0).contains(&number) && whole {
            for (i, column) in self.year_columns(state).into_iter().take(3).enumerate() {
                let mut s = self.with(state, mention, "year");
                s.add(model, &["yearrank"], i as f32);
                self.affinity(&mut s, mention, column, "year");
                let op = s.wait.cmp.take();
                let number_kind = self.catalog().at(column).kind.is_number();
                let text = super::super::print::number(number);
                let year = calendar::year(number as i64)
                    .filter(|_| self.catalog().at(column).times().is_some())
                    .map(|(from, to)| (Literal::Text(moment(from)), Literal::Text(moment(to))));
                if let Some((from, to)) = year {
                    let (op, right) = match op {
                        Some(Compare::Lt) => (Compare::Lt, Right::One(from)),
                        Some(Compare::Ge) => (Compare::Ge, Right::One(from)),
                        Some(Compare::Gt) => (Compare::Ge, Right::One(to)),
                        Some(Compare::Le) => (Compare::Lt, Right::One(to)),
                        Some(Compare::Ne) => (Compare::Outside, Right::Two(from, to)),
                        _ => (Compare::Within, Right::Two(from, to)),
                    };
                    let left = Expr::Column(column);
                    let or = std::mem::take(&mut s.wait.or);
                    push_filter(
                        &mut s,
                        Filter {
                            left,
                            op,
                            right,
                            or,
                        },
                    );
                    next.push(s);
                    continue;
                }
                let (op, right) = match op {
                    _ if number_kind => (op.unwrap_or(Compare::Eq), Literal::Number(number)),
                    None | Some(Compare::Eq) => (Compare::Like, Literal::Text(format!("%{text}%"))),
                    Some(op) => (op, Literal::Text(text)),
                };
                let or = std::mem::take(&mut s.wait.or);
                push_filter(
                    &mut s,
                    Filter {
                        left: Expr::Column(column),
                        op,
                        right: Right::One(right),
                        or,
                    },
                );
                next.push(s);
            }
        }
        // "course 301", "order number 12": the key of the table that was just named.
        let is_called =
            |at: usize| ["number", "no", "id", "code"].contains(&self.tokens[at].lower.as_str());
        let named = state.named.last().filter(|(_, at)| {
            at + 1 == mention.start || at + 2 == mention.start && is_called(at + 1)
        });
        if let Some((table, _)) = named
            && let Some(column) = self.catalog().key(*table)
        {
            let mut s = self.with(state, mention, "numkey");
            let right = literal(self.catalog(), column, &self.tokens[mention.start].text);
            push_filter(
                &mut s,
                Filter {
                    left: Expr::Column(column),
                    op: Compare::Eq,
                    right: Right::One(right),
                    or: false,
                },
            );
            next.push(s);
        }
    }

    /// A number that a reading has come to, in the unit of what it is compared with; the unit is read with it.
    fn told(&self, s: &mut State, of: &Expr, number: f64) -> f64 {
        let Some(scaled) = self.scaled(of, number, s.at) else {
            return number;
        };
        s.at = scaled.end;
        s.score += UNIT;
        s.notes.extend(scaled.note);
        scaled.number
    }

    fn is_date(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Column(c) if self.catalog().at(*c).kind == ColumnKind::Date)
    }

    /// "Older than 60", where a day of birth is known: born more than so many years before now.
    fn age(&self, state: &State, mention: &Mention, number: f64, next: &mut Vec<State>) {
        let Some(Expr::Column(column)) = state.focus else {
            return;
        };
        let is_birth = self.catalog().is_birth(column);
        let is_age = number.fract() == 0.0 && (1.0..150.0).contains(&number);
        // What has the age itself is compared by that.
        let columns = &self.catalog().tables[column.table].columns;
        let has_age = columns
            .iter()
            .any(|c| words(&c.name).iter().any(|w| w == "age"));
        if !is_birth || !is_age || has_age || state.wait.cmp.is_none() {
            return;
        }
        let born = self.reader.latest().and_then(|now| {
            let (year, month, day) = calendar::civil(now.div_euclid(calendar::DAY));
            // The 29th of February is the 28th in other years.
            calendar::day_of(year - number as i64, month, day.min(28))
        });
        let Some(born) = born.map(|day| day * calendar::DAY) else {
            return;
        };
        let mut s = self.with(state, mention, "numcmp");
        s.score += UNIT;
        s.focus_used = true;
        let op = s.wait.cmp.take().unwrap_or(Compare::Lt);
        s.notes.push(format!(
            "who was born before {} is older than {number} years",
            moment(born)
        ));
        s.filters.push(Filter {
            left: Expr::Column(column),
            op,
            right: Right::One(Literal::Text(moment(born))),
            or: std::mem::take(&mut s.wait.or),
        });
        next.push(s);
    }

    /// "Between 100 and 200 kg", "over 2 kg": the unit says which column of the things is compared.
    fn measured(&self, state: &State, mention: &Mention, number: f64, next: &mut Vec<State>) {
        let first_of_two = state.wait.between && state.wait.low.is_none();
        let compares = state.wait.cmp.is_some() || first_of_two;
        let Some((table, _)) = state.named.last().filter(|_| compares) else {
            return;
        };
        for column in 0..self.catalog().tables[*table].columns.len() {
            let left = Expr::Column(ColumnRef {
                table: *table,
                column,
            });
            if state.focus.as_ref() == Some(&left)
                || self.scaled(&left, number, mention.end).is_none()
            {
                continue;
            }
            let mut s = self.with(state, mention, "numcmp");
            let number = self.told(&mut s, &left, number);
            s.focus = Some(left.clone());
            s.condition = true;
            if first_of_two {
                s.focus_used = false;
                s.wait.low = Some(number);
            } else {
                s.focus_used = true;
                let right = Right::One(Literal::Number(number));
                let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
                let or = std::mem::take(&mut s.wait.or);
                push_filter(
                    &mut s,
                    Filter {
                        left,
                        op,
                        right,
                        or,
                    },
                );
            }
            next.push(s);
        }
    }

    /// Columns of years and days: of the tables named last first, of these what the question says, birthdays last.
    pub fn year_columns(&self, state: &State) -> Vec<ColumnRef> {
        let mut all: Vec<ColumnRef> = self
            .reader
            .vocabulary
            .columns_named("year|date|founded|built|opened|season|time|birth")
            .into_iter()
            .map(|c| c.0)
            .collect();
        let of = |e: &Expr| e.column().map(|c| c.table);
        // The tables that the question names, then those of what it shows.
        let named = state.named.iter().rev().map(|(table, _)| *table);
        let shown = state.select.iter().chain(&state.focus).filter_map(of);
        let near_by: Vec<usize> = named.chain(shown).collect();
        for table in &near_by {
            let dates = self.catalog().dates(*table);
            all.extend(dates.filter(|c| !all.contains(c)).collect::<Vec<_>>());
        }
        let is_said = |c: &ColumnRef| {
            let said = |w: &String| {
                let word = stem(w);
                let is_said = |t: &Token| t.stem == word || related_words(&word).contains(&t.stem);
                !["date", "time", "at", "on"].contains(&w.as_str())
                    && self.tokens.iter().any(is_said)
            };
            words(&self.catalog().at(*c).name).iter().any(said)
        };
        // "The total fee of patients in 2023" is of fees in 2023, whenever a patient was born.
        let summed: Vec<usize> = state
            .select
            .iter()
            .filter_map(|e| match e {
                Expr::Aggregate(Aggregate::Sum, _, Some(c)) => Some(c.table),
                _ => None,
            })
            .collect();
        let own = |c: &ColumnRef| {
            summed.contains(&c.table) && self.catalog().at(*c).kind == ColumnKind::Date
        };
        if all.iter().any(own) {
            all.retain(|c| own(c) || is_said(c));
        }
        let order = |c: &ColumnRef| (!is_said(c), self.catalog().is_birth(*c));
        let near = |c: &ColumnRef| near_by.iter().position(|t| *t == c.table).unwrap_or(9);
        all.sort_by_cached_key(|c| (near(c), order(c)));
        all
    }

    pub fn date(&self, state: &State, mention: &Mention, date: &str, next: &mut Vec<State>) {
        let mut columns: Vec<ColumnRef> = Vec::new();
        if let Some(Expr::Column(c)) = &state.focus {
            columns.push(*c);
        }
        columns.extend(self.year_columns(state));
        for column in columns.into_iter().take(3) {
            let mut s = self.with(state, mention, "date");
            self.affinity(&mut s, mention, column, "date");
            s.focus_used |= matches!(&s.focus, Some(Expr::Column(c)) if *c == column);
            let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
            let day = Literal::Text(date.to_owned());
            let next_day = iso(date).map(|day| Literal::Text(moment(day + calendar::DAY)));
            let times = self.catalog().at(column).times().is_some();
            let (op, right) = match (op, next_day.filter(|_| times)) {
                (Compare::Eq, Some(next)) => (Compare::Within, Right::Two(day, next)),
                (Compare::Gt, Some(next)) => (Compare::Ge, Right::One(next)),
                (Compare::Le, Some(next)) => (Compare::Lt, Right::One(next)),
                (op, _) => (op, Right::One(day)),
            };
            let left = Expr::Column(column);
            push_filter(
                &mut s,
                Filter {
                    left,
                    op,
                    right,
                    or: false,
                },
            );
            next.push(s);
        }
    }
}

fn pattern(text: &str, place: &str) -> String {
    match place {
        "start" => format!("{text}%"),
        "end" => format!("%{text}"),
        _ => format!("%{text}%"),
    }
}
