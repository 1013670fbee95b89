//! Sums that the order of the rows does not change.

use crate::exact_sum::ExactSum;
use crate::program::{Fold, FoldState};
use crate::{Param, Result, Type, Value, ValueRef};

/// Of `lumos_sum`.
pub const SUM: Fold = Fold::new::<Summed>(
    "sum",
    &[Param::optional("x", Type::Real)],
    &[("sum", Type::Real)],
);

#[derive(Clone, Default)]
struct Summed {
    sum: ExactSum,
    /// Whether a number was not finite, or too large for sums.
    lost: bool,
}

impl FoldState for Summed {
    fn start(_: &str) -> Result<Self> {
        Ok(Summed::default())
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let value = match row.first() {
            Some(ValueRef::Real(value)) => *value,
            Some(ValueRef::Integer(value)) => *value as f64,
            _ => return Ok(()),
        };
        self.lost |= !value.is_finite() || self.sum.add(value).is_err();
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        self.lost |= other.lost;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let sum = self.sum.value().filter(|sum| !self.lost && sum.is_finite());
        // Without a sign of zero.
        emit(vec![sum.map_or(Value::Null, |sum| Value::Real(sum + 0.0))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[ValueRef<'_>]) -> Value {
        let mut states = [SUM.start("").unwrap(), SUM.start("").unwrap()];
        for (i, value) in values.iter().enumerate() {
            states[i % 2].row(&[*value]).unwrap();
        }
        let [mut all, other] = states;
        all.merge(&*other).unwrap();
        let mut found = Value::Null;
        all.finish(&mut |mut row| {
            found = row.remove(0);
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn sums_are_exact() {
        let real = ValueRef::Real;
        for (values, known) in [
            (vec![], Value::Null),
            (vec![ValueRef::Null], Value::Null),
            (vec![real(1e16), real(1.0), real(-1e16)], Value::Real(1.0)),
            (vec![real(0.1); 10], Value::Real(1.0)),
            (
                vec![ValueRef::Integer(2), ValueRef::Null, real(0.5)],
                Value::Real(2.5),
            ),
            (vec![real(-0.0)], Value::Real(0.0)),
            (vec![real(f64::INFINITY), real(1.0)], Value::Null),
            (vec![real(f64::NAN)], Value::Null),
            (vec![real(1e308), real(1.0)], Value::Null),
        ] {
            assert_eq!(sum(&values), known, "{values:?}");
        }
    }
}
