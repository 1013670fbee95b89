//! What a column does with a value that does not fit its type.

use super::{MirrorType, Mismatch, Stored};
use crate::ValueRef;

/// The option `on_mismatch`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Refuse, and say which value it is.
    #[default]
    Error,
    /// Store NULL.
    Null,
    /// Make the column VARCHAR, with SQLite's text of every value.
    Varchar,
    /// Take the next type that holds all values.
    Widen,
}

impl Policy {
    /// All, by their names.
    pub const ALL: [(&'static str, Policy); 4] = [
        ("error", Policy::Error),
        ("null", Policy::Null),
        ("varchar", Policy::Varchar),
        ("widen", Policy::Widen),
    ];

    /// The policy with this name.
    pub fn from_name(name: &str) -> Option<Policy> {
        Policy::ALL
            .iter()
            .find_map(|(n, policy)| (*n == name).then_some(*policy))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Policy::ALL[self as usize].0
    }
}

/// How a column gets its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The type to begin with.
    pub first: MirrorType,
    /// The values do not choose another, unless the policy does.
    pub fixed: bool,
    /// What to do with a value that does not fit.
    pub policy: Policy,
}

/// What becomes of a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It is refused.
    Error,
    /// NULL is stored.
    Null,
    /// The column takes this type, and the table is copied with it.
    Type(MirrorType),
}

impl Rule {
    /// The rule of a column declared like this, of which a type may be given. A key must keep its values different,
    /// so that nothing but an error is left of one that does not fit.
    pub fn new(declared: &str, given: Option<MirrorType>, policy: Policy, key: bool) -> Rule {
        let policy = if key { Policy::Error } else { policy };
        let by_name = MirrorType::of_declaration(declared);
        // Who asks for NULL or text where a value does not fit means the declared type.
        let strict = by_name.is_some() && matches!(policy, Policy::Null | Policy::Varchar);
        Rule {
            first: given.or(by_name).unwrap_or(MirrorType::BigInt),
            fixed: given.is_some() || strict,
            policy,
        }
    }

    /// Converts a value. Only who said something of the type takes a moment that is written otherwise for the same.
    /// Errors if the type cannot hold it; [`Self::resolve`] says what then.
    pub fn store<'a>(&self, ty: MirrorType, value: ValueRef<'a>) -> Result<Stored<'a>, Mismatch> {
        if self.fixed || self.policy != Policy::Error {
            ty.store(value)
        } else {
            ty.store_exactly(value)
        }
    }

    /// True if every value that does not fit becomes NULL, whatever the others are.
    pub fn is_null(&self) -> bool {
        self.fixed && self.policy == Policy::Null
    }

    /// What becomes of a value that does not fit; text that is not UTF-8 is `None`. `fresh` says that no value but
    /// NULL came before.
    pub fn resolve(&self, ty: MirrorType, value: Option<ValueRef<'_>>, fresh: bool) -> Resolution {
        // Once values after it have chosen another type, the first one cannot choose again.
        let fresh = fresh && ty == self.first;
        let wider = match (self.policy, value) {
            (Policy::Widen, Some(value)) => ty.wider_decimal(value),
            _ => None,
        };
        let chosen = match (self.fixed, value) {
            (false, Some(value)) if fresh || self.policy != Policy::Widen => {
                ty.widened(value, fresh)
            }
            _ => None,
        };
        if let Some(next) = wider.or(chosen) {
            return Resolution::Type(next);
        }
        match self.policy {
            Policy::Error => Resolution::Error,
            Policy::Null => Resolution::Null,
            Policy::Varchar | Policy::Widen if ty == MirrorType::AnyText => Resolution::Error,
            Policy::Varchar => Resolution::Type(MirrorType::AnyText),
            Policy::Widen => Resolution::Type(ty.wider(value)),
        }
    }
}

impl MirrorType {
    /// The next type that holds the values of this one, on the way to the one that holds all.
    fn wider(self, value: Option<ValueRef<'_>>) -> MirrorType {
        use MirrorType::{AnyText, BigInt, Boolean, Date, Decimal, Double, Timestamp, Varchar};
        match (self, value) {
            (Boolean, Some(ValueRef::Integer(_))) => BigInt,
            (Boolean | BigInt, Some(ValueRef::Real(_)))
            | (Decimal(..), Some(ValueRef::Integer(_) | ValueRef::Real(_))) => Double,
            (Date, Some(ValueRef::Text(_))) => Timestamp,
            (Timestamp, Some(ValueRef::Text(_))) => Varchar,
            _ => AnyText,
        }
    }

