//! Words of a question against the catalog: which spans may mean a table, a column, a value, a number or an operation.

mod values;

use std::collections::HashMap;

use super::catalog::{Catalog, Column, ColumnRef, Target, words};
use super::lexicon::{ABBREVIATIONS, Op, PHRASES, QUALITIES, SYNONYMS};
use super::tokens::{Token, stem};
pub use values::{found, literal};

/// A span of a question with something that it may mean.
#[derive(Debug, Clone)]
pub struct Mention {
    /// The first token.
    pub start: usize,
    /// The token after the last.
    pub end: usize,
    /// What it may mean.
    pub kind: Meaning,
    /// How well the words fit, from 0 to 1.
    pub score: f32,
}

/// What a span may mean.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// A table.
    Table(usize),
    /// A column.
    Column(ColumnRef),
    /// A metric.
    Metric(usize),
    /// A value that stands in these columns, as it stands there.
    Value(Vec<(ColumnRef, String)>),
    /// A text that stands in no column as a whole.
    Text(String),
    /// A number.
    Number(f64),
    /// A day, as ISO text.
    Date(String),
    /// An operation.
    Op(Op),
}

/// What spans are compared with: made once for a catalog.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    targets: Vec<Named>,
    /// Stems with the targets that have them, each with how well.
    by_stem: HashMap<String, Vec<(usize, f32)>>,
    phrases: HashMap<String, Vec<Op>>,
    /// Columns by stems of their names, for qualities.
    pub column_stems: HashMap<String, Vec<ColumnRef>>,
}

#[derive(Debug, Clone)]
struct Named {
    target: Target,
    words: Vec<String>,
    /// Words of the table, which a question may say or not.
    free: Vec<String>,
}

/// From this score on a name stands there with all of its words.
pub const EXACT: f32 = 0.99;

const ENDINGS: &[&str] = &[
    "id", "name", "code", "date", "price", "number", "type", "year", "count", "title", "status",
    "fee", "time", "address", "city", "floor", "day", "key", "fees", "details",
];

/// Signs of units, with which names of columns end.
const UNIT_SIGNS: &[&str] = &[
    "kg", "mg", "km", "cm", "mm", "ms", "msec", "kb", "mb", "gb", "m2", "m3", "cent", "usd", "eur",
];

/// Words of names that say no more than that something is a table.
const TABLE_MARKS: &[&str] = &["tbl", "tab", "dim", "fact", "fct", "stg", "master", "mst"];

/// Adds a name, if it has words.
fn add(all: &mut Vec<Named>, target: Target, words: Vec<String>, free: Vec<String>) {
    if !words.is_empty() {
        all.push(Named {
            target,
            words,
            free,
        });
    }
}

/// Stems of a name, with compounds that end in a common word cut in two.
fn name_stems(name: &str, tables: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for word in words(name) {
        let cut = ENDINGS.iter().find_map(|end| {
            let head = word.strip_suffix(end)?;
            let known = tables.iter().any(|t| t == head) || head.len() > 2;
            (known && !["candi", "up", "vali", "quali"].contains(&head)).then_some((head, *end))
        });
        let whole = SYNONYMS
            .iter()
            .any(|group| group.split(' ').any(|w| w == word));
        match cut {
            Some((head, end)) if !whole => {
                for part in words(head) {
                    all.push(stem(&part));
                }
                all.push(stem(end));
            }
            _ => all.push(stem(&word)),
        }
    }
    if all.len() > 1 {
        let long: Vec<String> = all
            .iter()
            .filter(|w| w.chars().count() > 1 || is_han_word(w))
            .cloned()
            .collect();
        if !long.is_empty() {
            all = long;
        }
    }
    all.retain(|w| w != "of" && w != "the");

    all
}

fn is_han_word(word: &str) -> bool {
    word.chars().next().is_some_and(super::tokens::is_han)
}

