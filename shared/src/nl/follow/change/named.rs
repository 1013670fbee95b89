//! Things that are named without a word that says what for.

use super::super::super::catalog::Target;
use super::super::super::ir::{Aggregate, Expr, Query, is_aggregate};
use super::super::super::reader::name_of;
use super::super::edits::Edits;
use super::Change;

impl Change<'_> {
    /// Things that are named without a word that says what for: shown beside, or in place of what is shown.
    pub fn named(&self, query: &mut Query) -> Option<()> {
        let e = self.edits;
        for target in &e.named {
            let things =
                e.aggregate == Some(Aggregate::Count) && matches!(target, Target::Table(_));
            if e.aggregate.is_some() && !things {
                continue;
            }
            let shown: Vec<Expr> = match *target {
                Target::Column(c) => vec![Expr::Column(c)],
                Target::Table(table) => name_of(self.catalog(), table)
                    .into_iter()
                    .map(Expr::Column)
                    .collect(),
                Target::Metric(i) => vec![Expr::Metric(i)],
            };
            if shown
                .iter()
                .all(|s| query.select.contains(s) || query.group.contains(s))
            {
                continue;
            }
            let measure = query.select.iter().position(is_aggregate);
            let number = match target {
                Target::Column(c) => {
                    self.catalog().at(*c).kind.is_number() && !self.catalog().is_key(*c)
                }
                _ => false,
            };
            match (target, measure) {
                // "What about the price?": the same aggregate of it.
                (Target::Column(c), Some(place)) if number && !e.adds => {
                    let agg = match query.select[place] {
                        Expr::Aggregate(Aggregate::Count, ..) => Aggregate::Sum,
                        Expr::Aggregate(agg, ..) => agg,
                        _ => return None,
                    };
                    let old = query.select[place].clone();
                    let made = Expr::Aggregate(agg, false, Some(*c));
                    for (o, _) in &mut query.order {
                        if *o == old {
                            *o = made.clone();
                        }
                    }
                    query.select[place] = made;
                }
                // "And albums?": the same of other things.
                (Target::Table(table), Some(place)) if query.group.is_empty() && !e.adds => {
                    if !matches!(
                        query.select[place],
                        Expr::Aggregate(Aggregate::Count, _, None)
                    ) {
                        return None;
                    }
                    query.tables = vec![*table];
                }
                (_, Some(_)) if query.group.is_empty() => return None,
                // "By country", though nobody said by.
                (_, Some(_)) if !e.adds && !e.refers && !e.shows => {
                    let by = Edits {
                        group: vec![*target],
                        ..Edits::default()
                    };
                    Change {
                        edits: &by,
                        ..*self
                    }
                    .group(query)?;
                }
                (_, Some(place)) => {
                    query.group.extend(shown.iter().cloned());
                    query.select.splice(place..place, shown);
                }
                (_, None) => {
                    if e.adds || e.refers {
                        query.select.extend(shown);
                        if !query.group.is_empty() {
                            let columns = query
                                .select
                                .iter()
                                .filter(|s| !query.group.contains(s))
                                .cloned();
                            let columns: Vec<Expr> = columns.collect();
                            query.group.extend(columns);
                        }
                    } else if query.group.is_empty() {
                        query.select = shown;
                    } else {
                        return None;
                    }
                }
            }
        }
        Some(())
    }
}
