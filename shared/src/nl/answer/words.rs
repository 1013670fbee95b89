//! The words of a question: which mean something here, and which of them a reading leaves out.

use super::super::catalog::Catalog;
use super::super::lexicon::{CUES, LIGHT};
use super::super::link::{Meaning, Mention};
use super::super::parse::{unit_name, unit_of_name};
use super::super::tokens::stem;
use crate::sql::identifier;

/// Whether a reading has a word that means nothing by itself: it stands in a text that is compared, it is the unit of a
/// number, or it says what the joins and conditions do.
pub fn is_said(lower: &str, sql: &str, notes: &[String]) -> bool {
    if lower.len() > 1 && sql.to_lowercase().contains(&format!("'%{lower}")) {
        return true;
    }
    if let Some(unit) = unit_name(lower) {
        let compares = sql.contains(['<', '>']) || sql.contains(" BETWEEN ") || sql.contains(" = ");
        // What has a price has it in money.
        if ["dollar", "euro", "yuan"].contains(&unit) && compares {
            return true;
        }
        let note = |note: &String| note.contains(&format!(" {unit}s are "));
        let mut names = sql.split('"');
        return notes.iter().any(note) || names.any(|name| unit_of_name(name) == Some(unit));
    }
    let joins = [" JOIN ", " WHERE ", " GROUP BY ", "DISTINCT "]
        .iter()
        .any(|part| sql.contains(part));
    joins && LIGHT.contains(&&*stem(lower))
}

/// True for what is no small word of the language.
pub fn is_content(token: &super::super::tokens::Token) -> bool {
    token.lower.contains(char::is_alphanumeric) && !CUES.contains(&token.lower.as_str())
}

/// A word that is nothing but a name or a value here, with what it may be.
pub struct Name {
    pub word: String,
    meanings: Vec<Meaning>,
}

impl Name {
    /// Whether SQL of the parser's has anything that the word may be.
    pub fn is_in(&self, catalog: &Catalog, sql: &str) -> bool {
        self.meanings.iter().any(|meaning| match meaning {
            Meaning::Table(t) => sql.contains(&identifier(&catalog.tables[*t].name)),
            Meaning::Column(c) => sql.contains(&identifier(&catalog.at(*c).name)),
            Meaning::Metric(m) => catalog
                .metrics
                .get(*m)
                .is_some_and(|m| sql.contains(&m.sql)),
            Meaning::Value(all) => {
                let sql = sql.to_lowercase();
                sql.contains(&self.word.to_lowercase())
                    || all
                        .iter()
                        .any(|(_, text)| sql.contains(&text.to_lowercase()))
            }
            _ => false,
        })
    }
}

/// True for a name of the database, or a value.
pub fn is_name(meaning: &Meaning) -> bool {
    matches!(
        meaning,
        Meaning::Table(_) | Meaning::Column(_) | Meaning::Metric(_) | Meaning::Value(_)
    )
}

/// The words that are nothing but names and values.
pub fn names(words: &[super::super::tokens::Token], mentions: &[Mention]) -> Vec<Name> {
    let name = |(i, token): (usize, &super::super::tokens::Token)| {
        let of_word = mentions
            .iter()
            .filter(|m| m.start <= i && i < m.end && !matches!(m.kind, Meaning::Text(_)));
        let meanings: Vec<Meaning> = of_word.map(|m| m.kind.clone()).collect();
        let only_a_name = !meanings.is_empty() && meanings.iter().all(is_name);
        let light = LIGHT.contains(&&*token.stem);
        (is_content(token) && only_a_name && !light).then(|| Name {
            word: token.text.clone(),
            meanings,
        })
    };
    words.iter().enumerate().filter_map(name).collect()
}

/// A word that means nothing here: as it was written, and in English in lower case.
pub struct Unknown {
    pub text: String,
    pub lower: String,
}

/// The words that mean nothing here.
pub fn unmatched(words: &[super::super::tokens::Token], mentions: &[Mention]) -> Vec<Unknown> {
    words
        .iter()
        .enumerate()
        .filter(|(i, t)| {
            let known = mentions
                .iter()
                .any(|m| m.start <= *i && *i < m.end && !matches!(m.kind, Meaning::Text(_)));
            !known && is_content(t)
        })
        .map(|(_, t)| Unknown {
            text: t.text.clone(),
            lower: t.lower.clone(),
        })
        .collect()
}
