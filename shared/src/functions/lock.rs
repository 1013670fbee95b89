//! `lumos_lock()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const LOCK: Function = Function {
    name: "lumos_lock",
    section: Section::Admin,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Fixes what SQL can reach through this connection, until it is closed: from now on `lumos_attach` and `lumos_detach` are errors in it, \
          and so are `lumos_model_add`, `lumos_model_remove` and `lumos_llm_configure` in the whole process, as after `lumos_model_lock`. \
          For a program that goes on to run SQL that it does not trust: attach first, with the folders of `allow_files` that such SQL may use (none by default), then lock. \
          Everything else goes on; a connection without a mirror still attaches the default one, without options. \
          Returns what is fixed: the mirror (null if none is attached), the folders and the models.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_lock()",
            answer: r#"{"mirror":null,"allow_files":[],"models":[{"model":"hash","kind":"hash","dimensions":384,"path":null}]}"#,
        },
        Example {
            sql: "SELECT lumos_attach(NULL, '{\"allow_files\": [\"/\"]}')",
            answer: "lumos_attach: this connection is locked by lumos_lock(); attach before that, or open another connection",
        },
    ],
    body: Body::Host,
};
