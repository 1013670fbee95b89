#![doc = include_str!("../README.md")]

mod aggregate;
mod contain;
mod embed;
pub mod endpoint;
#[cfg(not(feature = "extension"))]
pub mod engine;
#[cfg(not(feature = "extension"))]
pub mod exact_sum;
#[cfg(feature = "extension")]
mod extension;
mod fold;
mod group;
mod http;
pub mod llm;
pub mod models;
pub mod scalar;
mod scratch;
mod search;
pub mod topk;
pub mod vectors;
