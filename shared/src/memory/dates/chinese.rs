//! Names of times in Chinese, in simplified and traditional characters.

use super::{Clock, Kind, Part, Range, Third, Token, Unit, Which, calendar, day, season};
use calendar::{days, month_of, months};

/// The name that the text begins with, and its bytes. `before` is the token before it.
pub(super) fn named(
    text: &str,
    kind: Kind,
    before: Option<&Token<'_>>,
    clock: Clock,
) -> Option<(Range, usize)> {
    let numeral = |t: &Token<'_>| {
        t.kind == Kind::Number
            || (t.kind == Kind::Han && t.text.chars().all(|c| digit(c).is_some() || c == '十'))
    };
    // Not in the middle of a number, nor after 第.
    let inside = before.is_some_and(|t| {
        (numeral(t) || t.text == "第" || t.text == ".") && text.starts_with(starts_number)
    });
    if !matches!(kind, Kind::Han | Kind::Number) || inside {
        return None;
    }
    let at = At { text, used: 0 };
    // 一周五次, 每周五; 早上周明.
    let after = |these: &str| before.is_some_and(|t| these.contains(t.text));
    let week = at.is(&["周", "週", "星期", "礼拜", "禮拜"]);
    let counted = week && (before.is_some_and(numeral) || after("每几幾数數全个個"));
    let ended = at.is(&["上", "下", "本"]) && after("早晚马馬路以手网網身车車楼樓如日");
    (!counted && !ended).then_some(())?;
    let (range, at) = whole_name(at, clock)?;
    Some((range, at.used))
}

fn starts_number(c: char) -> bool {
    c.is_ascii_digit() || digit(c).is_some() || "十百千".contains(c)
}

/// What is left of a text, and how many bytes are read.
#[derive(Clone, Copy)]
struct At<'a> {
    text: &'a str,
    used: usize,
}

impl<'a> At<'a> {
    /// Behind the first of these that the text begins with, and its place among them.
    fn one_of(self, words: &[&str]) -> Option<(usize, At<'a>)> {
        words.iter().enumerate().find_map(|(i, word)| {
            let text = self.text.strip_prefix(word)?;
            let used = self.used + word.len();
            Some((i, At { text, used }))
        })
    }

    fn skip(self, words: &[&str]) -> At<'a> {
        self.one_of(words).map_or(self, |(_, at)| at)
    }

    fn is(self, words: &[&str]) -> bool {
        self.one_of(words).is_some()
    }

    /// A number up to 9999 in digits or Chinese numerals.
    fn number(self) -> Option<(i64, At<'a>)> {
        let digits = self
            .text
            .bytes()
            .take(6)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits > 0 {
            (digits <= 5).then_some(())?;
            let (number, text) = self.text.split_at_checked(digits)?;
            let used = self.used + digits;
            return Some((number.parse().ok()?, At { text, used }));
        }
        let (mut total, mut pending, mut length) = (0, None, 0);
        let mut chars = 0;
        for c in self.text.chars() {
            chars += 1;
            if chars > 8 {
                return None;
            }
            if let Some(digit) = digit(c) {
                // 二三 is no number.
                if pending.is_some_and(|p| p != 0) {
                    return None;
                }
                pending = Some(digit);
            } else if let Some(place) = "十百千".chars().position(|p| p == c) {
                total += pending.take().unwrap_or(1) * 10i64.pow(place as u32 + 1);
            } else {
                break;
            }
            length += c.len_utf8();
        }
        let text = self.text.get(length..)?;
        let used = self.used + length;
        (length > 0).then_some((total + pending.unwrap_or(0), At { text, used }))
    }

    /// Four digits, as 2023 or 二〇二三.
    fn year_number(self) -> Option<(i64, At<'a>)> {
        let mut year = 0;
        let mut length = 0;
        let mut count = 0;
        for c in self.text.chars().take(5) {
            let digit = c
                .to_digit(10)
                .map(i64::from)
                .or_else(|| digit(c).filter(|_| c != '两'));
            let Some(digit) = digit else { break };
            year = year * 10 + digit;
            length += c.len_utf8();
            count += 1;
        }
        let text = self.text.get(length..)?;
        let used = self.used + length;
        (count == 4).then_some((year, At { text, used }))
    }
}

