//! Words that ask for something of which a reading has nothing: such a reading answers another question.

use super::super::ir::Aggregate;
use super::super::lexicon::Op;
use super::super::link::{EXACT, Meaning, Mention};
use super::super::tokens::Token;

/// The first word that asks for something which its SQL does not do. A word that may be a name asks for nothing.
pub fn ignored(tokens: &[Token], mentions: &[Mention], sql: &str) -> Option<String> {
    let is_name = |m: &Mention| !matches!(m.kind, Meaning::Op(_)) && m.score >= EXACT;
    let defined = mentions
        .iter()
        .any(|m| matches!(m.kind, Meaning::Metric(_)));
    let does = |op: Op| {
        let any = |parts: &[&str]| parts.iter().any(|part| sql.contains(part));
        match op {
            Op::Super(_) | Op::Quality(_, true) | Op::Frequent(_) => {
                any(&["ORDER BY", "max(", "min("])
            }
            Op::Agg(Aggregate::Avg) => defined || any(&["avg("]),
            Op::Agg(Aggregate::Max | Aggregate::Min) => any(&["ORDER BY", "max(", "min("]),
            Op::Not => any(&[" NOT ", "!=", "EXCEPT", "IS NULL", "<", ">"]),
            _ => true,
        }
    };
    let lost = mentions.iter().find(|m| {
        let covered = mentions
            .iter()
            .any(|name| is_name(name) && name.start < m.end && m.start < name.end);
        // A longer phrase is meant, not a word of it.
        let part = mentions.iter().any(|other| {
            matches!(other.kind, Meaning::Op(_))
                && other.start <= m.start
                && m.end <= other.end
                && other.end - other.start > m.end - m.start
        });
        matches!(m.kind, Meaning::Op(op) if !does(op)) && !covered && !part
    })?;
    let words = tokens.get(lost.start..lost.end)?;
    let words: Vec<&str> = words.iter().map(|t| t.text.as_str()).collect();
    Some(format!("it has nothing of \"{}\"", words.join(" ")))
}
