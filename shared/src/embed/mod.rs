//! Text into vectors: texts that are alike get vectors that are near.
//!
//! - [`hash`]: the embedding that needs no model

pub mod hash;