impl Vocabulary {
    /// The words of a catalog.
    pub fn new(catalog: &Catalog) -> Vocabulary {
        let mut all = Vocabulary::default();
        let table_names: Vec<String> = catalog
            .tables
            .iter()
            .map(|t| t.name.to_lowercase())
            .collect();
        let mut targets: Vec<Named> = Vec::new();
        for (table, t) in catalog.tables.iter().enumerate() {
            let name = name_stems(&t.name, &table_names);
            // What a name says of being a table need not be said: `tbl_orders`.
            let (marks, plain): (Vec<String>, Vec<String>) = name
                .iter()
                .cloned()
                .partition(|w| TABLE_MARKS.contains(&w.as_str()));
            if plain.is_empty() {
                add(&mut targets, Target::Table(table), marks, Vec::new());
            } else {
                add(&mut targets, Target::Table(table), plain, marks);
            }
            let is_name = |c: &Column| words(&c.name).iter().any(|w| w == "name");
            let has_name = t.columns.iter().any(is_name);
            for (column, c) in t.columns.iter().enumerate() {
                let target = Target::Column(ColumnRef { table, column });
                let own = name_stems(&c.name, &table_names);
                let mut bare: Vec<String> =
                    own.iter().filter(|w| !name.contains(w)).cloned().collect();
                // `hired_on`, `created_at`.
                if bare.len() > 1 && bare.last().is_some_and(|w| w == "on" || w == "at") {
                    bare.pop();
                }
                // A unit at the end of a name need not be said: `weight_kg`.
                let (units, plain): (Vec<String>, Vec<String>) = bare
                    .into_iter()
                    .partition(|w| UNIT_SIGNS.contains(&w.as_str()));
                if plain.is_empty() {
                    add(&mut targets, target, own, Vec::new());
                } else {
                    let free: Vec<String> = name.iter().cloned().chain(units).collect();
                    // The name of what has a title alone.
                    if plain == [stem("title")] && !has_name {
                        add(&mut targets, target, vec![stem("name")], free.clone());
                    }
                    add(&mut targets, target, plain, free);
                }
            }
        }
        let first_given = targets.len();
        for synonym in &catalog.synonyms {
            let own = words(&synonym.phrase).iter().map(|w| stem(w)).collect();
            add(&mut targets, synonym.target, own, Vec::new());
        }
        let given = first_given..targets.len();
        for (i, metric) in catalog.metrics.iter().enumerate() {
            let own = words(&metric.name).iter().map(|w| stem(w)).collect();
            add(&mut targets, Target::Metric(i), own, Vec::new());
        }
        all.targets = targets;
        let related = related();
        for (i, named) in all.targets.iter().enumerate() {
            for word in named.words.iter().chain(&named.free) {
                let mut enter = |word: &str, fit: f32| {
                    let list = all.by_stem.entry(word.to_owned()).or_default();
                    match list.iter_mut().find(|(target, _)| *target == i) {
                        Some(known) => known.1 = known.1.max(fit),
                        None => list.push((i, fit)),
                    }
                };
                enter(word, 1.0);
                // A word that people gave means itself, not what is like it.
                let like = related.get(word).filter(|_| !given.contains(&i));
                for other in like.into_iter().flatten() {
                    enter(other, 0.7);
                }
            }
            if let Target::Column(column) = named.target {
                for word in &named.words {
                    all.column_stems
                        .entry(word.clone())
                        .or_default()
                        .push(column);
                }
            }
        }
        for (phrase, op) in PHRASES {
            all.phrases
                .entry((*phrase).to_owned())
                .or_default()
                .push(*op);
        }
        for (i, quality) in QUALITIES.iter().enumerate() {
            for word in quality.most.split('|') {
                all.phrases
                    .entry(word.to_owned())
                    .or_default()
                    .push(Op::Quality(i, true));
            }
            for word in quality.more.split('|').filter(|w| !w.is_empty()) {
                for phrase in [format!("{word} than"), word.to_owned()] {
                    all.phrases
                        .entry(phrase)
                        .or_default()
                        .push(Op::Quality(i, false));
                }
            }
        }
        all
    }

    /// True for a word of a name.
    pub fn knows(&self, word: &str) -> bool {
        self.by_stem.contains_key(word)
    }

    /// True for a stem of a name itself, not of what means the like.
    pub fn is_name(&self, stem: &str) -> bool {
        let known = self.by_stem.get(stem);
        known.is_some_and(|all| all.iter().any(|(_, fit)| *fit >= 1.0))
    }

    /// True if the name of a table has this stem, or one that means the like.
    pub fn tables_named(&self, stem: &str) -> bool {
        let known = self.by_stem.get(stem).into_iter().flatten();
        known
            .into_iter()
            .any(|(i, _)| matches!(self.targets[*i].target, Target::Table(_)))
    }

