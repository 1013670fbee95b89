//! Static embeddings (model2vec and alike): every token has its vector, and a text the mean of them.

use ndarray::{Array1, Array2};

use super::tensors::Tensors;
use super::tokenizer::Tokenizer;
use crate::{Error, Result};

/// As model2vec has it: what a text says beyond that changes its mean little.
const MOST_TOKENS: usize = 512;

/// The vectors of all tokens.
pub struct Table {
    tokenizer: Tokenizer,
    vectors: Array2<f32>,
}

impl Table {
    /// The tensor with the vectors, by the names that its writers give it.
    pub fn tensor(tensors: &Tensors<'_>) -> Option<&'static str> {
        ["embeddings", "embedding.weight"]
            .into_iter()
            .find(|name| tensors.has(name))
    }

    /// Takes the vectors, multiplied by the weights of the tokens if the file has some. Errors if the vectors are not
    /// those of the tokenizer's tokens, or have a mapping.
    pub fn load(tensors: &Tensors<'_>, name: &str, tokenizer: Tokenizer) -> Result<Table> {
        if tensors.has("mapping") {
            return Err(Error::new(
                "model.safetensors has a tensor \"mapping\": a quantized vocabulary is not supported; save the model without it",
            ));
        }
        let mut vectors = tensors.matrix(name)?;
        if vectors.nrows() < tokenizer.size() || vectors.ncols() == 0 {
            return Err(Error::new(format!(
                "tokenizer.json has {} tokens, model.safetensors the vectors of {}; both must be of one model",
                tokenizer.size(),
                vectors.nrows()
            )));
        }
        if tensors.has("weights") {
            let weights = tensors.row("weights", vectors.nrows())?;
            for (mut vector, weight) in vectors.rows_mut().into_iter().zip(&weights) {
                vector *= *weight;
            }
        }
        Ok(Table { tokenizer, vectors })
    }

    /// How long its vectors are.
    pub fn dimensions(&self) -> usize {
        self.vectors.ncols()
    }

    /// The mean of the vectors of a text's tokens; zero if it has none that are known.
    pub fn embed(&self, text: &str) -> Array1<f32> {
        let mut sum = Array1::zeros(self.dimensions());
        for id in self.tokenizer.known(text, MOST_TOKENS) {
            sum += &self.vectors.row(id as usize);
        }
        sum // its direction is that of the mean
    }
}