fn digit(c: char) -> Option<i64> {
    if c == '〇' || c == '○' {
        return Some(0);
    }
    if c == '两' || c == '兩' {
        return Some(2);
    }
    "零一二三四五六七八九"
        .chars()
        .position(|d| d == c)
        .map(|d| d as i64)
}

type Name<'a> = Option<(Range, At<'a>)>;

fn whole_name(at: At<'_>, clock: Clock) -> Name<'_> {
    dated(at, clock)
        .or_else(|| ago(at, clock))
        .or_else(|| trailing(at, clock))
        .or_else(|| day_word(at, clock))
        .or_else(|| week(at, clock))
        .or_else(|| month(at, clock))
        .or_else(|| decade(at))
        .or_else(|| of_year(at, Which::Begun, clock))
}

/// 2023年, 2023年5月17日, 去年三月, 今年夏天, 前年下半年.
fn dated(at: At<'_>, clock: Clock) -> Name<'_> {
    let (year, at) = year(at, clock)?;
    let range = calendar::year(year)?;
    let inner = of_year(at.skip(&["的"]), Which::Of(year), clock);
    Some(inner.unwrap_or((range, at)))
}

fn year(at: At<'_>, clock: Clock) -> Option<(i64, At<'_>)> {
    if let Some((place, at)) = at.one_of(&[
        "大前年",
        "去年",
        "前年",
        "今年",
        "明年",
        "后年",
        "後年",
        "上一年",
    ]) {
        let ago = [3, 1, 2, 0, -1, -2, -2, 1][place];
        return Some((clock.year()? - ago, at));
    }
    if let Some((year, at)) = at.year_number() {
        let (_, after) = at.skip(&["年度"]).one_of(&["年"])?;
        let level = after.is(&["级", "級", "代", "间", "間", "来", "來"]);
        let from = if after.is(&["前"]) { 1900 } else { 1000 };
        return ((from..2200).contains(&year) && !level).then_some((year, after));
    }
    // 98年3月: two digits only with a month.
    let (short, rest) = at.number()?;
    let (_, rest) = rest.one_of(&["年"])?;
    let two = at
        .text
        .get(..2)
        .is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()));
    let (_, month) = rest.number()?;
    (two && month.is(&["月"]) && !month.is(&["月前"])).then_some(())?;
    Some((short + if short < 50 { 2000 } else { 1900 }, rest))
}

