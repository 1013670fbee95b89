//! `lumos_llm_configure`, `lumos_llm_log`: a language model beside the parser of questions.

use crate::nl::tier::{config, log};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type};

/// `lumos_llm_configure(options)`.
pub const CONFIGURE: Function = Function {
    name: "lumos_llm_configure",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[Param::new("options", Type::Json)],
    options: config::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Names a language model that lumos_ask, lumos_to_sql and lumos_parse ask too, by their option `mode`; NULL or `{}` is none, as it is before the first call. \
          The server is one that speaks OpenAI's /chat/completions: OpenAI and others, and on one's own machine Ollama, llama.cpp or vLLM. It counts for all connections of the process, until the process ends or this is called again; lumos_lock and lumos_model_lock leave it as it is. \
          Nothing is sent before a question, and then only to this address: no redirect is followed, no environment variable heeded but `api_key_env`. Addresses are https, or http on localhost, 127.0.0.1 and [::1]. \
          The model is told names, kinds of values, keys, descriptions and metrics of the tables, those first that the question names, the values that the question names, up to three verified questions that are like it, and the questions of `after`. It is told no rows, other texts only with `values`, and nothing of what `deny` names. \
          Its answer is read as SELECTs and nothing else. Each passes the gate of lumos_validate_sql, with the tables and columns that the question may be about; if none does, it hears why, and may try again. Then those that pass and the parser's three likeliest run, up to 1,000 rows of each, and the rows for which most speaks are answered: of an answer of the model alone the confidence is at most 0.75, so it is never `high`. \
          With `auto` a server that fails leaves the parser's answer, which says so in `assumptions`; with `model` it is an error. lumos_llm_log has what was asked. \
          Returns the model as JSON, without its key. Errors if an option is not right, or models are locked.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_llm_configure('{\"base_url\": \"http://localhost:11434/v1\", \"model\": \"qwen2.5-coder\"}')",
            answer: r#"{"model":"qwen2.5-coder","base_url":"http://localhost:11434/v1","key":false,"below":0.8,"values":0,"max_calls":1000,"max_tokens":1000000}"#,
        },
        Example {
            sql: "SELECT lumos_llm_configure(NULL)",
            answer: r#"{"model":null}"#,
        },
        Example {
            sql: "SELECT lumos_llm_configure('{\"base_url\": \"http://example.com/v1\", \"model\": \"m\"}')",
            answer: "lumos_llm_configure: base_url is not encrypted; give an https address, or one of this machine",
        },
    ],
    body: Body::Host,
};

/// `lumos_llm_log()`.
pub const LOG: Function = Function {
    name: "lumos_llm_log",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Table(log::COLUMNS),
    params: &[],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What the model of lumos_llm_configure was asked about this database, the last 1,000 questions: when, in UTC, the question, the model, how many requests that took and how long they did, the tokens of questions and answers as the server counts them, \
          the SELECTs that came, each with the reason if the gate refused it, and whose was answered: `model`, `parser`, `both` if they gave the same rows, or `none`. `error` is why the server gave no answer. A question whose answer was remembered, of the last 32 requests, is no row. \
          In SQLite the rows stand in the table lumos_llm, which is made when it is first needed: a row is written before the request, in the transaction of the caller, and completed after it; without one nothing is sent, so a database that cannot be written asks no model. Where the call was interrupted, or another connection has written in WAL mode while the server was waited for, the columns from `calls` on are NULL. \
          In DuckDB a function writes nothing, so they are kept in memory until the instance is closed; store them with INSERT INTO ... FROM query(lumos_llm_log()).",
    setup: &[],
    examples: &[Example {
        sql: "SELECT count(*) FROM lumos_llm_log()",
        answer: "0",
    }],
    body: Body::Sql(&Sql {
        text: log::log_sql,
        fold: None,
        in_duckdb: &[Example {
            sql: "SELECT count(*) FROM query(lumos_llm_log())",
            answer: "0",
        }],
    }),
};
