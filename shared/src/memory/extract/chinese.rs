//! Names and facts in Chinese, a clause at a time.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::tokens::is_han;
use super::lists::{
    ADVERBS_CHINESE, ENDINGS_CHINESE, KNOWN_CHINESE, NO_NAME, ObjectChinese, RELATIONS_CHINESE,
    RULES_CHINESE, SURNAMES, SURNAMES_OF_TWO, TITLES_CHINESE, VERBS_BEHIND,
};
use super::{Entity, Found, Sort};

/// The most bytes that are read as one clause.
const LONGEST: usize = 300;

/// The most characters of an object.
const OBJECT: usize = 12;

/// Known names by their first character, the longest first.
static KNOWN: LazyLock<HashMap<char, Vec<(&str, Sort)>>> = LazyLock::new(|| {
    let mut known: HashMap<char, Vec<(&str, Sort)>> = HashMap::new();
    for (sort, names) in KNOWN_CHINESE {
        for name in names.split(' ') {
            known
                .entry(name.chars().next().unwrap_or_default())
                .or_default()
                .push((name, *sort));
        }
    }
    for list in known.values_mut() {
        list.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    }
    known
});

/// Reads all clauses.
pub(super) fn read(found: &mut Found<'_>) {
    let text = found.text;
    let mut start = 0;
    let mut han = false;
    // Whom the clause before a comma was about: 我叫李明，住在上海.
    let mut before = None;
    for (at, c) in text.char_indices() {
        let ends = "，。！？；：、,.!?;:\n\r\"“”「」『』（）()".contains(c);
        if !ends && at - start < LONGEST {
            han |= is_han(c);
            continue;
        }
        if han && let Some(clause) = text.get(start..at) {
            let about = read_clause(found, clause, start, matches!(c, '？' | '?'), before);
            before = about.filter(|_| matches!(c, '，' | ','));
        } else {
            before = None;
        }
        start = if ends { at + c.len_utf8() } else { at };
        han = !ends && is_han(c);
    }
    if han && let Some(clause) = text.get(start..) {
        read_clause(found, clause, start, false, before);
    }
}

/// Returns whom the clause says a fact of.
fn read_clause(
    found: &mut Found<'_>,
    clause: &str,
    start: usize,
    question: bool,
    before: Option<String>,
) -> Option<String> {
    names(found, clause, start);
    let trimmed = clause.trim();
    let start = start + (clause.len() - clause.trim_start().len());
    let asked = question
        || ["吗", "嗎", "呢", "么", "麼", "吧"]
            .iter()
            .any(|end| trimmed.ends_with(end))
        || ["什么", "什麼", "哪", "谁", "誰"]
            .iter()
            .any(|word| trimmed.contains(word));
    if asked {
        return None;
    }
    fact(found, trimmed, start, before)
}

/// The names in a clause.
fn names(found: &mut Found<'_>, clause: &str, start: usize) {
    let mut characters: Vec<(usize, char)> = clause.char_indices().collect();
    characters.push((clause.len(), '\0'));
    let mut add = |from: usize, to: usize, name: &str, sort| {
        found.entities.push(Entity {
            span: start + from..start + to,
            sort,
            name: name.into(),
        });
    };
    for (i, (at, c)) in characters.iter().enumerate() {
        let Some(rest) = clause.get(*at..).filter(|_| is_han(*c)) else {
            continue;
        };
        let known = KNOWN
            .get(c)
            .and_then(|list| list.iter().find(|(n, _)| rest.starts_with(n)));
        if let Some((name, sort)) = known {
            add(*at, at + name.len(), name, *sort);
        }
        if let Some(title) = TITLES_CHINESE.iter().find(|t| rest.starts_with(**t))
            && let Some(from) = person_before(&characters, i)
            && let Some(name) = clause.get(from..*at)
        {
            add(
                from,
                at + title.len(),
                clause.get(from..at + title.len()).unwrap_or(name),
                Sort::Person,
            );
        }
        if let Some((ending, sort)) = ENDINGS_CHINESE.iter().find(|(e, _)| rest.starts_with(e))
            && let Some(from) = name_before(&characters, i)
            && let Some(name) = clause.get(from..at + ending.len())
        {
            add(from, at + ending.len(), name, *sort);
        }
    }
}

