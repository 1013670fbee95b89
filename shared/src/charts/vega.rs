//! A picture as Vega-Lite 6.

use serde_json::{Map, Value as Json, json};

use super::ask::Form;
use super::plot::{Mark, Plot};
use super::scale::Scale;
use super::table::{iso, rounded};
use super::theme::Theme;

/// The specification, with its data.
pub fn spec(plot: &Plot, theme: &Theme) -> Json {
    let values: Vec<Json> = plot.marks.iter().map(|mark| row(plot, mark)).collect();
    let mut spec = json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": theme.background,
        "config": config(theme),
        "data": {"values": values},
        "width": plot.width,
        "height": plot.height,
        "autosize": {"type": "fit", "contains": "padding"},
    });
    let Json::Object(fields) = &mut spec else {
        return spec;
    };
    if !plot.title.is_empty() || !plot.notes.is_empty() {
        let mut title = json!({"text": plot.title, "anchor": "start"});
        if !plot.notes.is_empty() {
            title["subtitle"] = json!(plot.notes);
        }
        fields.insert("title".into(), title);
    }
    let layers = layers(plot, theme);
    match <[Json; 1]>::try_from(layers) {
        Ok([Json::Object(only)]) => fields.extend(only),
        Ok([only]) => {
            fields.insert("layer".into(), json!([only]));
        }
        Err(layers) => {
            fields.insert("layer".into(), Json::Array(layers));
        }
    }
    spec
}

fn config(theme: &Theme) -> Json {
    json!({
        "axis": {
            "domainColor": theme.axis, "gridColor": theme.grid, "tickColor": theme.axis,
            "labelColor": theme.muted, "titleColor": theme.muted, "titleFontWeight": "normal"
        },
        "legend": {"labelColor": theme.text, "titleColor": theme.muted, "orient": "top"},
        "title": {"color": theme.text, "subtitleColor": theme.muted, "fontSize": 16},
        "view": {"stroke": null},
        "range": {"category": theme.series}
    })
}

/// A value of the data.
fn value(scale: &Scale, at: f64) -> Json {
    match scale {
        Scale::Bands(names) => json!(names.get(at as usize)),
        // With a time of day: a lone date would be read as one of UTC, and shown as the day before in the west.
        Scale::Time { .. } => {
            let text = iso(at);
            match text.split_once(' ') {
                None => json!(format!("{text}T00:00:00")),
                Some((date, time)) if time.len() == 5 => json!(format!("{date}T{time}:00")),
                Some((date, time)) => json!(format!("{date}T{time}")),
            }
        }
        _ => json!(rounded(at)),
    }
}

fn row(plot: &Plot, mark: &Mark) -> Json {
    let mut row = Map::new();
    let mut set = |name: &str, value: Json| {
        row.insert(name.to_owned(), value);
    };
    let form = plot.form;
    if !matches!(form, Form::Value | Form::Pie) || !matches!(plot.x.scale, Scale::Linear { .. }) {
        set("x", value(&plot.x.scale, mark.x));
    }
    if matches!(form, Form::Histogram | Form::Bins) {
        set("x2", json!(rounded(mark.x2)));
    }
    if matches!(form, Form::Heatmap | Form::Bins) {
        set("value", json!(rounded(mark.value)));
    }
    set(
        "y",
        if mark.y.is_nan() {
            Json::Null
        } else {
            value(&plot.y.scale, mark.y)
        },
    );
    if matches!(
        form,
        Form::Waterfall | Form::Tornado | Form::Bins | Form::Bar | Form::Area | Form::Histogram
    ) {
        set("y2", json!(rounded(mark.y2)));
    }
    if form == Form::Band && !mark.lo.is_nan() {
        set("lo", json!(rounded(mark.lo)));
        set("hi", json!(rounded(mark.hi)));
    }
    if mark.flagged {
        set("flagged", json!(true));
    }
    if plot.series.len() > 1 {
        set("series", json!(plot.series.get(mark.series)));
    }
    Json::Object(row)
}

/// The channel of an axis.
fn channel(title: &str, scale: &Scale, field: &str) -> Json {
    let title = if title.is_empty() {
        Json::Null
    } else {
        json!(title)
    };
    match scale {
        Scale::Linear { from, to, .. } => json!({
            "field": field, "type": "quantitative", "title": title,
            "scale": {"domain": [rounded(*from), rounded(*to)], "nice": false, "zero": false}
        }),
        Scale::Log { from, to } => json!({
            "field": field, "type": "quantitative", "title": title,
            "scale": {"type": "log", "domain": [rounded(*from), rounded(*to)]}
        }),
        Scale::Time { .. } => json!({"field": field, "type": "temporal", "title": title}),
        Scale::Bands(names) => {
            json!({"field": field, "type": "nominal", "title": title, "sort": names})
        }
    }
}

