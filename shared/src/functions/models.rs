//! `lumos_model_add(name, path)`, `lumos_model_remove(name)`, `lumos_models()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// `lumos_model_add(name, path)`.
pub const MODEL_ADD: Function = Function {
    name: "lumos_model_add",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("name", Type::Text),
        Param::new("path", Type::Text),
    ],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Reads the model in the folder `path` for lumos_embed, and describes it as JSON. Two kinds, both in the files tokenizer.json (WordPiece as of BERT, or Unigram as of SentencePiece) and model.safetensors (of 32 or 16 bits): static embeddings (model2vec), where a text is the mean of its tokens' vectors, and sentence encoders like BERT and XLM-RoBERTa (MiniLM, bge, gte, and for Chinese and a hundred other languages multilingual-e5 and bge-m3), which also need config.json and heed sentence-transformers' 1_Pooling/config.json and sentence_bert_config.json. A text longer than the model takes is cut; what a model wants before a text, as e5 does \"query: \" and \"passage: \", you write there. Nothing but these files is read, once; the model stays in memory, for all connections of the process, until lumos_model_remove or the end of the process. The same call again does nothing.",
    examples: &[Example {
        sql: "SELECT lumos_model_add('minilm', '/no/such/folder')",
        answer: "lumos_model_add: /no/such/folder is not a folder; give the one that holds the model",
    }],
    body: Body::Host,
};

/// `lumos_model_remove(name)`.
pub const MODEL_REMOVE: Function = Function {
    name: "lumos_model_remove",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("name", Type::Text)],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Forgets a model of lumos_model_add and frees its memory; 1 if it was there.",
    examples: &[Example {
        sql: "SELECT lumos_model_remove('minilm')",
        answer: "0",
    }],
    body: Body::Host,
};

/// `lumos_models()`.
pub const MODELS: Function = Function {
    name: "lumos_models",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "The models that lumos_embed knows in this process, as a JSON array: the built-in one and those of lumos_model_add.",
    examples: &[Example {
        sql: "SELECT lumos_models()",
        answer: r#"[{"model":"hash","kind":"hash","dimensions":384,"path":null}]"#,
    }],
    body: Body::Host,
};
