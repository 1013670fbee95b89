//! What the words of a question may mean, for whoever asked.

use super::catalog::{Catalog, ColumnRef};
use super::link::{Meaning, Vocabulary};
use super::print::number;
use super::reader::question_tokens;

/// What words may mean, for whoever asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The words.
    pub span: String,
    /// `table`, `column`, `metric`, `value`, `text`, `number`, `date` or `operation`.
    pub kind: &'static str,
    /// What is meant.
    pub target: String,
    /// How well the words fit, from 0 to 1.
    pub score: f64,
}

/// What the words of a question may mean; a value has a link for each column that has it.
pub fn links(catalog: &Catalog, vocabulary: &Vocabulary, question: &str) -> Vec<Link> {
    let words = question_tokens(catalog, vocabulary, question);
    let name = |c: ColumnRef| format!("{}.{}", catalog.tables[c.table].name, catalog.at(c).name);
    let mut all = Vec::new();
    for m in vocabulary.link(catalog, &words) {
        let span = words.get(m.start..m.end).unwrap_or_default();
        let span: Vec<&str> = span.iter().map(|t| t.text.as_str()).collect();
        let (kind, targets) = match &m.kind {
            Meaning::Table(t) => ("table", vec![catalog.tables[*t].name.clone()]),
            Meaning::Column(c) => ("column", vec![name(*c)]),
            Meaning::Metric(i) => ("metric", vec![catalog.metrics[*i].name.clone()]),
            Meaning::Value(found) => ("value", found.iter().map(|(c, _)| name(*c)).collect()),
            Meaning::Text(text) => ("text", vec![text.clone()]),
            Meaning::Number(n) => ("number", vec![number(*n)]),
            Meaning::Date(date) => ("date", vec![date.clone()]),
            Meaning::Op(op) => ("operation", vec![format!("{op:?}").to_lowercase()]),
        };
        let fits = matches!(m.kind, Meaning::Table(_) | Meaning::Column(_));
        let score = if fits { f64::from(m.score) } else { 1.0 };
        all.extend(targets.into_iter().map(|target| Link {
            span: span.join(" "),
            kind,
            target,
            score: (score * 100.0).round() / 100.0,
        }));
    }
    all
}