    /// A DECIMAL with enough digits for a number too, before and after the point.
    fn wider_decimal(self, value: ValueRef<'_>) -> Option<MirrorType> {
        let MirrorType::Decimal(width, scale) = self else {
            return None;
        };
        let wide = |scale| MirrorType::Decimal(38, scale).store(value).is_ok();
        let more = (scale..=18).find(|scale| wide(*scale))?;
        let whole = (width - scale..=38 - more)
            .find(|whole| MirrorType::Decimal(whole + more, more).store(value).is_ok())?;
        (whole + more > width).then_some(MirrorType::Decimal(whole + more, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValueRef::{Blob, Integer, Real, Text};

    const POINT: MirrorType = MirrorType::Decimal(4, 1);

    fn way(declared: &str, policy: Policy, value: ValueRef<'_>, fresh: bool) -> Resolution {
        let rule = Rule::new(declared, None, policy, false);
        rule.resolve(rule.first, Some(value), fresh)
    }

    #[test]
    fn a_declared_type_is_kept_where_a_policy_was_given() {
        assert_eq!(
            way("DATE", Policy::Null, Text("soon"), true),
            Resolution::Null
        );
        assert_eq!(
            way("INT", Policy::Varchar, Real(0.5), false),
            Resolution::Type(MirrorType::AnyText)
        );
        // No declared type: the values choose.
        assert_eq!(
            way("", Policy::Null, Text("soon"), true),
            Resolution::Type(MirrorType::Varchar)
        );
        assert_eq!(way("", Policy::Null, Text("soon"), false), Resolution::Null);
        assert_eq!(
            way("INT", Policy::Error, Real(0.5), false),
            Resolution::Type(MirrorType::Double)
        );
        assert_eq!(
            way("INT", Policy::Error, Text("x"), false),
            Resolution::Error
        );
    }

    #[test]
    fn a_given_type_is_not_chosen_by_values() {
        let rule = Rule::new("INT", Some(MirrorType::Boolean), Policy::Error, false);
        assert_eq!(
            rule.resolve(rule.first, Some(Integer(2)), true),
            Resolution::Error
        );
    }

    #[test]
    fn the_first_value_chooses_once() {
        let rule = Rule::new("", None, Policy::Error, false);
        let large = Some(Integer(i64::MAX));
        assert_eq!(
            rule.resolve(MirrorType::Double, large, true),
            Resolution::Error
        );
    }

    #[test]
    fn keys_keep_their_values_different() {
        for policy in [Policy::Null, Policy::Varchar, Policy::Widen] {
            let rule = Rule::new("TEXT", None, policy, true);
            assert_eq!(
                rule.resolve(rule.first, Some(Blob(b"x")), false),
                Resolution::Error
            );
            assert_eq!(rule.resolve(rule.first, None, false), Resolution::Error);
        }
    }

    #[test]
    fn the_next_type_holds_all_values() {
        let widen = |ty, value| {
            let rule = Rule::new("", Some(ty), Policy::Widen, false);
            match rule.resolve(ty, Some(value), false) {
                Resolution::Type(next) => next.name(),
                way => format!("{way:?}"),
            }
        };
        assert_eq!(widen(MirrorType::Boolean, Integer(2)), "BIGINT");
        assert_eq!(widen(MirrorType::BigInt, Real(0.5)), "DOUBLE");
        assert_eq!(widen(MirrorType::BigInt, Text("x")), "TEXT");
        assert_eq!(widen(MirrorType::Double, Integer(i64::MAX)), "TEXT");
        assert_eq!(widen(POINT, Real(0.125)), "DECIMAL(6,3)");
        assert_eq!(widen(POINT, Integer(10_000)), "DECIMAL(6,1)");
        assert_eq!(widen(POINT, Real(10_000.25)), "DECIMAL(7,2)");
        assert_eq!(widen(POINT, Real(1e-20)), "DOUBLE");
        assert_eq!(widen(POINT, Real(1e300)), "DOUBLE");
        assert_eq!(widen(POINT, Text("x")), "TEXT");
        assert_eq!(
            widen(MirrorType::Date, Text("2000-01-01 10:00")),
            "TIMESTAMP"
        );
        assert_eq!(widen(MirrorType::Timestamp, Text("soon")), "VARCHAR");
        assert_eq!(widen(MirrorType::Timestamp, Integer(1)), "TEXT");
        assert_eq!(widen(MirrorType::Varchar, Blob(b"x")), "TEXT");
        assert_eq!(widen(MirrorType::AnyText, Text("x")), "Error");
    }

    #[test]
    fn text_that_is_none_goes_the_way_of_the_policy() {
        for (policy, expected) in [
            (Policy::Error, Resolution::Error),
            (Policy::Null, Resolution::Null),
            (Policy::Varchar, Resolution::Type(MirrorType::AnyText)),
            (Policy::Widen, Resolution::Type(MirrorType::AnyText)),
        ] {
            let rule = Rule::new("TEXT", None, policy, false);
            assert_eq!(rule.resolve(MirrorType::Varchar, None, false), expected);
        }
    }
}
