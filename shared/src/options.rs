//! Options of calls: a JSON object, whose fields the definition of the function lists. One parser reads all of them.

use serde_json::{Map, Value as Json};

use crate::value::whole_number;
use crate::{Error, Result};

/// An option that a function takes.
#[derive(Debug, Clone, Copy)]
pub struct OptionDef {
    /// The field's name.
    pub name: &'static str,
    /// What its values are.
    pub ty: OptionType,
    /// What counts where it is not given, as the reference shows it; empty if nothing does.
    pub default: &'static str,
    /// One or more sentences, or a phrase that begins in lower case.
    pub doc: &'static str,
}

/// The values of an option. Null is as if the option were not given; any other value is an error that says which
/// there are.
#[derive(Debug, Clone, Copy)]
pub enum OptionType {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Integer(i64, i64),
    /// A number from the first on, with its unit or whatever follows "a number".
    Number(f64, &'static str),
    /// A text; an example for the error, or what the text is.
    Text(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// What the function reads by itself, null too; the words are what follows "give" in an error.
    Json(&'static str),
}

impl OptionType {
    /// What to give, for errors and the reference.
    pub fn values(&self) -> String {
        match self {
            OptionType::Flag => "true or false".into(),
            OptionType::Integer(least, most) => match (*least, *most) {
                (i64::MIN, i64::MAX) => "a whole number".into(),
                (least, i64::MAX) => format!("a whole number from {least} on"),
                (least, most) => format!("a whole number from {least} to {most}"),
            },
            OptionType::Number(_, what) => format!("a number{what}"),
            OptionType::Text(what) => format!("a text{what}"),
            OptionType::OneOf(texts) => {
                let quoted: Vec<String> = texts.iter().map(|t| format!("\"{t}\"")).collect();
                listed(&quoted, "or")
            }
            OptionType::Json(what) => (*what).into(),
        }
    }

    fn takes(&self, value: &Json) -> bool {
        if value.is_null() {
            return true;
        }
        match self {
            OptionType::Flag => value.is_boolean(),
            OptionType::Integer(least, most) => {
                whole_number(value).is_some_and(|n| (*least..=*most).contains(&n))
            }
            OptionType::Number(least, _) => value.as_f64().is_some_and(|n| n >= *least),
            OptionType::Text(_) => value.is_string(),
            OptionType::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
            OptionType::Json(_) => true,
        }
    }
}

/// The option of functions that can say on stderr how far they are.
pub const PROGRESS: OptionDef = OptionDef {
    name: "progress",
    ty: OptionType::Json("true, false or the seconds between two lines"),
    default: "false",
    doc: "says on stderr how far the work is, every second, or every so many seconds",
};

/// The options of a call, each of the type that its definition says.
#[derive(Debug, Default, Clone)]
pub struct Options(Map<String, Json>);

impl Options {
    /// Reads the options of a function. `None` is none of them.
    ///
    /// Errors if the text is no JSON object, or has a field that is not among `known` or has a value of another type.
    pub fn parse(known: &[OptionDef], text: Option<&str>) -> Result<Options> {
        let Some(text) = text else {
            return Ok(Options::default());
        };
        match serde_json::from_str(text) {
            Ok(Json::Object(given)) => Options::check(known, given),
            _ => Err(Error::new(format!(
                "options {} are not a JSON object; write them like {{\"name\": value}}",
                shown(text)
            ))),
        }
    }

    fn check(known: &[OptionDef], mut given: Map<String, Json>) -> Result<Options> {
        for (name, value) in &given {
            let Some(option) = known.iter().find(|o| o.name == name) else {
                let names: Vec<&str> = known.iter().map(|o| o.name).collect();
                let are = if names.len() == 1 {
                    "option is"
                } else {
                    "options are"
                };
                return Err(Error::new(format!(
                    "unknown option \"{}\"; the {are} {}",
                    shortened(name),
                    listed(&names, "and")
                )));
            };
            if !option.ty.takes(value) {
                return Err(wrong(name, value, &option.ty.values()));
            }
        }
        let reads_null = |name: &str| {
            let option = known.iter().find(|o| o.name == name);
            option.is_some_and(|o| matches!(o.ty, OptionType::Json(_)))
        };
        given.retain(|name, value| !value.is_null() || reads_null(name));
        Ok(Options(given))
    }

    /// True if no other option than these is given.
    pub fn says_only(&self, names: &[&str]) -> bool {
        self.0.keys().all(|name| names.contains(&name.as_str()))
    }

    /// The value of an option, if it is given.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// The value of an [`OptionType::Flag`], if it is given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// The value of an [`OptionType::Integer`], if it is given.
    pub fn integer(&self, name: &str) -> Option<i64> {
        whole_number(self.get(name)?)
    }

    /// The value of an [`OptionType::Number`], if it is given.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// The value of an [`OptionType::Text`] or [`OptionType::OneOf`], if it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The error for a value that is not among those that an option takes: `give` says which.
    pub fn wrong(&self, name: &str, give: &str) -> Error {
        wrong(name, self.get(name).unwrap_or(&Json::Null), give)
    }
}

fn wrong(name: &str, value: &Json, give: &str) -> Error {
    Error::new(format!(
        "{name} is {}; give {give}",
        shortened(&value.to_string())
    ))
}

/// The most characters of what was given that an error repeats.
const SHOWN: usize = 200;

/// The beginning of a long text.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The same where no quotes stand around it: of blanks alone one would see nothing.
pub fn shown(text: &str) -> String {
    if text.trim().is_empty() {
        return format!("'{text}'");
    }
    shortened(text)
}

/// `a, b and c`, or with another word before the last.
pub fn listed<T: AsRef<str>>(names: &[T], word: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} {word} {last}", first.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn option(name: &'static str, ty: OptionType) -> OptionDef {
        OptionDef {
            name,
            ty,
            default: "",
            doc: "",
        }
    }

    const KNOWN: [OptionDef; 6] = [
        option("flag", OptionType::Flag),
        option("count", OptionType::Integer(1, 9)),
        option("ratio", OptionType::Number(0.0, " of seconds")),
        option("name", OptionType::Text(" like \"2GB\"")),
        option("kind", OptionType::OneOf(&["a", "b"])),
        option("any", OptionType::Json("anything")),
    ];

    #[test]
    fn each_type_is_read() {
        let text =
            r#"{"flag": true, "count": 3.0, "ratio": 1, "name": "x", "kind": "b", "any": [1]}"#;
        let options = Options::parse(&KNOWN, Some(text)).unwrap();
        assert_eq!(options.flag("flag"), Some(true));
        assert_eq!(options.integer("count"), Some(3));
        assert_eq!(options.number("ratio"), Some(1.0));
        assert_eq!(
            (options.text("name"), options.text("kind")),
            (Some("x"), Some("b"))
        );
        assert!(options.get("any").unwrap().is_array());
        let nulls = Options::parse(&KNOWN, Some(r#"{"flag": null, "any": null}"#)).unwrap();
        assert_eq!(nulls.flag("flag"), None);
        assert!(nulls.get("any").unwrap().is_null() && nulls.says_only(&["any"]));
        let none = Options::parse(&KNOWN, None).unwrap();
        assert_eq!((none.flag("flag"), none.get("any")), (None, None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("x", "options x are not a JSON object"),
            ("", "options '' are not a JSON object"),
            ("[]", "options [] are not a JSON object"),
            (
                r#"{"flags": 1}"#,
                "unknown option \"flags\"; the options are flag, count, ratio, name, kind and any",
            ),
            (r#"{"flag": 1}"#, "flag is 1; give true or false"),
            (
                r#"{"count": 0}"#,
                "count is 0; give a whole number from 1 to 9",
            ),
            (r#"{"count": 1.5}"#, "count is 1.5; give a whole number"),
            (r#"{"ratio": -1}"#, "ratio is -1; give a number of seconds"),
            (r#"{"name": 1}"#, "name is 1; give a text like \"2GB\""),
            (r#"{"kind": "c"}"#, "kind is \"c\"; give \"a\" or \"b\""),
        ] {
            let found = Options::parse(&KNOWN, Some(text)).unwrap_err().to_string();
            assert!(found.starts_with(said), "{found}");
        }
        let found = Options::parse(&KNOWN[..1], Some(r#"{"a": 1}"#)).unwrap_err();
        assert_eq!(
            found.to_string(),
            "unknown option \"a\"; the option is flag"
        );
        let long = format!("{{\"name\": [\"{}\"]}}", "x".repeat(1_000_000));
        assert!(
            Options::parse(&KNOWN, Some(&long))
                .unwrap_err()
                .to_string()
                .len()
                < 500
        );
    }
}
