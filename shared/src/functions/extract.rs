//! `lumos_extract(text[, options])`.

use std::ops::Range;

use serde_json::json;

use crate::memory::extract::{self, is_functional};
use crate::memory::moment::{self, MOMENT};
use crate::options::{OptionDef, OptionType, Options};
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value,
    ValueRef,
};

/// The definition.
pub const EXTRACT: Function = Function {
    name: "lumos_extract",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("text", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "speaker",
            ty: OptionType::Text(" like \"Ann\""),
            default: "user",
            doc: "the subject of what the text says of \"I\" and 我",
        },
        OptionDef {
            name: "now",
            ty: OptionType::Json(MOMENT),
            default: "",
            doc: "when the text was written; without it, times that depend on it (\"last May\", \"in May\", 上周) are left out",
        },
    ],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "Names, times and simple facts in an English or Chinese text, as a JSON array in the order of the text. Each element has `kind`, `text`, and `start` and `length` in characters, as substr takes them. An `entity` has `name` and `type` (person, organisation, place, title, quoted, handle, email, url, or name where no rule knows more). A `date` has `from` and `to`, without `to`, in UTC: \"two days ago\", \"in 2023\", 去年三月; a week begins on Monday, and a name without a year means the last such time that has begun. A `fact` has `subject`, `predicate`, `object`, and `functional`, which is true where a subject has one object at a time. The rules are tables of patterns, use no model, and would rather miss than be wrong: a capitalised word at the start of a sentence is a name only if the text says so elsewhere, dates like 4/5/2023 are left out, and a question or a condition states no fact. The predicates are works_at, works_in, works_as, lives_in, from, studies_at, studies_in, graduated_from, born, birthday, age, name, also_known_as, married_to, speaks, likes, dislikes, prefers, allergic_to, favorite_<what>, and sister_of and its like. The time it takes grows with the length of the text alone. Its rows are those of json_each in both engines, as the examples show.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_extract('Ann works at Acme.')",
            answer: r#"[{"kind":"entity","text":"Ann","start":1,"length":3,"type":"person","name":"Ann"},{"kind":"fact","text":"Ann works at Acme","start":1,"length":17,"subject":"Ann","predicate":"works_at","object":"Acme","functional":true},{"kind":"entity","text":"Acme","start":14,"length":4,"type":"organisation","name":"Acme"}]"#,
        },
        Example {
            sql: "SELECT value ->> 'subject', value ->> 'predicate', value ->> 'object' FROM json_each(lumos_extract('My sister Ann lives in Oslo. I like green tea. 我在腾讯工作')) WHERE (value ->> 'kind') = 'fact'",
            answer: "Ann|sister_of|user\nAnn|lives_in|Oslo\nuser|likes|green tea\nuser|works_at|腾讯",
        },
        Example {
            sql: "SELECT value ->> 'text', value ->> 'from', value ->> 'to' FROM json_each(lumos_extract('Since last May, and 上周', '{\"now\": \"2026-11-29\"}'))",
            answer: "last May|2026-05-01 00:00:00|2026-06-01 00:00:00\n上周|2026-11-16 00:00:00|2026-11-23 00:00:00",
        },
        Example {
            sql: "SELECT lumos_extract('last May', '{\"now\": \"May\"}')",
            answer: "lumos_extract: now is \"May\"; give a time in UTC like \"2026-05-01 09:30:00\", or seconds since 1970",
        },
    ],
    body: Body::Pure(body),
};

fn body(args: &[ValueRef<'_>]) -> Result<Value> {
    let (text, options) = match args {
        [ValueRef::Text(text)] => (*text, None),
        [ValueRef::Text(text), ValueRef::Text(options)] => (*text, Some(*options)),
        _ => return Err(Error::new("takes a text, and options as JSON text")),
    };
    let options = Options::parse(EXTRACT.options, options)?;
    let speaker = options.text("speaker").unwrap_or("user");
    if speaker.trim().is_empty() {
        return Err(options.wrong("speaker", "a name"));
    }
    let now = moment::option(&options, "now")?;
    let found = extract::extract(text, speaker, now);
    let mut rows: Vec<(Range<usize>, serde_json::Value)> = Vec::new();
    for entity in found.entities {
        let row = json!({"kind": "entity", "type": entity.sort.name(), "name": entity.name});
        rows.push((entity.span, row));
    }
    for date in found.dates {
        // The end of the year 9999 is no time of any engine.
        let row = json!({"kind": "date", "from": moment::text(date.from)?, "to": moment::text(date.to).ok()});
        rows.push((date.span, row));
    }
    for fact in found.facts {
        let functional = is_functional(&fact.predicate);
        let row = json!({
            "kind": "fact", "subject": fact.subject, "predicate": fact.predicate, "object": fact.object,
            "functional": functional,
        });
        rows.push((fact.span, row));
    }
    rows.sort_by_key(|(span, _)| (span.start, span.end));
    let (mut bytes, mut characters) = (0, 1);
    let mut elements = Vec::with_capacity(rows.len());
    for (span, row) in rows {
        let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        characters += piece(bytes, span.start).chars().count();
        bytes = span.start;
        let named = piece(span.start, span.end);
        let mut element = serde_json::Map::new();
        let kind = row.get("kind").cloned().unwrap_or_default();
        for (name, value) in [
            ("kind", kind),
            ("text", json!(named)),
            ("start", json!(characters)),
            ("length", json!(named.chars().count())),
        ] {
            element.insert(name.into(), value);
        }
        if let serde_json::Value::Object(row) = row {
            element.extend(row);
        }
        elements.push(element);
    }
    let text = serde_json::to_string(&elements);
    text.map(Value::Text).map_err(|e| Error::new(e.to_string()))
}
