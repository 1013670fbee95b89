//! How the mirrored rows lie: their order (`lumos_optimize`), and those that lie in files (`lumos_tier`).

pub mod optimize;
mod work;