    /// True if the name of a metric is this stem alone.
    pub fn is_metric(&self, stem: &str) -> bool {
        let mut known = self.by_stem.get(stem).into_iter().flatten();
        known.any(|(i, fit)| {
            let named = &self.targets[*i];
            *fit >= 1.0 && named.words.len() == 1 && matches!(named.target, Target::Metric(_))
        })
    }

    /// Columns whose names have this stem, or one that means the like.
    pub fn columns_meant(&self, stem: &str) -> Vec<ColumnRef> {
        let known = self.by_stem.get(stem).into_iter().flatten();
        // Not by the name of their table.
        let own = |word: &String| word == stem || related_words(word).iter().any(|w| w == stem);
        known
            .filter_map(|(i, _)| match self.targets[*i].target {
                Target::Column(c) if self.targets[*i].words.iter().any(own) => Some(c),
                _ => None,
            })
            .collect()
    }

    /// Columns whose names have one of these words, separated by `|`, the first word first.
    pub fn columns_named(&self, words: &str) -> Vec<(ColumnRef, usize)> {
        let mut all: Vec<(ColumnRef, usize)> = Vec::new();
        for (place, word) in words.split('|').filter(|w| !w.is_empty()).enumerate() {
            for column in self.column_stems.get(&stem(word)).into_iter().flatten() {
                if !all.iter().any(|(c, _)| c == column) {
                    all.push((*column, place));
                }
            }
        }
        all
    }

    /// How well the words of a target are met by a span, from 0 to 1.
    fn fit(&self, target: usize, span: &[&Token], linked: &[Vec<(usize, f32)>]) -> Option<f32> {
        let named = &self.targets[target];
        let mut met = vec![false; named.words.len()];
        let mut sum = 0.0;
        let mut free = 0;
        for (token, list) in span.iter().zip(linked) {
            let fit = list.iter().find(|(t, _)| *t == target)?.1;
            let exact = named.words.iter().position(|w| *w == token.stem);
            if exact.is_none() && named.free.contains(&token.stem) {
                free += 1;
                continue;
            }
            let place = exact.filter(|p| !met[*p]).or_else(|| {
                (0..met.len()).find(|&p| {
                    !met[p]
                        && related()
                            .get(&named.words[p])
                            .is_some_and(|r| r.contains(&token.stem))
                })
            });
            if place.is_none() && free == 0 && related_any(&named.free, &token.stem) {
                free += 1;
                continue;
            }
            met[place?] = true;
            sum += fit;
        }
        let count = met.iter().filter(|m| **m).count();
        if count == 0 {
            return None;
        }
        let cover = count as f32 / met.len() as f32;
        let quality = sum / count as f32;
        Some(quality * (0.45 + 0.55 * cover) + if free > 0 { 0.05 } else { 0.0 })
    }

    /// All mentions of a question.
    pub fn link(&self, catalog: &Catalog, tokens: &[Token]) -> Vec<Mention> {
        let mut all = Vec::new();
        let tokens = &self.known(tokens)[..];
        let empty: Vec<(usize, f32)> = Vec::new();
        let linked: Vec<&Vec<(usize, f32)>> = tokens
            .iter()
            .map(|t| {
                if t.quoted {
                    &empty
                } else {
                    self.by_stem.get(&t.stem).unwrap_or(&empty)
                }
            })
            .collect();
        for start in 0..tokens.len() {
            self.ops(tokens, start, &mut all);
            self.names(tokens, start, &linked, &mut all);
            values::values(catalog, tokens, start, &mut all);
        }
        all
    }

    /// The tokens, with abbreviations that no name has written out.
    fn known(&self, tokens: &[Token]) -> Vec<Token> {
        let mut all = tokens.to_vec();
        for token in all
            .iter_mut()
            .filter(|t| !t.quoted && !self.by_stem.contains_key(&t.stem))
        {
            let full = ABBREVIATIONS
                .iter()
                .find(|(short, _)| *short == token.lower)
                .map(|(_, full)| stem(full));
            if let Some(full) = full.filter(|full| self.by_stem.contains_key(full)) {
                token.stem = full;
            }
            // Who teaches is a teacher.
            let ends = ["er", "r"].iter().map(|end| format!("{}{end}", token.stem));
            let is_agent = |s: &String| self.tables_named(s) && self.is_name(s);
            let agent = ends.map(|word| stem(&word)).into_iter().find(is_agent);
            let named = |agent: &String| tokens.iter().any(|t| t.stem == *agent);
            if let Some(agent) = agent.filter(|a| token.lower.len() > 3 && !named(a)) {
                token.stem = agent;
            }
        }
        all
    }

