//! "The average number of items per order": the mean of what is counted for each.

use super::super::ir::{Aggregate, Expr, Query, is_aggregate};
use super::super::link::Meaning;
use super::Modifiers;
use super::scan::Scan;

impl Scan<'_> {
    /// Finds the mean of a number of things for each of others.
    pub fn mean(&self, found: &mut Modifiers, used: &mut [bool]) {
        let at = (0..self.tokens.len()).find(|&i| {
            let mean = self.is(i, "average") || self.is(i, "mean");
            mean && self.is(i + 1, "number") && self.is(i + 2, "of") && !used[i]
        });
        let Some(at) = at else { return };
        let each = (at + 4..self.tokens.len())
            .any(|i| ["per", "each", "every"].iter().any(|w| self.is(i, w)));
        let mentions = self
            .reader
            .vocabulary
            .link(self.reader.catalog, self.tokens);
        // A number of things, not one that each has.
        let counted = |things: bool| {
            let here = mentions.iter().filter(|m| m.start == at + 3);
            let of_kind = here.filter(|m| match m.kind {
                Meaning::Table(_) => things,
                Meaning::Column(c) => !things && self.reader.catalog.at(c).kind.is_number(),
                _ => false,
            });
            of_kind.map(|m| m.score).fold(0.0, f32::max)
        };
        if each && counted(true) > 0.6 && counted(true) >= counted(false) {
            used[at] = true;
            found.mean = true;
        }
    }
}

/// The mean of the numbers of groups. `None` if the query has no groups, or no number.
pub fn of_counts(query: &mut Query) -> Option<()> {
    let plain = query.order.is_empty() && query.having.is_empty() && query.limit.is_none();
    let number = query.select.iter().find(|e| is_aggregate(e)).cloned()?;
    let counts = matches!(number, Expr::Aggregate(Aggregate::Count, ..));
    if query.group.is_empty() || !plain || !counts {
        return None;
    }
    let groups = Query {
        select: vec![number],
        ..std::mem::take(query)
    };
    *query = Query {
        select: vec![Expr::Of(Aggregate::Avg, 0)],
        of: Some(Box::new(groups)),
        ..Query::default()
    };
    Some(())
}
