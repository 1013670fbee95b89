//! Questions in Chinese: names of places, and words in the order of English.

use super::super::chinese::chinese_tokens;
use super::super::tokens::stem;
use super::shop::shop;

#[test]
fn places_are_known_by_their_names_in_chinese() {
    let shop = shop();
    for (question, condition) in [
        ("里昂有多少客户", "city = 'Lyon'"),
        ("奥斯陆有多少客户", "city = 'Oslo'"),
        ("挪威有多少客户", "country = 'Norway'"),
    ] {
        let sql = shop.after(&[], question);
        assert!(sql.contains(condition), "{question}: {sql}");
    }
}

#[test]
fn verbs_and_what_is_asked_stand_as_in_english() {
    let known = |name: &str| ["Berlin", "Germany"].contains(&name);
    let thing = |word: &str| word == stem("country");
    for (question, english) in [
        ("哪些国家与德国接壤", "which country border germany"),
        ("柏林在哪个国家", "which country is berlin in"),
        ("柏林在哪个国家？", "which country is berlin in ?"),
        ("哪个国家最大", "which country is largest"),
        ("最大的国家", "largest country"),
    ] {
        let tokens = chinese_tokens(question, &known, &|_| None, &thing, &|_| false);
        let words: Vec<&str> = tokens.iter().map(|t| t.lower.as_str()).collect();
        assert_eq!(words.join(" "), english, "{question}");
    }
}