/// The byte where the name begins that ends before character `end`: a family name and up to two more.
fn person_before(characters: &[(usize, char)], end: usize) -> Option<usize> {
    (1..=3).rev().find_map(|length| {
        let first = end.checked_sub(length)?;
        let name: Vec<char> = characters
            .get(first..end)?
            .iter()
            .map(|(_, c)| *c)
            .collect();
        let all = name.iter().all(|c| is_han(*c) && !NO_NAME.contains(*c));
        let family = name.first().is_some_and(|c| SURNAMES.contains(*c));
        (all && family).then(|| characters.get(first).map(|(at, _)| *at))?
    })
}

/// The byte where the name of a place or an organisation begins, of two to eight characters before its ending.
fn name_before(characters: &[(usize, char)], end: usize) -> Option<usize> {
    let before = characters.get(end.saturating_sub(9)..end)?;
    let length = before
        .iter()
        .rev()
        .take_while(|(_, c)| is_han(*c) && !NO_NAME.contains(*c))
        .count();
    (2..=8).contains(&length).then_some(())?;
    characters.get(end - length).map(|(at, _)| *at)
}

/// A person's name that the text begins with, in all lengths, the longest first.
fn persons(text: &str) -> Vec<&str> {
    let mut lengths = Vec::new();
    let characters: Vec<char> = text.chars().take(5).collect();
    if text.starts_with(|c: char| c.is_ascii_uppercase()) {
        let latin = |c: char| c.is_ascii_alphabetic() || " .'-".contains(c);
        let length = text.chars().take(40).take_while(|c| latin(*c)).count();
        lengths.push(length);
    } else if SURNAMES_OF_TWO.iter().any(|s| text.starts_with(s)) {
        lengths.extend([4, 3]);
    } else if characters
        .first()
        .is_some_and(|c| SURNAMES.contains(*c) || "小老阿".contains(*c))
    {
        lengths.extend([3, 2]);
    }
    let last = |name: &str| {
        name.chars()
            .next_back()
            .is_some_and(|c| !NO_LAST.contains(c))
    };
    let names = lengths.into_iter().filter_map(|length| {
        let end = text
            .char_indices()
            .nth(length)
            .map_or(text.len(), |(at, _)| at);
        let name = text.get(..end)?.trim_end();
        let count = name.chars().count();
        let latin = name.is_ascii();
        ((latin && count > 1) || (count == length && name.chars().all(is_han) && last(name)))
            .then_some(name)
    });
    names.collect()
}

/// Does not end a person's name.
const NO_LAST: &str = "也很最都还還在是不的就只真非特现今一住来叫喜爱对会家說说";

/// The fact that a clause says of whom it begins with, or else of whom the clause before it was about.
fn fact(
    found: &mut Found<'_>,
    clause: &str,
    start: usize,
    before: Option<String>,
) -> Option<String> {
    let speaker = found.speaker.to_owned();
    let spoken_to = ["叫我", "请叫我"]
        .iter()
        .find_map(|words| clause.strip_prefix(words));
    if let Some(name) = spoken_to.and_then(whole_name) {
        found.sort(name, Sort::Person);
        found.fact(start..start + clause.len(), &speaker, "name", name);
        return Some(speaker);
    }
    let mut subjects: Vec<(String, &str)> = Vec::new();
    match clause.strip_prefix('我') {
        Some(rest) if !rest.starts_with(['们', '們']) => subjects.push((speaker.clone(), rest)),
        Some(_) => {}
        None => {
            let rest = |name: &str| Some((name.to_owned(), clause.strip_prefix(name)?));
            subjects.extend(persons(clause).into_iter().filter_map(rest));
            subjects.extend(before.map(|subject| (subject, clause)));
        }
    }
    for (subject, rest) in subjects {
        let rest = rest.trim_start();
        let Some((predicate, object, length)) = said(found, rest, start + clause.len()) else {
            continue;
        };
        let end = start + clause.len() - rest.len() + length;
        if subject != speaker {
            found.sort(&subject, Sort::Person);
        }
        match predicate {
            Predicate::Of(predicate) => found.fact(start..end, &subject, predicate, &object),
            Predicate::Reverse(predicate) => {
                found.sort(&object, Sort::Person);
                found.fact(start..end, &object, predicate, &subject);
            }
            // 王明叫李华 is no name of 王明.
            Predicate::Name if subject != speaker => return None,
            Predicate::Name => {
                found.sort(&object, Sort::Person);
                found.fact(start..end, &subject, "name", &object);
            }
        }
        return Some(subject);
    }
    None
}

