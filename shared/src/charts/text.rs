//! The words of pictures in English and Chinese, and how wide text is.

use super::ask::Agg;
use super::table::Column;
use crate::series::words::{Language, grouped, number};

/// The words.
pub struct Text(pub Language);

impl Text {
    /// What stands for NULL.
    pub fn none(&self) -> String {
        self.0.say("(none)", "（空）")
    }

    /// What several names are put together as.
    pub fn rest(&self, count: usize) -> String {
        self.0
            .say(format!("other ({count})"), format!("其他（{count}）"))
    }

    /// The same where their values are put together so.
    pub fn rest_as(&self, count: usize, agg: Agg) -> String {
        match agg {
            Agg::Mean => self.0.say(
                format!("mean of {count} others"),
                format!("其他 {count} 个的平均"),
            ),
            _ => self.rest(count),
        }
    }

    /// A note on what was put together and is not drawn.
    pub fn not_drawn(&self, rest: &str, sum: f64) -> String {
        let sum = number(sum);
        self.0.say(
            format!("{rest}, together {sum}, is not drawn"),
            format!("未绘制{rest}，共 {sum}"),
        )
    }

    /// The axis of counts.
    pub fn rows(&self) -> String {
        self.0.say("rows", "行数")
    }

    /// The axis of a measure, or of several, which was put together if several rows have one place.
    pub fn measure(&self, name: &str, agg: Agg, several: bool) -> String {
        if name.is_empty() {
            return self.rows();
        }
        match (several, agg) {
            (true, Agg::Sum) => self.0.say(format!("sum of {name}"), format!("{name}合计")),
            (true, Agg::Mean) => self.0.say(format!("mean {name}"), format!("平均{name}")),
            (true, Agg::Min) => self.0.say(format!("least {name}"), format!("最小{name}")),
            (true, Agg::Max) => self
                .0
                .say(format!("greatest {name}"), format!("最大{name}")),
            (_, Agg::Count) => self
                .0
                .say(format!("number of {name}"), format!("{name}个数")),
            (false, _) => name.to_owned(),
        }
    }

    /// The title of a measure by a category.
    pub fn by(&self, y: &str, x: &str, color: Option<&str>) -> String {
        match color {
            None if x.is_empty() => y.to_owned(),
            None => self.0.say(format!("{y} by {x}"), format!("各{x}的{y}")),
            Some(color) => self.0.say(
                format!("{y} by {x} and {color}"),
                format!("各{x}、{color}的{y}"),
            ),
        }
    }

    /// The title of a measure over time.
    pub fn over(&self, y: &str, x: &str, color: Option<&str>) -> String {
        match color {
            None => self
                .0
                .say(format!("{y} over {x}"), format!("{y}随{x}的变化")),
            Some(color) => self.0.say(
                format!("{y} over {x} by {color}"),
                format!("各{color}的{y}随{x}的变化"),
            ),
        }
    }

    /// The title of a histogram.
    pub fn spread(&self, x: &str) -> String {
        self.0
            .say(format!("distribution of {x}"), format!("{x}的分布"))
    }

    /// The series of a waterfall.
    pub fn directions(&self) -> Vec<String> {
        let words = [("more", "增加"), ("less", "减少"), ("total", "合计")];
        words
            .map(|(english, chinese)| self.0.say(english, chinese))
            .into()
    }

    /// The last bar of a waterfall.
    pub fn total(&self) -> String {
        self.0.say("total", "合计")
    }

    /// A note on points that are not drawn.
    pub fn thinned(&self, shown: usize, of: usize) -> String {
        let (shown, of) = (grouped(&shown.to_string()), grouped(&of.to_string()));
        self.0.say(
            format!("{shown} of {of} points are drawn"),
            format!("绘制了 {of} 个点中的 {shown} 个"),
        )
    }

    /// A note on rows that were not kept.
    pub fn sampled(&self, one_of: u64, rows: u64) -> String {
        let rows = grouped(&rows.to_string());
        self.0.say(
            format!("estimated from one in {one_of} of {rows} rows"),
            format!("由 {rows} 行中每 {one_of} 行取一行估计"),
        )
    }

    /// A note on rows without a value.
    pub fn missing(&self, rows: f64) -> String {
        let count = grouped(&format!("{rows:.0}"));
        let rows = if count == "1" { "row" } else { "rows" };
        self.0.say(
            format!("{count} {rows} without a value left out"),
            format!("略去 {count} 行无值的数据"),
        )
    }

    /// A note on values that have no logarithm.
    pub fn below(&self, rows: f64) -> String {
        let count = grouped(&format!("{rows:.0}"));
        self.0.say(
            format!("{count} of 0 or less left out of the logarithmic axis"),
            format!("对数轴略去 {count} 个不大于 0 的值"),
        )
    }

    /// A note on values that have no slice.
    pub fn no_slices(&self, count: usize) -> String {
        self.0.say(
            format!("{count} of 0 or less have no slice"),
            format!("{count} 个不大于 0 的值没有扇区"),
        )
    }

    /// What stands where there is nothing to draw.
    pub fn empty(&self) -> String {
        self.0.say("no rows to draw", "没有可绘制的行")
    }
}

/// The names of columns as one.
pub fn names(columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    names.join(", ")
}

/// The room that a text takes, in pixels: by the kinds of its letters, since no font is at hand.
pub fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text.chars().map(em).sum();
    em * size
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.7,
        // Marks that are drawn over the letter before.
        '\u{300}'..='\u{36F}' | '\u{200B}'..='\u{200F}' | '\u{FE00}'..='\u{FE0F}' => 0.0,
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => 1.0,
        _ => 0.6,
    }
}

/// A text that takes at most so much room; a longer one ends in "…".
pub fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room / size - 1.0;
    let end = text.char_indices().find(|(_, c)| {
        left -= em(*c);
        left < 0.0
    });
    let cut = end.and_then(|(end, _)| text.get(..end)).unwrap_or_default();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_as_wide_as_its_letters() {
        assert_eq!(width("中文", 10.0), 20.0);
        assert!(width("iiii", 10.0) < width("mmmm", 10.0));
        assert_eq!(fitted("abc", 10.0, 100.0), "abc");
        assert_eq!(fitted("中文中文中文", 10.0, 40.0), "中文中…");
        assert_eq!(fitted("abc", 10.0, 0.0), "…");
    }
}