    fn ops(&self, tokens: &[Token], start: usize, all: &mut Vec<Mention>) {
        let mut phrase = String::new();
        for end in start + 1..=tokens.len().min(start + 6) {
            let token = &tokens[end - 1];
            if token.quoted {
                break;
            }
            if end > start + 1 {
                phrase.push(' ');
            }
            phrase.push_str(&token.lower);
            for op in self.phrases.get(&phrase).into_iter().flatten() {
                all.push(Mention {
                    start,
                    end,
                    kind: Meaning::Op(*op),
                    score: (end - start) as f32,
                });
            }
        }
    }

    fn names(
        &self,
        tokens: &[Token],
        start: usize,
        linked: &[&Vec<(usize, f32)>],
        all: &mut Vec<Mention>,
    ) {
        if linked[start].is_empty() {
            return;
        }
        let mut span: Vec<&Token> = Vec::new();
        let mut lists: Vec<Vec<(usize, f32)>> = Vec::new();
        let mut found: HashMap<usize, (usize, f32)> = HashMap::new();
        for end in start + 1..=tokens.len().min(start + 6) {
            let token = &tokens[end - 1];
            if matches!(token.lower.as_str(), "of" | "the" | "'" | "and") && !span.is_empty() {
                continue;
            }
            if linked[end - 1].is_empty() {
                break;
            }
            span.push(token);
            lists.push(linked[end - 1].clone());
            for (target, _) in linked[start].iter() {
                if let Some(fit) = self.fit(*target, &span, &lists) {
                    let longer = found.get(target).is_none_or(|(_, old)| fit > *old + 0.01);
                    if longer {
                        found.insert(*target, (end, fit));
                    }
                }
            }
        }
        let mut found: Vec<(usize, (usize, f32))> = found.into_iter().collect();
        // A column that is called so comes before one that means the like.
        if let [list] = &lists[..1] {
            let own = |target: usize| {
                let is_column = matches!(self.targets[target].target, Target::Column(_));
                let fit = list
                    .iter()
                    .find(|(t, _)| *t == target)
                    .map_or(0.0, |(_, fit)| *fit);
                (
                    is_column,
                    fit >= 1.0 && self.targets[target].words.contains(&tokens[start].stem),
                )
            };
            let whole = found
                .iter()
                .any(|f| own(f.0) == (true, true) && f.1.1 >= EXACT);
            found.retain(|f| !whole || own(f.0) != (true, false) || f.1.1 >= EXACT);
        }
        found.sort_unstable_by(|a, b| b.1.1.total_cmp(&a.1.1).then(a.0.cmp(&b.0)));
        // What people gave a name is what the name means.
        let is_metric = |target: usize| matches!(self.targets[target].target, Target::Metric(_));
        let metrics = found.iter().filter(|f| is_metric(f.0) && f.1.1 >= EXACT);
        if let Some(end) = metrics.map(|f| f.1.0).max() {
            found.retain(|f| is_metric(f.0) || f.1.0 > end);
        }
        let best = found.first().map_or(0.0, |f| f.1.1);
        let limit = (best * 0.55).max(0.3);
        for (target, (end, score)) in found.into_iter().filter(|f| f.1.1 >= limit).take(12) {
            let kind = match self.targets[target].target {
                Target::Table(table) => Meaning::Table(table),
                Target::Column(column) => Meaning::Column(column),
                Target::Metric(metric) => Meaning::Metric(metric),
            };
            all.push(Mention {
                start,
                end,
                kind,
                score,
            });
        }
    }
}

/// Stems that mean the like of a stem.
pub fn related_words(word: &str) -> &'static [String] {
    related().get(word).map_or(&[], Vec::as_slice)
}

fn related_any(words: &[String], other: &str) -> bool {
    words.iter().any(|w| {
        related()
            .get(w)
            .is_some_and(|r| r.iter().any(|x| x == other))
    })
}

/// Stems with those that mean the like.
fn related() -> &'static HashMap<String, Vec<String>> {
    use std::sync::OnceLock;
    static RELATED: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    RELATED.get_or_init(|| {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for group in SYNONYMS {
            let stems: Vec<String> = group.split(' ').map(stem).collect();
            for a in &stems {
                let list = all.entry(a.clone()).or_default();
                for b in &stems {
                    if a != b && !list.contains(b) {
                        list.push(b.clone());
                    }
                }
            }
        }
        all
    })
}
