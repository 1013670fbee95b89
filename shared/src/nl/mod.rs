//! Questions in English and Chinese into SQL, from the catalog and the values alone.

pub mod answer;
pub mod asked;
pub mod asking;
pub mod catalog;
pub mod chinese;
mod chinese_names;
mod chinese_words;
pub mod feedback;
mod finish;
pub mod follow;
pub mod ir;
mod joins;
pub mod learn;
mod lexicon;
pub mod link;
pub mod links;
pub mod model;
pub mod modify;
pub mod parse;
mod period;
mod place;
pub mod print;
pub mod reader;
mod sample;
mod seen;
pub mod session;
mod state;
pub mod suggest;
pub mod taught;
pub mod teach;
#[cfg(test)]
mod tests;
pub mod tier;
pub mod tokens;
pub mod values;

use std::sync::OnceLock;

/// The weights that ship.
pub fn model() -> &'static model::Model {
    static MODEL: OnceLock<model::Model> = OnceLock::new();
    MODEL.get_or_init(|| model::Model::read(include_str!("weights.txt")))
}
