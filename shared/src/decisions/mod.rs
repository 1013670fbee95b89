//! Choosing under several criteria and under risk: weights, scores, what a loss may be.

pub mod ahp;
pub mod choice;
pub mod criteria;
pub mod formula;
pub mod risk;
pub mod robust;
pub mod simulate;
pub mod source;
pub mod whatif;
