//! Questions in Chinese: names of places, and words in the order of English.

use super::super::answer::HIGH;
use super::super::chinese::chinese_tokens;
use super::super::print::Dialect;
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
        let (tokens, _) = chinese_tokens(question, &known, &|_| None, &thing, &|_| false);
        let words: Vec<&str> = tokens.iter().map(|t| t.lower.as_str()).collect();
        assert_eq!(words.join(" "), english, "{question}");
    }
}

#[test]
fn characters_that_mean_nothing_make_a_reading_unsure() {
    let shop = super::shop::shop();
    let first = |question: &str| shop.read(&[], question, Dialect::Sqlite).swap_remove(0);
    for (question, lost) in [
        ("女客户有多少", "女"),
        ("数学类的产品有哪些", "学"),
        ("披头士的订单数量", "披头士"),
        ("比平均价格更香的产品", "香"),
    ] {
        let found = first(question);
        assert!(found.confidence < HIGH, "{question}: {found:?}");
        assert!(
            found.unmatched.iter().any(|w| w.contains(lost)),
            "{question}: {found:?}"
        );
    }
    // Times are understood though none of their characters is a word.
    for question in [
        "上个月的订单数量",
        "每个国家的客户数量",
        "最近7天的订单",
        "2023年每月订单数量",
    ] {
        let found = first(question);
        assert!(found.unmatched.is_empty(), "{question}: {found:?}");
    }
}
