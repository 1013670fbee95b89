use super::*;

fn moment(text: &str) -> i64 {
    crate::mirror::time::parse_timestamp(text)
        .unwrap()
        .div_euclid(1_000_000)
}

/// As `subject predicate object`, one a line.
fn facts(text: &str) -> Vec<String> {
    let found = extract(text, "user", Some(moment("2026-11-29")));
    let facts = found.facts.iter();
    facts
        .map(|f| format!("{} {} {}", f.subject, f.predicate, f.object))
        .collect()
}

fn entities(text: &str) -> Vec<String> {
    let found = extract(text, "user", Some(moment("2026-11-29")));
    let entities = found.entities.iter();
    entities
        .map(|e| format!("{}:{}", e.sort.name(), e.name))
        .collect()
}

#[test]
fn facts_in_english() {
    for (text, expected) in [
        (
            "Ann works at Acme Corp in Berlin.",
            &["Ann works_at Acme Corp"][..],
        ),
        (
            "I work for Google. I live in Paris, France.",
            &["user works_at Google", "user lives_in Paris"],
        ),
        ("I'm currently working at the University of Oslo", &[]),
        (
            "I am working at the University of Oslo",
            &["user works_at University of Oslo"],
        ),
        ("I'm working for IBM", &["user works_at IBM"]),
        (
            "Dr. Mary J. Smith lives in New York City.",
            &["Mary J. Smith lives_in New York City"],
        ),
        ("Ann is Bob's older sister.", &["Ann sister_of Bob"]),
        ("Bob is my best friend", &["Bob friend_of user"]),
        ("My sister Ann came.", &["Ann sister_of user"]),
        ("my brother's name is Tom", &["Tom brother_of user"]),
        ("I have a dog named Rex.", &["Rex dog_of user"]),
        ("My name is Jean-Luc Picard", &["user name Jean-Luc Picard"]),
        ("Just call me Bob!", &["user name Bob"]),
        (
            "I really like green tea, but not coffee",
            &["user likes green tea"],
        ),
        ("I don't like mushrooms.", &["user dislikes mushrooms"]),
        (
            "Melanie loves the ocean because it is calm",
            &["Melanie likes ocean"],
        ),
        ("I prefer dark mode", &["user prefers dark mode"]),
        ("I'm allergic to peanuts.", &["user allergic_to peanuts"]),
        (
            "My favorite color is dark blue.",
            &["user favorite_color dark blue"],
        ),
        (
            "Ann's birthday is May 5, 1990.",
            &["Ann birthday May 5, 1990"],
        ),
        ("Ann was born in 1990.", &["Ann born 1990"]),
        ("I am 30 years old", &["user age 30"]),
        (
            "Bob is from Canada and speaks French.",
            &["Bob from Canada"],
        ),
        ("I work as a nurse", &["user works_as nurse"]),
        ("Caroline moved to Sweden", &["Caroline lives_in Sweden"]),
        (
            "Robert, also known as Bob, left",
            &["Robert also_known_as Bob"],
        ),
        (
            "The World Health Organization (WHO) said so",
            &["World Health Organization also_known_as WHO"],
        ),
        // What says nothing that holds.
        ("Does Ann work at Acme?", &[]),
        ("I live in Paris?", &[]),
        ("If I live in Paris, fine", &[]),
        ("I don't live in Paris", &[]),
        ("I used to live in Paris", &[]),
        ("I lived in Rome", &[]),
        ("I no longer work at Acme", &[]),
        ("The sister of Ann works at Acme", &[]),
        ("I love it", &[]),
        ("I like to swim", &[]),
        ("I feel like Paris", &[]),
        ("My boss is French", &[]),
        ("She works at Acme", &[]),
        ("I work at night", &[]),
        ("I love you", &[]),
    ] {
        assert_eq!(facts(text), expected, "{text}");
    }
}

#[test]
fn facts_in_chinese() {
    for (text, expected) in [
        (
            "我叫李明，今年28岁，住在上海。",
            &["user name 李明", "user age 28", "user lives_in 上海"][..],
        ),
        (
            "我叫李明。我住在上海浦东。",
            &["user name 李明", "user lives_in 上海浦东"],
        ),
        ("我的名字是王小明", &["user name 王小明"]),
        ("叫我小李", &["user name 小李"]),
        ("我叫 Anna", &["user name Anna"]),
        ("我在腾讯工作", &["user works_at 腾讯"]),
        ("王小明在北京大学读书", &["王小明 studies_at 北京大学"]),
        ("我现在在上海工作", &["user works_in 上海"]),
        ("我最喜欢四川火锅", &["user likes 四川火锅"]),
        ("王明也喜欢苹果", &["王明 likes 苹果"]),
        ("我不喜欢香菜", &["user dislikes 香菜"]),
        ("我對花生過敏", &["user allergic_to 花生"]),
        ("我对海鲜过敏。", &["user allergic_to 海鲜"]),
        ("李华是我的姐姐", &["李华 sister_of user"]),
        ("李华是王明的同事", &["李华 colleague_of 王明"]),
        ("我姐姐叫李华", &["李华 sister_of user"]),
        ("我来自湖南。", &["user from 湖南"]),
        ("我是四川人", &["user from 四川"]),
        ("我的生日是5月17日", &["user birthday 5月17日"]),
        ("我今年28岁", &["user age 28"]),
        ("我会说英语", &["user speaks 英语"]),
        ("我搬到了深圳", &["user lives_in 深圳"]),
        ("我毕业于复旦大学", &["user graduated_from 复旦大学"]),
        // What says nothing that holds.
        ("你住在上海吗", &[]),
        ("我住在哪里？", &[]),
        ("我喜欢你", &[]),
        ("我在家工作", &[]),
        ("我在努力工作", &[]),
        ("我叫外卖了", &[]),
        ("如果我住在上海", &[]),
        ("我们住在上海", &[]),
        ("他叫李明", &[]),
        ("我叫他去吃饭", &[]),
    ] {
        assert_eq!(facts(text), expected, "{text}");
    }
}

