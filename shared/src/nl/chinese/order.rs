//! The words of a Chinese question in the order of English.

use super::super::tokens::Token;
use super::made;

/// Words that count things and mean nothing by themselves after a number.
const MEASURES: &str = "个位名条张首部家种座件款项笔";

/// What stands between the things of a question, so that what a word before 的 says begins after it.
const BOUNDS: &[&str] = &[
    "which",
    "what",
    "how many",
    "how",
    "who",
    "show",
    "is",
    "have",
    ",",
    "?",
    ".",
    "and",
    "or",
    "sorted by",
    "each",
    "only",
    "also",
    "instead",
    "except",
    "total",
    "average",
    "number of",
    "those",
];

/// Words of what things do.
const VERBS: &[&str] = &[
    "border",
    "traverse",
    "live",
    "belong",
    "more than",
    "less than",
    "at least",
    "at most",
    "contain",
    "named",
    "in",
    "not",
    "than",
];

/// Words that compare.
const COMPARATIVES: &[&str] = &[
    "more expensive",
    "cheaper",
    "longer",
    "shorter",
    "higher",
    "lower",
    "larger",
    "smaller",
    "heavier",
    "lighter",
    "younger",
    "older",
];

/// The words in the order of English: 订单的数量 is "number of order", 价格最高的产品 "product with highest price",
/// 德国的首都 "capital of Germany". `thing` and `measure` say whether a word is one of a table, or of a column of
/// numbers.
pub fn in_order(
    words: Vec<Vec<Token>>,
    thing: &dyn Fn(&str) -> bool,
    measure: &dyn Fn(&str) -> bool,
) -> Vec<Token> {
    let text = |word: &[Token]| -> String {
        let all: Vec<&str> = word.iter().map(|t| t.lower.as_str()).collect();
        all.join(" ")
    };
    let is = |word: &[Token], all: &[&str]| all.contains(&text(word).as_str());
    let noun = |word: &[Token], which: &dyn Fn(&str) -> bool| matches!(word, [one] if !one.capital && which(&one.stem));
    let mut all: Vec<Vec<Token>> = Vec::new();
    for word in words {
        let last = all.len();
        let measured = MEASURES.contains(word[0].text.as_str());
        if measured && last > 0 && all[last - 1][0].number.is_some() {
            continue;
        }
        if is(&word, &["number of", "quantity"]) {
            let de = last > 0 && is(&all[last - 1], &["de"]);
            let at = last.saturating_sub(1 + usize::from(de));
            if last > usize::from(de) && noun(&all[at], thing) {
                all.truncate(last - usize::from(de));
                let of = ["number", "of"]
                    .iter()
                    .map(|w| made(&word[0], &word[0].text, w));
                all.insert(at, of.collect());
                continue;
            }
        }
        let before = all.last().map_or(&[][..], |w| &w[..]);
        let most = is(&word, &["most", "least"]) && (noun(before, thing) || noun(before, measure));
        let aggregate = matches!(before, [first, second] if ["average", "total"].contains(&first.lower.as_str()) && measure(&second.stem));
        let greatest = is(&word, &["highest", "largest", "lowest", "smallest"])
            && (aggregate || noun(before, measure) && !noun(before, thing));
        if most || greatest {
            // 订单数量最多 is "most orders".
            if most && last > 1 && is(&all[last - 2], &["number of"]) {
                all.remove(last - 2);
            }
            // 平均工资最高 is "highest average salary".
            let at = all.len() - 1;
            if at > 0 && greatest && is(&all[at - 1], &["average", "total"]) {
                let measure = all.remove(at);
                all[at - 1].extend(measure);
                all.insert(at - 1, word);
            } else {
                all.insert(at, word);
            }
            continue;
        }
        // 工资总额 is "total salary".
        if is(&word, &["total", "average", "total amount"]) && noun(before, measure) {
            all.insert(last - 1, word[..1].to_vec());
            continue;
        }
        all.push(word);
    }
    settle(&mut all, &is, &|word| noun(word, thing));
    // "Highest price de 5 product": what is meant comes first.
    let mut at = 0;
    while let Some(de) = (at..all.len()).find(|&i| is(&all[i], &["de"])) {
        let bound = (at..de).rev().find(|&i| is(&all[i], BOUNDS));
        // "Each category highest price de 3 product": the groups are said before.
        let greatest = |i: usize| is(&all[i], &["highest", "largest", "lowest", "smallest"]);
        let each = bound.filter(|&i| {
            let grouped = |next: usize| next < de && !greatest(next);
            is(&all[i], &["each"]) && i + 1 < de && (!noun(&all[i + 1], measure) || grouped(i + 2))
        });
        let start = each.map_or(bound.map_or(at, |i| i + 1), |i| i + 2);
        let mut end = de + 1;
        while end < all.len() && end < de + 4 {
            let word = &all[end];
            let named = noun(word, thing)
                || noun(word, measure)
                || matches!(&word[..], [one] if one.number.is_some());
            if !named {
                break;
            }
            end += 1;
        }
        let things = all[de + 1..end]
            .iter()
            .any(|w| !w.iter().all(|t| t.number.is_some()));
        let superlative = |i: usize| {
            is(
                &all[i],
                &["most", "least", "highest", "largest", "lowest", "smallest"],
            )
        };
        let first = (start..de).find(|&i| superlative(i));
        let link = match first {
            Some(i) if i + 1 < de => "with",
            Some(_) => "",
            None if (start..de).any(|i| is(&all[i], &["not"])) => "without",
            None if (start..de).any(|i| is(&all[i], VERBS)) => "that",
            None => "of",
        };
        if !things || start == de || link.is_empty() {
            // "Largest de city": nothing stands between.
            if first.is_some() && things {
                all.remove(de);
            }
            at = de + 1;
            continue;
        }
        let mut clause: Vec<Vec<Token>> = all[start..de].to_vec();
        if link == "without" {
            clause.retain(|w| !is(w, &["not"]));
        }
        // What stands before the superlative is of another thing: "state highest area" is "state with highest area".
        let split = first.filter(|_| link == "with").map_or(0, |i| i - start);
        let kept: Vec<Vec<Token>> = clause.drain(..split).collect();
        let mut turned: Vec<Vec<Token>> = all[de + 1..end].to_vec();
        turned.push(vec![made(&all[de][0], "的", link)]);
        turned.append(&mut clause);
        if !kept.is_empty() {
            turned.push(vec![made(&all[de][0], "的", "in")]);
            turned.extend(kept);
        }
        at = start + turned.len();
        all.splice(start..end, turned);
    }
    all.concat()
}

