//! Sentence encoders of BERT's architecture (MiniLM, e5, bge, gte; also multilingual ones, as XLM-RoBERTa): the tokens of a text look at each other in
//! several layers, and the text's vector is the mean of theirs, or that of the first.
//!
//! Written out here rather than left to an inference library: those start threads of their own in the host's
//! process, and are larger than all of the rest.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use serde_json::Value as Json;

use super::tensors::Tensors;
use super::tokenizer::Tokenizer;
use crate::{Error, Result};

/// A loaded encoder.
pub struct Encoder {
    tokenizer: Tokenizer,
    /// Vectors of tokens, and of their positions.
    tokens: Array2<f32>,
    positions: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    /// The vector of the first token stands for the text, not the mean of all.
    first: bool,
    max_tokens: usize,
}

/// y = x Wᵀ + b.
struct Linear {
    weight: Array2<f32>,
    bias: Array1<f32>,
}

/// Mean 0 and variance 1 in each row, then a scale and a shift.
struct Norm {
    scale: Array1<f32>,
    shift: Array1<f32>,
    epsilon: f32,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attended_norm: Norm,
    intermediate: Linear,
    output: Linear,
    norm: Norm,
}

/// What `config.json` says.
struct Config {
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    positions: usize,
    /// Places that stand for no token.
    skipped: usize,
    epsilon: f32,
}

impl Config {
    fn parse(json: &Json) -> Result<Config> {
        let model = json["model_type"].as_str().unwrap_or("bert");
        let skipped = match model {
            "bert" => 0,
            // Their positions are counted from behind that of the padding.
            "roberta" | "xlm-roberta" | "camembert" => {
                (json["pad_token_id"].as_u64().unwrap_or(1) as usize).saturating_add(1)
            }
            other => {
                return Err(Error::new(format!(
                    "config.json has the model_type \"{other}\"; only \"bert\", \"roberta\", \"xlm-roberta\" and \"camembert\" are supported"
                )));
            }
        };
        for (key, expected) in [
            ("hidden_act", "gelu"),
            ("position_embedding_type", "absolute"),
        ] {
            if let Some(found) = json[key].as_str().filter(|found| *found != expected) {
                return Err(Error::new(format!(
                    "config.json has the {key} \"{found}\"; only \"{expected}\" is supported"
                )));
            }
        }
        let number = |key: &str| {
            json[key]
                .as_u64()
                .filter(|n| (1..1 << 20).contains(n))
                .map(|n| n as usize)
                .ok_or_else(|| Error::new(format!("config.json has no {key}")))
        };
        let config = Config {
            hidden: number("hidden_size")?,
            intermediate: number("intermediate_size")?,
            layers: number("num_hidden_layers")?,
            heads: number("num_attention_heads")?,
            positions: number("max_position_embeddings")?,
            skipped,
            epsilon: json["layer_norm_eps"].as_f64().unwrap_or(1e-12) as f32,
        };
        if config.positions < config.skipped.saturating_add(2) {
            return Err(Error::new(
                "config.json: max_position_embeddings leaves no room for a text",
            ));
        }
        match config.hidden % config.heads {
            0 => Ok(config),
            _ => Err(Error::new(
                "config.json: hidden_size is no multiple of num_attention_heads",
            )),
        }
    }
}

