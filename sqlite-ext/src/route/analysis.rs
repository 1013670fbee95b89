//! What is known of a statement by its text: its tree, SQLite's plan, and its translation.

use std::sync::Arc;

use lumos_core::functions;
use lumos_core::route::ast::Literal;
use lumos_core::route::parse::{Statement, parse};
use lumos_core::route::sqlite_plan::Node;
use lumos_core::route::{Catalog, Refusal, Translation, tokens, translate};

use crate::error::{Result, error};

/// What is known of a statement, by its text.
pub struct Analysis {
    sql: String,
    /// The text without its values.
    pub shape: String,
    /// Its tree, or why there is none.
    pub statement: std::result::Result<Statement, Refusal>,
    /// SQLite's plan.
    pub nodes: Option<Vec<Node>>,
    translated: Option<Translated>,
    /// It is a look-up by key.
    pub point: bool,
    /// SQLite runs it, without asking again.
    pub settled: bool,
}

struct Translated {
    generation: u64,
    params: Vec<Literal>,
    result: std::result::Result<Arc<Translation>, Refusal>,
}

impl Analysis {
    /// Reads a statement; what a call of Lumos would do inside one is nobody's intention.
    pub fn new(sql: &str) -> Result<Analysis> {
        let tokens = tokens::tokens(sql);
        let own = match &tokens {
            Some(tokens) => functions::named_in(tokens),
            None => sql
                .to_ascii_lowercase()
                .contains("lumos_")
                .then_some("lumos functions"),
        };
        if let Some(name) = own {
            return Err(error(format!(
                "the statement calls {name}; give a SELECT of your own tables"
            )));
        }
        let unread = || {
            Err(Refusal(
                "the statement has a form that is not known in DuckDB".into(),
            ))
        };
        Ok(Analysis {
            sql: sql.to_owned(),
            shape: tokens
                .as_deref()
                .map_or_else(|| sql.to_owned(), tokens::shape),
            statement: tokens.as_deref().map_or_else(unread, parse),
            nodes: None,
            translated: None,
            point: false,
            settled: false,
        })
    }

    /// Its text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Forgets what came of the schema.
    pub fn forget(&mut self) {
        (self.nodes, self.translated) = (None, None);
    }

    /// The translation for these values and the mirror of this generation.
    pub fn translate(
        &mut self,
        generation: u64,
        params: &[Literal],
        catalog: &Catalog,
    ) -> std::result::Result<Arc<Translation>, Refusal> {
        if let Some(t) = &self.translated
            && t.generation == generation
            && t.params == params
        {
            return t.result.clone();
        }
        let result = match &self.statement {
            Ok(statement) => translate(statement, catalog, params).map(Arc::new),
            Err(refusal) => Err(refusal.clone()),
        };
        self.translated = Some(Translated {
            generation,
            params: params.to_vec(),
            result: result.clone(),
        });
        result
    }
}
