//! Questions in English and Chinese into SQL, from the catalog and the values alone.

pub mod answer;
pub mod catalog;
pub mod chinese;
mod chinese_words;
mod finish;
pub mod follow;
pub mod ir;
mod joins;
mod lexicon;
pub mod link;
pub mod model;
pub mod modify;
pub mod parse;
mod period;
mod place;
pub mod print;
pub mod reader;
mod state;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod values;

use std::sync::OnceLock;

/// The weights that ship.
pub fn model() -> &'static model::Model {
    static MODEL: OnceLock<model::Model> = OnceLock::new();
    MODEL.get_or_init(|| model::Model::read(include_str!("weights.txt")))
}
