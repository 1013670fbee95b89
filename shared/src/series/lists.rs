//! The functions of series on two lists, one of times and one of values, as JSON: for a GROUP BY, which makes a series of
//! each group without a source.

use serde_json::Value as Json;

use crate::program::{Fold, Stopped};
use crate::{Error, Result, Value, ValueRef};

/// The rows that a fold of series gives for one series, as a JSON array of objects, without the column `series`.
///
/// Errors if a list is none, if they are not equally long, if a value is neither a number nor null, if it is stopped,
/// or as the fold does.
pub fn answer(
    fold: &Fold,
    spec: &str,
    times: &str,
    values: &str,
    stopped: Stopped<'_>,
) -> Result<Value> {
    let times = list("times", times)?;
    let values = list("values", values)?;
    if times.len() != values.len() {
        return Err(Error::new(format!(
            "times has {} and values {}; give a value for each time",
            elements(times.len()),
            values.len()
        )));
    }
    let mut state = fold.start(spec)?;
    for (time, value) in times.iter().zip(&values) {
        state.row(&[ValueRef::Null, cell("times", time)?, number(value)?])?;
    }
    let mut out = String::from("[");
    state.finish_until(stopped, &mut |row| {
        out.push_str(if out.len() > 1 { ",{" } else { "{" });
        let columns = fold.output.iter().zip(row).skip(1);
        for (i, ((name, _), value)) in columns.enumerate() {
            let separator = if i > 0 { "," } else { "" };
            out.push_str(&format!("{separator}\"{name}\":{}", json(value)));
        }
        out.push('}');
        Ok(())
    })?;
    out.push(']');
    Ok(Value::Text(out))
}

/// So many elements, for an error.
pub fn elements(count: usize) -> String {
    format!("{count} element{}", if count == 1 { "" } else { "s" })
}

fn list(name: &str, text: &str) -> Result<Vec<Json>> {
    serde_json::from_str(text).map_err(|_| no_list(name))
}

/// What is said of an argument that is no list.
pub fn no_list(name: &str) -> Error {
    Error::new(format!(
        "{name} is no JSON array; give one, like json_group_array({})",
        if name == "times" { "day" } else { "amount" }
    ))
}

fn cell<'a>(name: &str, value: &'a Json) -> Result<ValueRef<'a>> {
    Ok(match value {
        Json::Null => ValueRef::Null,
        Json::String(text) => ValueRef::Text(text),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => ValueRef::Integer(n),
            (None, Some(n)) => ValueRef::Real(n),
            (None, None) => ValueRef::Null,
        },
        _ => return Err(Error::new(format!("{name} has {value}, which is no time"))),
    })
}

fn number(value: &Json) -> Result<ValueRef<'static>> {
    match value {
        Json::Null => Ok(ValueRef::Null),
        Json::Bool(value) => Ok(ValueRef::Real(f64::from(u8::from(*value)))),
        Json::Number(n) => Ok(n.as_f64().map_or(ValueRef::Null, ValueRef::Real)),
        Json::String(_) => Err(Error::new("value is a TEXT; give a number")),
        _ => Err(Error::new(format!("values has {value}; give numbers"))),
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Integer(v) => v.into(),
        Value::Real(v) => v.into(),
        Value::Text(v) => v.into(),
        Value::Null | Value::Blob(_) => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{forecast, judged};
    use super::*;

    #[test]
    fn lists_are_one_series() {
        let spec = r#"{"horizon": 2, "options": {}}"#;
        let of =
            |times: &str, values: &str| answer(&forecast::FORECAST, spec, times, values, &|| false);
        let found = of(
            r#"["2026-05-03", "2026-05-01", null, "2026-05-02"]"#,
            "[5, 5.0, 7, 5]",
        );
        let found: Json = match found.unwrap() {
            Value::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found[1]["ts"], "2026-05-05");
        assert_eq!(found[1]["value"], 5.0);
        assert_eq!(found[1]["step"], 2);
        assert_eq!(found[1]["note"], "1 row without a time left out");
        assert_eq!(found[0].get("series"), None);
        assert_eq!(of("[]", "[]").unwrap(), Value::Text("[]".into()));
        let odd = answer(&judged::ANOMALIES, "{}", "[1, 2]", "[true, null]", &|| {
            false
        })
        .unwrap();
        assert!(matches!(odd, Value::Text(text) if text.starts_with(r#"[{"ts":1,"value":1.0,"#)));
        for (times, values, said) in [
            (
                "[1]",
                "[]",
                "times has 1 element and values 0; give a value for each time",
            ),
            (
                "1",
                "[]",
                "times is no JSON array; give one, like json_group_array(day)",
            ),
            (
                "[1]",
                "{}",
                "values is no JSON array; give one, like json_group_array(amount)",
            ),
            ("[1]", r#"["5"]"#, "value is a TEXT; give a number"),
            ("[1]", "[[]]", "values has []; give numbers"),
            ("[true]", "[1]", "times has true, which is no time"),
            (r#"["May"]"#, "[1]", "\"May\" is no time; give a date"),
        ] {
            let refused = of(times, values).unwrap_err().to_string();
            assert!(refused.starts_with(said), "{refused}");
        }
    }
}
