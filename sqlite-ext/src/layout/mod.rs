//! How the mirrored rows lie: their order (`lumos_optimize`), and those that lie in files (`lumos_tier`).

mod age;
pub mod optimize;
pub mod policy;
mod tier_move;
