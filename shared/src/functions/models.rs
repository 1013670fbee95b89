//! `lumos_model_add(name, path[, options])`, `lumos_model_remove(name)`, `lumos_model_lock()`, `lumos_models()`.

use crate::embed::endpoint;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// `lumos_model_add(name, path[, options])`.
pub const MODEL_ADD: Function = Function {
    name: "lumos_model_add",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("name", Type::Text),
        Param::new("path", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: endpoint::OPTIONS,
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Reads the model in the folder `path` for lumos_embed, and describes it as JSON. Two kinds, both in the files tokenizer.json (WordPiece as of BERT, or Unigram as of SentencePiece) and model.safetensors (of 32 or 16 bits): static embeddings (model2vec), where a text is the mean of its tokens' vectors, and sentence encoders like BERT and XLM-RoBERTa (MiniLM, bge, gte, and for Chinese and a hundred other languages multilingual-e5 and bge-m3), which also need config.json and heed sentence-transformers' 1_Pooling/config.json and sentence_bert_config.json. A text longer than the model takes is cut; what a model wants before a text, as e5 does \"query: \" and \"passage: \", you write there. Nothing but these files is read, once; the model stays in memory, for all connections of the process, until lumos_model_remove or the end of the process. The same call again does nothing. Where `path` is a URL, the model is that of a server that speaks OpenAI's /v1/embeddings (OpenAI and others, and on one's own machine Ollama, llama.cpp or vLLM). The options are for such a URL. Nothing is sent before lumos_embed is called with the name, and then only to this URL: no redirect is followed, no environment variable heeded. A server that answers 429 or 503 is asked up to three times more within the timeout, after what its Retry-After says. An error tells the status and the length of an answer, not what it said. In DuckDB the texts of up to 2,048 rows go together, each once, in requests of `batch`; in SQLite each row's in its own, but for the last 64 texts, which are remembered. In DuckDB this function does not see the setting enable_external_access: where SQL is not trusted, call lumos_model_lock() first.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_model_add('minilm', '/no/such/folder')",
            answer: "lumos_model_add: /no/such/folder is not a folder; give the one that holds the model, or the URL of a server",
        },
        Example {
            sql: "SELECT lumos_model_add('small', 'https://api.openai.com/v1/embeddings')",
            answer: "lumos_model_add: the option \"model\" is missing; give the model's name as the server knows it, as in '{\"model\": \"text-embedding-3-small\"}'",
        },
    ],
    body: Body::Host,
};

/// `lumos_model_remove(name)`.
pub const MODEL_REMOVE: Function = Function {
    name: "lumos_model_remove",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("name", Type::Text)],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Forgets a model of lumos_model_add and frees its memory; 1 if it was there.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_model_remove('minilm')",
        answer: "0",
    }],
    body: Body::Host,
};

/// `lumos_model_lock()`.
pub const MODEL_LOCK: Function = Function {
    name: "lumos_model_lock",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Leaves the models of this process as they are: from now on lumos_model_add, lumos_model_remove and lumos_llm_configure are errors, until the process ends. For a program that goes on to run SQL that it does not trust, which then can neither read a folder nor reach a server by them. Returns what lumos_models does.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_model_lock()",
            answer: r#"[{"model":"hash","kind":"hash","dimensions":384,"path":null}]"#,
        },
        Example {
            sql: "SELECT lumos_model_add('minilm', '/no/such/folder')",
            answer: "lumos_model_add: the models of this process are locked by lumos_lock() or lumos_model_lock(); add and remove models before that",
        },
    ],
    body: Body::Host,
};

/// `lumos_models()`.
pub const MODELS: Function = Function {
    name: "lumos_models",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "The models that lumos_embed knows in this process, as a JSON array: the built-in one and those of lumos_model_add. `kind` is hash, static, encoder or endpoint; an endpoint's `path` is its URL up to a question mark, and its `dimensions` are null until they are known.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_models()",
        answer: r#"[{"model":"hash","kind":"hash","dimensions":384,"path":null}]"#,
    }],
    body: Body::Host,
};
