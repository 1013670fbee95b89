//! Pictures of odd rows, and what both forms of a picture hold.

use super::*;
use serde_json::{Value as Json, json};

/// The rows that a fold makes of these.
fn answer(fold: &Fold, rows: &[Json], options: &str) -> Result<Vec<Vec<Value>>> {
    let mut state = fold.start(options)?;
    for row in rows {
        state.row(&[ValueRef::Text(&row.to_string())])?;
    }
    let mut answer = Vec::new();
    state.finish(&mut |row| {
        answer.push(row);
        Ok(())
    })?;
    Ok(answer)
}

fn text(fold: &Fold, rows: &[Json], options: &str) -> String {
    match answer(fold, rows, options).unwrap().remove(0).remove(0) {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn kind(rows: &[Json], options: &str) -> String {
    let rows = answer(&SUGGEST, rows, options).unwrap();
    match &rows[0][1] {
        Value::Text(kind) => kind.clone(),
        other => panic!("{other:?}"),
    }
}

/// Rows of all shapes, with the picture that is suggested first.
fn shapes() -> Vec<(&'static str, Vec<Json>)> {
    let many = |n: i32, row: &dyn Fn(i32) -> Json| (0..n).map(row).collect::<Vec<Json>>();
    let day = |i: i32| format!("2026-{:02}-{:02}", 1 + i / 28, 1 + i % 28);
    vec![
        ("value", vec![json!({"n": 5})]),
        ("line", many(60, &|i| json!({"day": day(i), "n": i % 7}))),
        (
            "line",
            many(
                60,
                &|i| json!({"day": day(i / 3), "shop": (["a", "b", "c"][i as usize % 3]), "n": i}),
            ),
        ),
        ("line", many(60, &|i| json!({"day": day(i)}))),
        ("line", many(60, &|i| json!({"step": i, "n": i * i}))),
        ("bar", many(5, &|i| json!({"rating": i, "n": i * 3}))),
        (
            "bar",
            many(500, &|i| json!({"name": format!("category {i}"), "n": i})),
        ),
        (
            "bar",
            many(6, &|i| json!({"name": format!("c{i}"), "n": i - 3})),
        ),
        (
            "bar",
            many(
                12,
                &|i| json!({"name": format!("c{}", i / 3), "part": i % 3, "x": format!("p{}", i % 3), "n": i}),
            ),
        ),
        (
            "bar",
            many(40, &|i| json!({"country": format!("c{}", i % 4)})),
        ),
        (
            "heatmap",
            many(
                40,
                &|i| json!({"a": format!("c{}", i % 4), "b": format!("d{}", i % 3)}),
            ),
        ),
        (
            "heatmap",
            many(
                100,
                &|i| json!({"genre": format!("c{}", i / 4), "x": format!("p{}", i % 4), "n": i}),
            ),
        ),
        (
            "point",
            many(
                90,
                &|i| json!({"x": f64::from(i) * 0.5, "y": f64::from(i * i % 17) + 0.1}),
            ),
        ),
        (
            "bins",
            many(
                6000,
                &|i| json!({"x": f64::from(i) * 0.5, "y": f64::from(i * i % 1777) + 0.1}),
            ),
        ),
        (
            "histogram",
            many(90, &|i| json!({"x": f64::from(i * i % 17) + 0.5})),
        ),
        (
            "band",
            many(
                9,
                &|i| json!({"ts": day(i), "value": i, "lo": i - 1, "hi": i + 1}),
            ),
        ),
        (
            "tornado",
            many(
                3,
                &|i| json!({"variable": format!("v{i}"), "low": 5 - i, "high": 6 + i, "swing": 1 + 2 * i}),
            ),
        ),
        (
            "waterfall",
            many(
                4,
                &|i| json!({"segment": format!("s{i}"), "difference": 3 - 2 * i}),
            ),
        ),
    ]
}

#[test]
fn rows_have_the_picture_that_suits_them() {
    for (expected, rows) in shapes() {
        assert_eq!(kind(&rows, "{}"), expected, "{}", rows[0]);
    }
}

#[test]
fn rows_in_any_order_and_on_many_threads_are_the_same_picture() {
    for (_, rows) in shapes() {
        let mut back = rows.clone();
        back.reverse();
        for fold in [&SVG, &CHART] {
            let whole = text(fold, &rows, "{}");
            assert_eq!(whole, text(fold, &back, "{}"));
            let mut parts = fold.start("{}").unwrap();
            for part in rows.chunks(7) {
                let mut other = fold.start("{}").unwrap();
                part.iter()
                    .for_each(|row| other.row(&[ValueRef::Text(&row.to_string())]).unwrap());
                parts.merge(&*other).unwrap();
            }
            let mut merged = Vec::new();
            parts
                .finish(&mut |row| {
                    merged.extend(row);
                    Ok(())
                })
                .unwrap();
            assert_eq!(merged, [Value::Text(whole)]);
        }
    }
}

#[test]
fn odd_rows_are_drawn_in_every_form() {
    let odd: Vec<Vec<Json>> = vec![
        vec![],
        vec![json!({})],
        vec![json!({"a": "x", "n": 1})],
        vec![
            json!({"t": "2026-01-01", "n": null}),
            json!({"t": null, "n": 1}),
        ],
        vec![
            json!({"a": null, "n": 0}),
            json!({"a": "", "n": -0.0}),
            json!({"a": "y", "n": 1e308}),
            json!({"a": "z", "n": -1e299}),
        ],
        vec![
            json!({"t": "0001-01-01", "x": 5e-324, "n": 1}),
            json!({"t": "9999-12-31", "x": 1e299, "n": 9_007_199_254_740_993_u64}),
        ],
        vec![
            json!({"</script><script>": "javascript:", "n": 1}),
            json!({"</script><script>": "<a href='x'>url(#a)&\"]]>\u{0}", "n": 2}),
        ],
        vec![
            json!({"城市": "上海市\u{1F600}مرحبا".repeat(40), "n": 1}),
            json!({"城市": "b", "n": 2}),
        ],
    ];
    for rows in odd.iter().chain(shapes().iter().map(|(_, rows)| rows)) {
        for form in ask::FORMS {
            for more in [
                "",
                ", \"scale\": \"log\", \"theme\": \"dark\", \"lang\": \"zh\", \"width\": 100, \"height\": 100",
            ] {
                let options = format!("{{\"kind\": \"{}\"{more}}}", form.name());
                let Ok(svg) = answer(&SVG, rows, &options) else {
                    let refused = answer(&CHART, rows, &options).unwrap_err().to_string();
                    assert!(
                        refused.contains("needs") || refused.contains("nothing in the source"),
                        "{refused}"
                    );
                    continue;
                };
                let [Value::Text(svg)] = svg[0].as_slice() else {
                    panic!()
                };
                let lower = svg.to_lowercase();
                for never in [
                    "nan",
                    "inf\"",
                    "<script",
                    "href",
                    "javascript:",
                    "url(",
                    "\u{0}",
                ] {
                    assert!(!lower.contains(never), "{never} in {options} {svg}");
                }
                assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
                let spec: Json = serde_json::from_str(&text(&CHART, rows, &options)).unwrap();
                assert!(spec["mark"]["type"].is_string() || spec["layer"].is_array());
            }
        }
    }
}

#[test]
fn the_specification_names_what_the_columns_are() {
    let rows = [
        json!({"city": "Rome", "n": 2}),
        json!({"city": "Oslo", "n": 5}),
    ];
    let spec: Json = serde_json::from_str(&text(&CHART, &rows, "{}")).unwrap();
    assert_eq!(spec["mark"]["type"], "bar");
    assert_eq!(spec["title"]["text"], "n by city");
    assert_eq!(spec["encoding"]["x"]["sort"], json!(["Oslo", "Rome"]));
    assert_eq!(
        spec["data"]["values"][0],
        json!({"x": "Oslo", "y": 5.0, "y2": 0.0})
    );
    let times = [
        json!({"t": "2026-01-01", "n": 2}),
        json!({"t": "2026-02-01 10:00", "n": 5}),
    ];
    let spec: Json = serde_json::from_str(&text(&CHART, &times, "{\"title\": \"\"}")).unwrap();
    assert_eq!(spec["data"]["values"][0]["x"], "2026-01-01T00:00:00");
    assert_eq!(spec["title"], Json::Null);
}

#[test]
fn rows_left_out_are_counted() {
    let rows = [
        json!({"a": "x", "n": 0}),
        json!({"a": "y", "n": 10}),
        json!({"a": "z", "n": null}),
    ];
    let svg = text(&SVG, &rows, "{\"scale\": \"log\"}");
    assert!(
        svg.contains("1 row without a value left out")
            && svg.contains("1 of 0 or less left out of the logarithmic axis")
    );
    let many: Vec<Json> = (0..500)
        .map(|i| json!({"name": format!("c{i}"), "total": 7}))
        .collect();
    assert!(text(&SVG, &many, "{}").contains("other (471), together 3,297, is not drawn"));
    let points: Vec<Json> = (0..90)
        .map(|i| json!({"x": f64::from(i) + 0.5, "y": i * i % 19}))
        .collect();
    assert!(text(&SVG, &points, "{\"max_rows\": 50}").contains("50 of 90 points are drawn"));
}

#[test]
fn what_is_wrong_is_said() {
    let rows = [
        json!({"day": "2026-01-01", "n": 1}),
        json!({"day": "2026-01-02", "n": 2}),
    ];
    for (options, said) in [
        (
            "{\"kind\": \"heatmap\"}",
            "kind \"heatmap\" needs two columns of texts; the source has day (times) and n (numbers)",
        ),
        (
            "{\"x\": \"dya\"}",
            "column \"dya\" is not in the source; it has day and n",
        ),
        (
            "{\"y\": \"day\"}",
            "y is the column \"day\", which holds no numbers; give one of numbers",
        ),
        (
            "{\"kind\": \"pies\"}",
            "kind is \"pies\"; give \"auto\", \"value\"",
        ),
        (
            "{\"width\": 5}",
            "width is 5; give a whole number from 100 to 4000",
        ),
    ] {
        let refused = answer(&SVG, &rows, options).unwrap_err().to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
}

#[test]
fn a_band_is_thinned_and_holds_no_more_series_than_colours() {
    let band = |i: i32, series: i32| {
        let value = if i == 777 { 50 } else { i % 5 };
        json!({"ts": i, "value": value, "lo": value - 1, "hi": value + 1, "series": format!("s{series}"), "is_anomaly": i == 500})
    };
    let long: Vec<Json> = (0..2000).map(|i| band(i, 0)).collect();
    let spec: Json = serde_json::from_str(&text(
        &CHART,
        &long,
        "{\"kind\": \"band\", \"max_rows\": 100}",
    ))
    .unwrap();
    let values = spec["data"]["values"].as_array().unwrap();
    assert!((90..=101).contains(&values.len()), "{}", values.len());
    assert!(
        values.iter().any(|v| v["y"].as_f64() == Some(50.0))
            && values.iter().any(|v| v["flagged"] == true)
    );
    assert!(
        spec["title"]["subtitle"]
            .to_string()
            .contains("of 2,000 points are drawn")
    );
    let rows =
        |series: i32| -> Vec<Json> { (0..200).map(|i| band(i / series, i % series)).collect() };
    assert_eq!(
        (kind(&rows(8), "{}"), kind(&rows(9), "{}")),
        ("band".into(), "line".into())
    );
    let refused = answer(&SVG, &rows(9), "{\"kind\": \"band\"}")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("at most 8 series"), "{refused}");
}