/// Puts what stands around a verb in the order of English: 与德国接壤 is "border Germany", 柏林在哪个国家 "which country
/// is Berlin in", 哪个国家最大 "which country is largest".
fn settle(
    all: &mut Vec<Vec<Token>>,
    is: &dyn Fn(&[Token], &[&str]) -> bool,
    thing: &dyn Fn(&[Token]) -> bool,
) {
    let border = all.iter().position(|w| is(w, &["border"]));
    let with = border.and_then(|end| (0..end).rev().find(|&i| is(&all[i], &["and"])));
    if let (Some(end), Some(with)) = (border, with)
        && (2..=4).contains(&(end - with))
        && with > 0
    {
        let verb = all.remove(end);
        all[with] = verb;
    }
    // 比平均价格更贵 is "more expensive than average price".
    if let Some(than) = all.iter().position(|w| is(w, &["than"]))
        && let Some(end) = (than + 1..all.len().min(than + 6)).find(|&i| is(&all[i], COMPARATIVES))
    {
        let word = all.remove(end);
        all.insert(than, word);
    }
    // 在50到100之间 is "between 50 and 100".
    let number = |w: &[Token]| matches!(w, [one] if one.number.is_some());
    if let Some(end) = all.iter().position(|w| is(w, &["between"]))
        && let Some(second) = (0..end).rev().find(|&i| number(&all[i]))
        && let Some(first) = (0..second).rev().find(|&i| number(&all[i]))
        && second - first <= 3
    {
        let word = all.remove(end);
        all.insert(first, word);
        if first > 0 && is(&all[first - 1], &["in"]) {
            all.remove(first - 1);
        }
    }
    // 90分以上 is "at least 90", 5分钟以下 "at most 5 minutes".
    let bounds = |w: &[Token]| matches!(w, [one, ..] if ["以上", "以下", "以内"].contains(&one.text.as_str()));
    for end in 1..all.len() {
        let back = [1, 2]
            .into_iter()
            .find(|b| *b <= end && number(&all[end - b]));
        let Some(first) = back.map(|b| end - b).filter(|_| bounds(&all[end])) else {
            continue;
        };
        let word = all.remove(end);
        let same = if word[0].text == "以上" {
            ["at", "least"]
        } else {
            ["at", "most"]
        };
        all.insert(
            first,
            same.iter()
                .map(|w| made(&word[0], &word[0].text, w))
                .collect(),
        );
        if first > 0 && is(&all[first - 1], &["in"]) {
            // The place stays, so that no word is looked at twice.
            all[first - 1] = Vec::new();
        }
    }
    all.retain(|w| !w.is_empty());
    // 最多的前3名 is 最多的3名.
    let greatest = ["most", "least", "highest", "largest", "lowest", "smallest"];
    for at in (1..all.len().saturating_sub(1)).rev() {
        let said = all[..at].iter().any(|w| is(w, &greatest));
        if said && all[at][0].text == "前" && number(&all[at + 1]) {
            all.remove(at);
            // 2022年入学的学生中选课最多的3名 is 2022年入学的选课最多的3名学生.
            let inside = (1..at)
                .rev()
                .find(|&i| all[i][0].text == "中" && thing(&all[i - 1]));
            let ends = all[at + 1..].iter().all(|w| is(w, &["?", "."]));
            if let Some(inside) = inside.filter(|_| ends) {
                let named: Vec<Vec<Token>> = all.drain(inside - 1..=inside).collect();
                all.splice(at - 1..at - 1, named.into_iter().take(1));
            }
        }
    }
    // 以A开头 is "starts with A".
    let text = |w: &[Token]| matches!(w, [one] if one.quoted || one.text.is_ascii() && one.number.is_none());
    for i in 1..all.len() {
        if is(&all[i], &["start with", "end with"]) && text(&all[i - 1]) {
            all.swap(i - 1, i);
        }
    }
    // 订单数超过5 is "more than 5 orders".
    let compares = ["more than", "less than", "at least", "at most"];
    let counted = (0..all.len().saturating_sub(3)).find(|&i| {
        let count = is(&all[i], &["number of"]) && thing(&all[i + 1]);
        count && is(&all[i + 2], &compares) && number(&all[i + 3])
    });
    if let Some(at) = counted {
        all.remove(at);
        let counted = all.remove(at);
        all.insert(at + 2, counted);
    }
    let ends = all
        .iter()
        .rposition(|w| !is(w, &["?", "."]))
        .map_or(0, |i| i + 1);
    let asks = |w: &[Token]| is(w, &["which", "what"]);
    if ends >= 4 && is(&all[ends - 3], &["in"]) && asks(&all[ends - 2]) && thing(&all[ends - 1]) {
        let mut asked: Vec<Vec<Token>> = all.drain(ends - 3..ends).collect();
        let mut within = asked.remove(0);
        all.insert(ends - 3, std::mem::take(&mut within));
        asked.push(vec![made(&asked[0][0], "是", "is")]);
        all.splice(0..0, asked);
    }
    let greatest = ["highest", "largest", "lowest", "smallest"];
    if ends >= 3 && is(&all[ends - 1], &greatest) && thing(&all[ends - 2]) && asks(&all[ends - 3]) {
        let between = made(&all[ends - 1][0], "是", "is");
        all.insert(ends - 1, vec![between]);
    }
}
