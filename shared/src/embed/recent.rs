//! The texts that a model was asked for last, with their vectors: a statement often asks for one text in every row.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Result;

/// How many answers are kept, and how many bytes such a text has at most.
const KEPT: usize = 64;
const LONGEST: usize = 1 << 14;

/// Answers to texts that were asked for one by one, the last one first.
#[derive(Default)]
pub struct Recent(Mutex<VecDeque<(String, Vec<f32>)>>);

impl Recent {
    /// The vectors of the texts: what `ask` says, unless it is one text and was answered just before. Errors if `ask`
    /// does; an error is not kept.
    pub fn or_ask(
        &self,
        texts: &[&str],
        ask: impl FnOnce() -> Result<Vec<Vec<f32>>>,
    ) -> Result<Vec<Vec<f32>>> {
        let [text] = texts else { return ask() };
        if text.len() > LONGEST {
            return ask();
        }
        if let Some((_, vector)) = self.kept().iter().find(|(known, _)| known == text) {
            return Ok(vec![vector.clone()]);
        }
        // Not locked while it computes.
        let vectors = ask()?;
        if let [vector] = &vectors[..] {
            let mut kept = self.kept();
            kept.truncate(KEPT - 1);
            kept.push_front(((*text).to_owned(), vector.clone()));
        }
        Ok(vectors)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(String, Vec<f32>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_text_asked_for_again_is_not_computed_again() {
        let (recent, asked) = (Recent::default(), Cell::new(0.0));
        let embed = |texts: &[&str]| {
            let ask = || {
                asked.set(asked.get() + 1.0);
                Ok(texts.iter().map(|_| vec![asked.get()]).collect())
            };
            recent.or_ask(texts, ask).unwrap()
        };
        assert_eq!(
            (embed(&["a"]), embed(&["a"])),
            (vec![vec![1.0]], vec![vec![1.0]])
        );
        assert_eq!(embed(&["b"]), [[2.0]]);
        assert_eq!(embed(&["a", "a"]), [[3.0], [3.0]]);
        assert_eq!(embed(&["a"]), [[1.0]]);
        let long = "a".repeat(LONGEST + 1);
        assert_ne!(embed(&[&long]), embed(&[&long]));
        for i in 0..KEPT {
            embed(&[&i.to_string()]);
        }
        assert_ne!(embed(&["a"]), [[1.0]]);
    }
}