enum Predicate {
    Of(&'static str),
    /// The object is that of the subject.
    Reverse(&'static str),
    /// The speaker's name.
    Name,
}

/// A text that is a person's name and nothing else.
fn whole_name(text: &str) -> Option<&str> {
    let text = text.trim();
    persons(text)
        .into_iter()
        .find(|name| name.len() == text.len())
}

/// What is said behind a subject; the object, and the bytes that say it. The clause ends at byte `end` of the text.
fn said(found: &mut Found<'_>, text: &str, end: usize) -> Option<(Predicate, String, usize)> {
    let place = |rest: &str| end - rest.len();
    for word in ["叫", "名叫", "的名字是", "的名字叫", "名字是", "名字叫"] {
        if let Some(name) = text.strip_prefix(word).and_then(whole_name) {
            return Some((Predicate::Name, name.into(), text.len()));
        }
    }
    // 我姐姐叫李华, 王明的妹妹是李华.
    let owned = text.strip_prefix('的').unwrap_or(text);
    for (word, predicate) in RELATIONS_CHINESE {
        if let Some(rest) = owned.strip_prefix(word) {
            let rest = ["名字叫", "的名字是", "名叫", "叫", "是"]
                .iter()
                .find_map(|w| rest.strip_prefix(w));
            let name = whole_name(rest?)?;
            return Some((Predicate::Reverse(predicate), name.into(), text.len()));
        }
    }
    let mut rest = text;
    for _ in 0..3 {
        let adverb = ADVERBS_CHINESE.iter().find_map(|a| rest.strip_prefix(a));
        rest = adverb.unwrap_or(rest);
    }
    let used = text.len() - rest.len();
    for (verb, predicate, kind) in RULES_CHINESE {
        let Some(object) = rest.strip_prefix(verb) else {
            continue;
        };
        let from = used + verb.len();
        let (object, length) = match kind {
            ObjectChinese::Time => {
                let (span, date) = found.date_at(place(object))?;
                (date.to_owned(), span.len())
            }
            kind => {
                let (name, end) = self::object(object, *kind)?;
                let sort = match kind {
                    ObjectChinese::Place => Some(Sort::Place),
                    ObjectChinese::Known => Some(Sort::Organisation),
                    _ => None,
                };
                if let Some(sort) = sort {
                    found.sort(name, sort);
                }
                (name.to_owned(), end)
            }
        };
        return Some((Predicate::Of(predicate), object, from + length));
    }
    if let Some(inner) = rest.strip_prefix('在') {
        let (at, verb, predicate) = VERBS_BEHIND.iter().find_map(|(verb, predicate)| {
            let at = inner.find(verb)?;
            Some((at, verb, predicate))
        })?;
        let name = inner.get(..at)?.trim();
        let sort = sort_of(name)?;
        let predicate = match (sort, *predicate) {
            (Sort::Place, "works_at") => "works_in",
            (Sort::Place, _) => "studies_in",
            (_, predicate) => predicate,
        };
        found.sort(name, sort);
        let length = used + '在'.len_utf8() + at + verb.len();
        return Some((Predicate::Of(predicate), name.into(), length));
    }
    if let Some(inner) = rest.strip_prefix(['对', '對']) {
        let (object, _) = inner
            .split_once("过敏")
            .or_else(|| inner.split_once("過敏"))?;
        let fits = (1..=OBJECT).contains(&object.chars().count()) && !pronoun(object);
        return fits.then(|| {
            (
                Predicate::Of("allergic_to"),
                object.into(),
                used + 3 + object.len() + 6,
            )
        });
    }
    if let Some(inner) = rest.strip_prefix('是') {
        if let Some((owner, relation)) = inner.split_once('的') {
            let (_, predicate) = RELATIONS_CHINESE
                .iter()
                .find(|(word, _)| *word == relation)?;
            let owner = match owner {
                "我" => found.speaker.to_owned(),
                owner => whole_name(owner)?.to_owned(),
            };
            return Some((Predicate::Of(predicate), owner, text.len()));
        }
        let name = inner.strip_suffix('人')?;
        (sort_of(name)? == Sort::Place).then_some(())?;
        found.sort(name, Sort::Place);
        return Some((Predicate::Of("from"), name.into(), text.len()));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let age = rest.get(..digits).filter(|_| (1..=3).contains(&digits))?;
    rest.get(digits..)?
        .starts_with(['岁', '歲'])
        .then_some(())?;
    Some((
        Predicate::Of("age"),
        age.into(),
        used + digits + '岁'.len_utf8(),
    ))
}

/// What a name is by the lists, or by its ending; one in Latin letters is an organisation.
fn sort_of(name: &str) -> Option<Sort> {
    let first = name.chars().next()?;
    if let Some((_, sort)) = KNOWN
        .get(&first)
        .and_then(|list| list.iter().find(|(n, _)| *n == name))
    {
        return Some(*sort);
    }
    if first.is_ascii_uppercase() {
        let latin = name.chars().count() <= 40
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " .&-".contains(c));
        return latin.then_some(Sort::Organisation);
    }
    let (ending, sort) = ENDINGS_CHINESE
        .iter()
        .find(|(ending, _)| name.ends_with(ending))?;
    let before = name.strip_suffix(ending)?;
    let proper = before.chars().all(|c| is_han(c) && !NO_NAME.contains(c));
    (proper && (2..=8).contains(&before.chars().count())).then_some(*sort)
}

fn pronoun(text: &str) -> bool {
    [
        "我", "你", "您", "他", "她", "它", "这", "這", "那", "自己", "大家", "所有", "什",
    ]
    .iter()
    .any(|w| text.starts_with(w))
}

/// The object at the start of a text, and the byte behind it.
fn object(text: &str, kind: ObjectChinese) -> Option<(&str, usize)> {
    let ends: &[&str] = match kind {
        ObjectChinese::Place => &[
            "的", "了", "附近", "已经", "已經", "一带", "旁边", "边上", "很", "和", "工作",
        ],
        _ => &[
            "了", "因为", "因為", "和", "但", "而且", "所以", "但是", "已经",
        ],
    };
    let end = ends
        .iter()
        .filter_map(|e| text.find(e))
        .min()
        .unwrap_or(text.len());
    let whole = text.get(..end)?.trim_end();
    let object = whole.trim_start();
    let length = object.chars().count();
    let fits =
        (1..=OBJECT).contains(&length) && !pronoun(object) && !object.contains(char::is_control);
    fits.then_some(())?;
    let right = match kind {
        ObjectChinese::Known => sort_of(object).is_some(),
        ObjectChinese::Language => {
            ["语", "語", "文", "话", "話"]
                .iter()
                .any(|e| object.ends_with(e))
                && length <= 4
        }
        ObjectChinese::Place => {
            length > 1
                && ![
                    "一", "哪", "家里", "家", "学校", "宿舍", "酒店", "医院", "同",
                ]
                .iter()
                .any(|w| object.starts_with(w))
        }
        _ => true,
    };
    right.then_some((object, whole.len()))
}