fn layers(plot: &Plot, theme: &Theme) -> Vec<Json> {
    let (x, y) = if plot.horizontal {
        ("y", "x")
    } else {
        ("x", "y")
    };
    let (x2, y2) = if plot.horizontal {
        ("y2", "x2")
    } else {
        ("x2", "y2")
    };
    let mut encoding = Map::new();
    encoding.insert(x.into(), channel(&plot.x.title, &plot.x.scale, "x"));
    encoding.insert(y.into(), channel(&plot.y.title, &plot.y.scale, "y"));
    let several = plot.series.len() > 1;
    if several {
        let legend = if plot.legend.is_empty() {
            Json::Null
        } else {
            json!(plot.legend)
        };
        let colors: Vec<&str> = (0..plot.series.len())
            .map(|i| theme.color(plot.form, i))
            .collect();
        let color = json!({
            "field": "series", "type": "nominal", "title": legend, "sort": plot.series,
            "scale": {"domain": plot.series, "range": colors}
        });
        encoding.insert("color".into(), color);
    }
    let layer =
        |mark: Json, encoding: &Map<String, Json>| json!({"mark": mark, "encoding": encoding});
    let first = theme.color(plot.form, 0);
    let with = |mut mark: Json| {
        if !several && plot.shades.is_none() {
            mark["color"] = json!(first);
        }
        mark
    };
    match plot.form {
        Form::Line => vec![layer(
            with(json!({"type": "line", "tooltip": true, "point": plot.marks.len() <= 60})),
            &encoding,
        )],
        Form::Area => {
            encoding.insert(y2.into(), json!({"field": "y2"}));
            if let Some(Json::Object(channel)) = encoding.get_mut(y) {
                channel.insert("stack".into(), Json::Null);
            }
            vec![layer(
                with(json!({"type": "area", "tooltip": true, "opacity": 0.7, "line": !several})),
                &encoding,
            )]
        }
        Form::Band => {
            let mut band = encoding.clone();
            if let Some(Json::Object(channel)) = band.get_mut(y) {
                channel.insert("field".into(), json!("lo"));
            }
            band.insert(y2.into(), json!({"field": "hi"}));
            let mut layers = vec![
                json!({
                    "mark": with(json!({"type": "area", "opacity": 0.2})),
                    "encoding": band,
                    "transform": [{"filter": "isValid(datum.lo)"}]
                }),
                json!({
                    "mark": with(json!({"type": "line", "tooltip": true})),
                    "encoding": encoding,
                    "transform": [{"filter": "isValid(datum.y)"}]
                }),
            ];
            if plot.marks.iter().any(|m| m.flagged) {
                encoding.remove("color");
                layers.push(json!({
                    "mark": {"type": "point", "filled": true, "size": 60, "color": theme.alarm, "tooltip": true},
                    "encoding": encoding,
                    "transform": [{"filter": "isValid(datum.flagged)"}]
                }));
            }
            layers
        }
        Form::Bar | Form::Waterfall | Form::Tornado => {
            if plot.form != Form::Bar || plot.stacked || !several {
                encoding.insert(y2.into(), json!({"field": "y2"}));
            } else {
                let offset = if plot.horizontal {
                    "yOffset"
                } else {
                    "xOffset"
                };
                encoding.insert(
                    offset.into(),
                    json!({"field": "series", "sort": plot.series}),
                );
            }
            if let Some(Json::Object(channel)) = encoding.get_mut(y) {
                channel.insert("stack".into(), Json::Null);
            }
            vec![layer(
                with(json!({"type": "bar", "tooltip": true})),
                &encoding,
            )]
        }
        Form::Point => vec![layer(
            with(json!({"type": "point", "filled": true, "opacity": 0.6, "tooltip": true})),
            &encoding,
        )],
        Form::Histogram => {
            encoding.insert(x2.into(), json!({"field": "x2"}));
            encoding.insert(y2.into(), json!({"field": "y2"}));
            if let Some(Json::Object(channel)) = encoding.get_mut(y) {
                channel.insert("stack".into(), Json::Null);
            }
            vec![layer(
                with(json!({"type": "rect", "tooltip": true})),
                &encoding,
            )]
        }
        Form::Heatmap | Form::Bins => {
            if plot.form == Form::Bins {
                encoding.insert(x2.into(), json!({"field": "x2"}));
                encoding.insert(y2.into(), json!({"field": "y2"}));
            }
            let (lo, hi) = plot.shades.unwrap_or((0.0, 1.0));
            let scale = if lo < 0.0 {
                let end = rounded(lo.abs().max(hi.abs()));
                json!({"domain": [-end, 0.0, end], "range": theme.diverging})
            } else {
                json!({"domain": [rounded(lo), rounded(hi)], "range": theme.ramp})
            };
            encoding.insert(
                "color".into(),
                json!({"field": "value", "type": "quantitative", "title": plot.legend, "scale": scale}),
            );
            vec![layer(json!({"type": "rect", "tooltip": true}), &encoding)]
        }
        Form::Pie => {
            let names = match &plot.x.scale {
                Scale::Bands(names) => names.as_slice(),
                _ => &[],
            };
            let colors: Vec<&str> = (0..names.len())
                .map(|i| theme.color(plot.form, i))
                .collect();
            let encoding = json!({
                "theta": {"field": "y", "type": "quantitative", "stack": true},
                "order": {"field": "y", "type": "quantitative", "sort": "descending"},
                "color": {
                    "field": "x", "type": "nominal", "title": plot.x.title, "sort": names,
                    "scale": {"domain": names, "range": colors}
                }
            });
            vec![json!({"mark": {"type": "arc", "tooltip": true}, "encoding": encoding})]
        }
        Form::Value => {
            let encoding =
                json!({"text": {"field": "y", "type": "quantitative", "title": plot.y.title}});
            vec![
                json!({"mark": {"type": "text", "fontSize": 64, "color": theme.text}, "encoding": encoding}),
            ]
        }
    }
}
