//! Numbers of statistics: special functions, distributions, random numbers that are a function of their name.

pub mod distribution;
pub mod linear;
pub mod random;
pub mod sample;
pub mod special;
pub mod tails;