#[test]
fn names_of_all_sorts() {
    for (text, expected) in [
        (
            "Yesterday I met Ann Smith in Paris.",
            &["name:Ann Smith", "place:Paris"][..],
        ),
        ("The train was late. When did it come?", &[]),
        ("Nice weather. Great!", &[]),
        ("Sunrise is early", &[]),
        (
            "Caroline left. I saw Caroline.",
            &["name:Caroline", "name:Caroline"],
        ),
        (
            "We flew to San Francisco with Dr. Jones",
            &["place:San Francisco", "person:Jones"],
        ),
        (
            "She studied at the University of Oslo, then Acme Bank",
            &["organisation:University of Oslo", "organisation:Acme Bank"],
        ),
        ("Ann works at Acme", &["person:Ann", "organisation:Acme"]),
        (
            "mail bob.x@example.co.uk or @carol, see https://example.com/a?b=c.",
            &[
                "email:bob.x@example.co.uk",
                "handle:@carol",
                "url:https://example.com/a?b=c",
            ],
        ),
        (
            "We read \"The Little Prince\" and \"no names here\"",
            &["quoted:The Little Prince"],
        ),
        ("He said in May that NASA won", &["name:NASA"]),
        ("WHY DO YOU SHOUT SO LOUD", &[]),
        ("昨天在北京见了王老师", &["place:北京", "person:王老师"]),
        ("我看了《红楼梦》", &["title:红楼梦"]),
        (
            "他在上海交通大学和招商银行",
            &["organisation:上海交通大学", "organisation:招商银行"],
        ),
        ("一家公司，我们公司", &[]),
        ("李小明教授来了", &["person:李小明教授"]),
    ] {
        assert_eq!(entities(text), expected, "{text}");
    }
}

#[test]
fn the_speaker_has_a_name() {
    let found = extract("I live in Oslo. 我喜欢茶", "Ann", None);
    let subjects: Vec<&str> = found.facts.iter().map(|f| f.subject.as_str()).collect();
    assert_eq!(subjects, ["Ann", "Ann"]);
}

#[test]
fn starts_are_known_once() {
    for (i, word) in lists::STARTS.iter().enumerate() {
        assert!(!lists::STARTS[..i].contains(word), "{word}");
    }
}

/// Random texts of pieces: spans are in the text, entities do not overlap, and the same text gives the same answer.
#[test]
fn any_text() {
    let pieces = [
        "Ann", "Bob's", "I", "I'm", "works at", "Acme", "Corp", ".", ",", "?", "\n", "\"", "@",
        "http://x", "the", "of", "is", "my", "sister", "J.", "Dr.", "-", "May 5", "我", "叫", "王",
        "明", "住在", "上海", "的", "姐姐", "是", "在", "工作", "《", "》", "老师", "公司", "喜欢",
        "对", "过敏", "28", "岁", "\u{301}", "\0", "𠀀", "é", "a@b.c",
    ];
    let mut seed = 11u64;
    let mut draw = move |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % n as u64) as usize
    };
    for _ in 0..5_000 {
        let text: Vec<&str> = (0..draw(14)).map(|_| pieces[draw(pieces.len())]).collect();
        let text = text.join(["", " "][draw(2)]);
        let found = extract(&text, "user", Some(0));
        let mut end = 0;
        for entity in &found.entities {
            assert!(end <= entity.span.start, "{text:?}: {found:?}");
            assert!(text.get(entity.span.clone()).is_some(), "{text:?}");
            assert!(!entity.name.is_empty(), "{text:?}");
            end = entity.span.end;
        }
        for fact in &found.facts {
            assert!(text.get(fact.span.clone()).is_some(), "{text:?}: {fact:?}");
            assert!(
                !fact.subject.is_empty() && !fact.object.is_empty(),
                "{text:?}"
            );
        }
        assert_eq!(found, extract(&text, "user", Some(0)));
    }
}

#[test]
fn hostile_texts_end() {
    for piece in [
        "Ann ", "A. ", "@", "a@", "\"", "《", "王", "我", "I ", "http://", "Ann's ", "-", "老师",
        "大学", "x", "我在",
    ] {
        extract(&piece.repeat(20_000), "user", Some(0));
    }
}
