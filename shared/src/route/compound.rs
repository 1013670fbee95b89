//! Writes SELECTs joined by UNION, INTERSECT and EXCEPT.

use super::ast::{Body, Expr, Literal, OrderTerm, SetOp};
use super::emit::{Key, Output, Select, Writer};
use super::expr::direction;
use super::scope::Scope;
use super::typed_expr::{Class, Typed, Whole};
use super::{Refusal, refuse};

impl Writer<'_> {
    /// Several SELECTs joined by UNION and the like: each column has one class in all.
    pub(super) fn compound(
        &mut self,
        body: &Body,
        parent: Option<&Scope<'_>>,
    ) -> Result<(String, Vec<Output>), Refusal> {
        let (left, op, core) = match body {
            Body::Core(core) => {
                let select = self.core(core, parent)?;
                return compound_part(&select);
            }
            Body::Compound(left, op, core) => (left, *op, core),
        };
        let (left, mut outputs) = self.compound(left, parent)?;
        let select = self.core(core, parent)?;
        let (right, others) = compound_part(&select)?;
        for (a, b) in outputs.iter_mut().zip(others) {
            let (x, y) = (a.typed.clone()?, b.typed?);
            let class = match (x.class, y.class) {
                (Class::Null, other) => other,
                (other, Class::Null) => other,
                (x, y) if x == y => x,
                _ => return refuse("the SELECTs of a compound give values of different classes"),
            };
            let mut typed = Typed::new("", class).inexact_if(x.inexact || y.inexact);
            typed.affinity = x.affinity.filter(|_| x.affinity == y.affinity);
            if op != SetOp::UnionAll {
                typed.check_groupable()?;
            }
            a.typed = Ok(typed);
        }
        let op = match op {
            SetOp::UnionAll => "UNION ALL",
            SetOp::Union => "UNION",
            SetOp::Intersect => "INTERSECT",
            SetOp::Except => "EXCEPT",
        };
        Ok((format!("({left}) {op} ({right})"), outputs))
    }
}

/// A SELECT of a compound: plain values, named `c0` and so on.
fn compound_part(select: &Select) -> Result<(String, Vec<Output>), Refusal> {
    let mut columns = Vec::new();
    let mut outputs = Vec::new();
    for (i, output) in select.outputs.iter().enumerate() {
        let typed = output.typed.clone()?.value();
        if matches!(typed.whole, Whole::Where(_)) {
            return refuse("a compound gives numbers that are INTEGER or REAL by the row");
        }
        if select.distinct {
            typed.check_groupable()?;
        }
        columns.push(format!("{} AS c{i}", typed.sql));
        let plain = Typed {
            affinity: typed.affinity,
            ..Typed::new("", typed.class).inexact_if(typed.inexact)
        };
        outputs.push(Output {
            name: output.name.clone(),
            typed: Ok(plain),
        });
    }
    Ok((select.sql(&columns), outputs))
}

impl Writer<'_> {
    /// ORDER BY of a compound: outputs by position or name.
    pub(super) fn output_keys(
        &self,
        order: &[OrderTerm],
        outputs: &[Output],
    ) -> Result<Vec<Key>, Refusal> {
        let mut keys = Vec::new();
        for term in order {
            let output = match &term.expr {
                Expr::Literal(Literal::Integer(n)) => {
                    usize::try_from(*n).ok().and_then(|n| n.checked_sub(1))
                }
                Expr::Column(None, name) | Expr::Quoted(name) => outputs
                    .iter()
                    .position(|o| o.name.eq_ignore_ascii_case(name)),
                _ => None,
            };
            let Some((i, output)) = output.and_then(|i| Some((i, outputs.get(i)?))) else {
                return refuse("a compound is ordered by something else than its columns");
            };
            self.check_order(output.typed.as_ref().map_err(Clone::clone)?)?;
            keys.push(Key {
                output: Some(i),
                sql: String::new(),
                inexact: output.typed.clone()?.inexact,
                direction: direction(term),
            });
        }
        Ok(keys)
    }
}