impl Encoder {
    /// The tensor by which an encoder is known, with what the writer has put before all names.
    pub fn prefix(tensors: &Tensors<'_>) -> Option<&'static str> {
        ["", "bert.", "roberta."]
            .into_iter()
            .find(|prefix| tensors.has(&format!("{prefix}embeddings.word_embeddings.weight")))
    }

    /// Takes the layers. `pooling` and `limits` are what sentence-transformers stores beside a model. Errors if a
    /// tensor is missing or of another shape than `config` says, or if one of the files asks for what is not supported.
    pub fn load(
        tensors: &Tensors<'_>,
        prefix: &str,
        tokenizer: Tokenizer,
        config: &Json,
        pooling: &Json,
        limits: &Json,
    ) -> Result<Encoder> {
        let config = Config::parse(config)?;
        let n = config.hidden;
        let norm = |name: String| -> Result<Norm> {
            Ok(Norm {
                scale: tensors.row(&format!("{prefix}{name}.weight"), n)?,
                shift: tensors.row(&format!("{prefix}{name}.bias"), n)?,
                epsilon: config.epsilon,
            })
        };
        let linear = |name: String, outputs: usize, inputs: usize| -> Result<Linear> {
            Ok(Linear {
                weight: tensors.shaped(&format!("{prefix}{name}.weight"), outputs, inputs)?,
                bias: tensors.row(&format!("{prefix}{name}.bias"), outputs)?,
            })
        };
        let layer = |i: usize| -> Result<Layer> {
            let at = |rest: &str| format!("encoder.layer.{i}.{rest}");
            Ok(Layer {
                query: linear(at("attention.self.query"), n, n)?,
                key: linear(at("attention.self.key"), n, n)?,
                value: linear(at("attention.self.value"), n, n)?,
                attention_output: linear(at("attention.output.dense"), n, n)?,
                attended_norm: norm(at("attention.output.LayerNorm"))?,
                intermediate: linear(at("intermediate.dense"), config.intermediate, n)?,
                output: linear(at("output.dense"), n, config.intermediate)?,
                norm: norm(at("output.LayerNorm"))?,
            })
        };
        let table = |name: &str, rows: usize| {
            tensors.shaped(&format!("{prefix}embeddings.{name}.weight"), rows, n)
        };
        let tokens = tensors.matrix(&format!("{prefix}embeddings.word_embeddings.weight"))?;
        if tokens.nrows() < tokenizer.size() || tokens.ncols() != n {
            return Err(Error::new(format!(
                "tokenizer.json has {} tokens, model.safetensors {} vectors of {} numbers for them; both must be of one model",
                tokenizer.size(),
                tokens.nrows(),
                tokens.ncols()
            )));
        }
        // Each text is one sentence, so all its tokens are of the first type.
        let types = tensors.matrix(&format!("{prefix}embeddings.token_type_embeddings.weight"))?;
        let all = table("position_embeddings", config.positions)?;
        let mut positions = all
            .slice_axis(Axis(0), Slice::from(config.skipped..))
            .to_owned();
        if types.ncols() == n && types.nrows() > 0 {
            positions += &types.row(0);
        }
        let limit = limits["max_seq_length"].as_u64().unwrap_or(u64::MAX);
        Ok(Encoder {
            tokens,
            norm: norm("embeddings.LayerNorm".into())?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            heads: config.heads,
            first: pooling_is_first(pooling)?,
            max_tokens: usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .clamp(2, positions.nrows()),
            positions,
            tokenizer,
        })
    }

    /// How long its vectors are.
    pub fn dimensions(&self) -> usize {
        self.tokens.ncols()
    }

    /// The vector of a text, of any length. Errors if `tokenizer.json` does not say which tokens stand around a text.
    pub fn embed(&self, text: &str) -> Result<Array1<f32>> {
        let ids = self.tokenizer.framed(text, self.max_tokens)?;
        let mut x = self
            .positions
            .slice_axis(Axis(0), Slice::from(..ids.len()))
            .to_owned();
        for (mut row, id) in x.rows_mut().into_iter().zip(&ids) {
            row += &self.tokens.row(*id as usize);
        }
        self.norm.apply(&mut x);
        for layer in &self.layers {
            x = layer.apply(x, self.heads);
        }
        Ok(if self.first {
            x.row(0).to_owned()
        } else {
            // Its direction is that of the mean.
            x.sum_axis(Axis(0))
        })
    }
}

fn pooling_is_first(pooling: &Json) -> Result<bool> {
    let modes = ["pooling_mode_mean_tokens", "pooling_mode_cls_token"];
    let on = |key: &str| pooling[key].as_bool() == Some(true);
    let others = pooling
        .as_object()
        .into_iter()
        .flatten()
        .any(|(key, value)| {
            key.starts_with("pooling_mode")
                && !modes.contains(&key.as_str())
                && *value == Json::Bool(true)
        });
    match (others, on(modes[0]), on(modes[1])) {
        (false, _, false) => Ok(false),
        (false, false, true) => Ok(true),
        _ => Err(Error::new(
            "1_Pooling/config.json asks for a pooling that is not supported; the mean of all tokens or the first one is",
        )),
    }
}

impl Linear {
    fn apply(&self, x: &ArrayView2<'_, f32>) -> Array2<f32> {
        x.dot(&self.weight.t()) + &self.bias
    }
}

impl Norm {
    fn apply(&self, x: &mut Array2<f32>) {
        let n = x.ncols() as f32;
        for mut row in x.rows_mut() {
            let mean = row.sum() / n;
            row -= mean;
            let deviation = (row.dot(&row) / n + self.epsilon).sqrt();
            row.zip_mut_with(&self.scale, |v, scale| *v *= scale / deviation);
            row += &self.shift;
        }
    }
}

impl Layer {
    fn apply(&self, x: Array2<f32>, heads: usize) -> Array2<f32> {
        let view = x.view();
        let (query, key, value) = (
            self.query.apply(&view),
            self.key.apply(&view),
            self.value.apply(&view),
        );
        let size = x.ncols() / heads;
        let mut seen = Array2::zeros(x.raw_dim());
        for head in 0..heads {
            let part = Slice::from(head * size..(head + 1) * size);
            let mut weights =
                columns(&query, part).dot(&columns(&key, part).t()) / (size as f32).sqrt();
            weights.rows_mut().into_iter().for_each(softmax);
            seen.slice_axis_mut(Axis(1), part)
                .assign(&weights.dot(&columns(&value, part)));
        }
        let mut x = self.attention_output.apply(&seen.view()) + x;
        self.attended_norm.apply(&mut x);
        let mut intermediate = self.intermediate.apply(&x.view());
        intermediate.mapv_inplace(gelu);
        let mut x = self.output.apply(&intermediate.view()) + x;
        self.norm.apply(&mut x);
        x
    }
}

fn columns(x: &Array2<f32>, part: Slice) -> ArrayView2<'_, f32> {
    x.slice_axis(Axis(1), part)
}

fn softmax(mut row: ndarray::ArrayViewMut1<'_, f32>) {
    let highest = row.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    row.mapv_inplace(|v| (v - highest).exp());
    let sum = row.sum();
    row /= sum;
}

/// x times the probability that a normal variable is below x.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}