/// What comes once a year: 三月, 3月5日, 夏天, 下半年, 第三季度, 年底, 国庆.
fn of_year(at: At<'_>, which: Which, clock: Clock) -> Name<'_> {
    let yearly = |of_year: &dyn Fn(i64) -> Option<Range>| match which {
        Which::Of(year) => of_year(year),
        which => clock.yearly(which, of_year),
    };
    if let Some((month, after)) = at.number() {
        let (_, after) = after.one_of(&["月份", "月"])?;
        (1..=12).contains(&month).then_some(())?;
        if let Some((of_month, after)) = day_of_month(after) {
            let range = yearly(&|year| day(year, month, of_month))?;
            return Some(part_of(range, after));
        }
        let range = yearly(&|year| months(month_of(year, month), 1))?;
        return Some(third_of(range, after));
    }
    let named = HOLIDAYS.iter().find_map(|(name, month, first, count)| {
        let (_, after) = at.one_of(&[name])?;
        Some((
            yearly(&|year| days(calendar::day_of(year, *month, *first)?, *count))?,
            after,
        ))
    });
    if named.is_some() {
        return named;
    }
    // All else is a word of other uses too without its year.
    let Which::Of(of) = which else { return None };
    if let Some((place, after)) = at.one_of(&["春", "夏", "秋", "冬"]) {
        let (_, after) = after.one_of(&["天", "季"])?;
        return Some((season(of, place as i64)?, after));
    }
    if let Some((_, after)) = at.one_of(&["圣诞", "聖誕"]) {
        return Some((day(of, 12, 25)?, after));
    }
    if let Some((place, after)) = at.one_of(&["上半年", "下半年"]) {
        return Some((months(month_of(of, 1 + 6 * place as i64), 6)?, after));
    }
    if let Some((place, after)) = at.one_of(&["年初", "初", "年中", "年底", "年末", "底", "末"])
    {
        let third = [Third::Early, Third::Early, Third::Mid, Third::Late][place.min(3)];
        return Some((third.of(calendar::year(of)?)?, after));
    }
    let (quarter, after) = at.skip(&["第"]).number()?;
    let (_, after) = after.one_of(&["季度", "季"])?;
    (1..=4).contains(&quarter).then_some(())?;
    Some((months(month_of(of, 3 * quarter - 2), 3)?, after))
}

/// 5日, 五号.
fn day_of_month(at: At<'_>) -> Option<(i64, At<'_>)> {
    let (day, at) = at.number()?;
    let (_, at) = at.one_of(&["日", "号", "號"])?;
    (1..=31).contains(&day).then_some((day, at))
}

/// 三天前, 两个月前, 半年前.
fn ago(at: At<'_>, clock: Clock) -> Name<'_> {
    let (count, unit, at) = amount(at)?;
    let (_, at) = at.one_of(&["之前", "以前", "前"])?;
    Some((clock.before(unit, count)?, at))
}

/// 最近三天, 过去一周, 近半年.
fn trailing(at: At<'_>, clock: Clock) -> Name<'_> {
    let (_, at) = at.one_of(&["最近这", "最近", "过去的", "过去", "過去的", "過去", "近"])?;
    let (count, unit, at) = amount(at)?;
    Some((clock.trailing(unit, count)?, at))
}

/// So many units.
fn amount(at: At<'_>) -> Option<(i64, Unit, At<'_>)> {
    if let Some((_, at)) = at.one_of(&["半年"]) {
        return Some((6, Unit::Month, at));
    }
    if let Some((_, at)) = at.one_of(&["半个月", "半個月"]) {
        return Some((15, Unit::Day, at));
    }
    let (count, at) = at.number()?;
    let measured = at.skip(&["个", "個"]);
    let (place, at) = if measured.used > at.used {
        let (place, at) = measured.one_of(UNITS.get(2..)?)?;
        (place + 2, at)
    } else {
        at.one_of(UNITS.get(..12)?)?
    };
    let unit = match place {
        0 | 1 => Unit::Minute,
        2..=5 => Unit::Hour,
        6 | 7 => Unit::Day,
        8 => Unit::Year,
        9..=13 => Unit::Week,
        14 => Unit::Month,
        _ => Unit::Quarter,
    };
    Some((count, unit, at))
}

/// Those up to 11 are counted as they are, those from 2 on with 个: 三月 is a month, 三个月 are three.
const UNITS: &[&str] = &[
    "分钟", "分鐘", "小时", "小時", "钟头", "鐘頭", "天", "日", "年", "周", "週", "星期", "礼拜",
    "禮拜", "月", "季度",
];

/// 今天, 昨晚, 前天下午.
fn day_word(at: At<'_>, clock: Clock) -> Name<'_> {
    let (place, at) = at.one_of(&[
        "大前天",
        "前天",
        "昨天",
        "昨日",
        "今天",
        "今日",
        "明天",
        "明日",
        "大后天",
        "大後天",
        "后天",
        "後天",
        "昨",
        "今",
    ])?;
    let ago = [3, 2, 1, 1, 0, 0, -1, -1, -3, -3, -2, -2, 1, 0][place];
    let range = clock.before(Unit::Day, ago)?;
    if place < 12 {
        return Some(part_of(range, at));
    }
    // 昨晚, 今早.
    let (part, at) = at.one_of(&["晚上", "晚", "夜", "早上", "早", "晨"])?;
    let part = if part < 3 { Part::Night } else { Part::Morning };
    Some((part.of(range), at))
}

/// Narrows a day by the word after it.
fn part_of(range: Range, at: At<'_>) -> (Range, At<'_>) {
    const PARTS: [(&str, Part); 10] = [
        ("早上", Part::Morning),
        ("早晨", Part::Morning),
        ("上午", Part::Morning),
        ("清晨", Part::Morning),
        ("中午", Part::Noon),
        ("下午", Part::Afternoon),
        ("傍晚", Part::Evening),
        ("晚上", Part::Night),
        ("夜里", Part::Night),
        ("夜裡", Part::Night),
    ];
    match at.one_of(&PARTS.map(|(word, _)| word)) {
        Some((place, at)) => (PARTS[place].1.of(range), at),
        None => (range, at),
    }
}

/// 上周, 这个星期, 下周三, 上上周, 周五, 上周末.
fn week(at: At<'_>, clock: Clock) -> Name<'_> {
    const WEEKS: &[&str] = &["周", "週", "星期", "礼拜", "禮拜"];
    let (which, named) = match at.one_of(&["上上", "上", "这", "這", "本", "下下", "下"]) {
        Some((place, at)) => (
            Some([2, 1, 0, 0, 0, -2, -1][place]),
            at.skip(&["个", "個", "一"]),
        ),
        None => (None, at),
    };
    let (word, at) = named.one_of(WEEKS)?;
    let weekday = at.one_of(&["一", "二", "三", "四", "五", "六", "日", "天", "末"]);
    let Some(ago) = which else {
        // 周天 may be a person.
        let (place, at) = weekday.filter(|(place, _)| word > 1 || *place != 7)?;
        if place == 8 {
            return None;
        }
        return Some(part_of(
            clock.weekday(Which::Begun, place.min(6) as i64)?,
            at,
        ));
    };
    let (from, to) = clock.before(Unit::Week, ago)?;
    Some(match weekday {
        None => ((from, to), at),
        Some((8, at)) => ((from + 5 * calendar::DAY, to), at),
        Some((place, at)) => {
            let first = from + place.min(6) as i64 * calendar::DAY;
            part_of((first, first + calendar::DAY), at)
        }
    })
}

/// 上个月, 本月, 上个月5号, 下个季度, 上周 is in [`week`].
fn month(at: At<'_>, clock: Clock) -> Name<'_> {
    let (place, at) = at.one_of(&["上上", "上", "这", "這", "本", "下下", "下"])?;
    let ago = [2, 1, 0, 0, 0, -2, -1][place];
    let at = at.skip(&["一个", "一個", "个", "個"]);
    if let Some((_, at)) = at.one_of(&["季度"]) {
        return Some((clock.before(Unit::Quarter, ago)?, at));
    }
    let (_, after) = at.one_of(&["月份", "月"])?;
    let month = clock.month()? - ago;
    if let Some((of_month, after)) = day_of_month(after) {
        let range = day(month.div_euclid(12), month.rem_euclid(12) + 1, of_month)?;
        return Some(part_of(range, after));
    }
    Some(third_of(months(month, 1)?, after))
}

/// 月初, 中旬, 月底 after a month.
fn third_of(range: Range, at: At<'_>) -> (Range, At<'_>) {
    let third = at
        .one_of(&["初", "上旬", "中旬", "底", "末", "下旬"])
        .and_then(|(place, at)| {
            let third = [Third::Early, Third::Early, Third::Mid, Third::Late][place.min(3)];
            Some((third.of(range)?, at))
        });
    third.unwrap_or((range, at))
}

/// 90年代, 九十年代, 1990年代.
fn decade(at: At<'_>) -> Name<'_> {
    let at = at.skip(&["上世纪", "上世紀"]);
    let (number, at) = at.number()?;
    let (_, at) = at.one_of(&["年代"])?;
    let year = match number {
        30..=99 => 1900 + number,
        1000..=2199 => number,
        _ => return None,
    };
    (year % 10 == 0).then_some(())?;
    Some((months(month_of(year, 1), 120)?, at))
}

/// Month, day and number of days.
const HOLIDAYS: &[(&str, i64, i64, i64)] = &[
    ("国庆节", 10, 1, 7),
    ("國慶節", 10, 1, 7),
    ("国庆", 10, 1, 7),
    ("國慶", 10, 1, 7),
    ("元旦", 1, 1, 1),
    ("圣诞节", 12, 25, 1),
    ("聖誕節", 12, 25, 1),
    ("平安夜", 12, 24, 1),
    ("跨年夜", 12, 31, 1),
    ("情人节", 2, 14, 1),
    ("情人節", 2, 14, 1),
    ("劳动节", 5, 1, 1),
    ("勞動節", 5, 1, 1),
    ("儿童节", 6, 1, 1),
    ("兒童節", 6, 1, 1),
];
