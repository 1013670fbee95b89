//! Text into vectors: texts that are alike get vectors that are near.
//!
//! - [`hash`]: the embedding that needs no model
//! - [`models`]: the models of this process by name, and what a text becomes by one of them
//! - [`endpoint`]: vectors from a server
//! - [`recent`]: the texts that a model was asked for last
//! - [`static_model`], [`encoder`]: the two kinds of models in files; [`tokenizer`] and [`tensors`] read their files
//! - [`wordpiece`], [`unigram`] with [`normalizer`]: the two kinds of vocabularies

pub mod encoder;
pub mod endpoint;
pub mod hash;
pub mod models;
pub mod recent;
pub mod static_model;
pub mod tensors;
pub mod tokenizer;
