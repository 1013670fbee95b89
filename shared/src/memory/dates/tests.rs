use super::*;
use crate::mirror::time::parse_timestamp;

fn moment(text: &str) -> i64 {
    parse_timestamp(text).unwrap().div_euclid(1_000_000)
}

/// A Sunday.
const NOW: &str = "2026-11-29 19:30:15";

/// The text, with the name in brackets, and its range. By hand, from a calendar.
const TABLE: &[(&str, &str, &str)] = &[
    // Digits.
    ("It was on [2023-05-17].", "2023-05-17", "2023-05-18"),
    (
        "At [2023-05-17T10:20:30Z] sharp",
        "2023-05-17 10:20:30",
        "2023-05-17 10:20:31",
    ),
    (
        "log [2023-05-17 10:20]: ok",
        "2023-05-17 10:20",
        "2023-05-17 10:21",
    ),
    ("[2023/5/7]", "2023-05-07", "2023-05-08"),
    ("[2023.05.17]", "2023-05-17", "2023-05-18"),
    ("paid [2023-05]", "2023-05-01", "2023-06-01"),
    ("on [05/17/2023]", "2023-05-17", "2023-05-18"),
    ("on [17.5.2023]", "2023-05-17", "2023-05-18"),
    ("leap [2024-02-29]", "2024-02-29", "2024-03-01"),
    // Months and days.
    ("On [May 5, 2023] we met", "2023-05-05", "2023-05-06"),
    ("on [May 5th 2023]", "2023-05-05", "2023-05-06"),
    ("the [5th of May, 2023]", "2023-05-05", "2023-05-06"),
    ("[5 May 2023]", "2023-05-05", "2023-05-06"),
    ("[17 Sept. 2021]", "2021-09-17", "2021-09-18"),
    ("on [June 3]", "2026-06-03", "2026-06-04"),
    ("on [December 5]", "2025-12-05", "2025-12-06"),
    ("from [July 4-7, 2020]", "2020-07-04", "2020-07-08"),
    ("in [May 2023]", "2023-05-01", "2023-06-01"),
    ("[January of 2022]", "2022-01-01", "2022-02-01"),
    ("in [May]", "2026-05-01", "2026-06-01"),
    ("in [december]", "2025-12-01", "2026-01-01"),
    ("What did I do [last May]?", "2026-05-01", "2026-06-01"),
    ("[last December]", "2025-12-01", "2026-01-01"),
    ("[this May]", "2026-05-01", "2026-06-01"),
    ("[next May]", "2027-05-01", "2027-06-01"),
    ("[May last year]", "2025-05-01", "2025-06-01"),
    ("in [March of last year]", "2025-03-01", "2025-04-01"),
    ("in [March two years ago]", "2024-03-01", "2024-04-01"),
    ("[early May 2023]", "2023-05-01", "2023-05-11"),
    ("[mid-May 2023]", "2023-05-11", "2023-05-21"),
    ("in [late February 2024]", "2024-02-21", "2024-03-01"),
    // Years, seasons, quarters.
    ("in [2023]", "2023-01-01", "2024-01-01"),
    ("since [2019], and", "2019-01-01", "2020-01-01"),
    ("[early 2023]", "2023-01-01", "2023-05-01"),
    ("[last year]", "2025-01-01", "2026-01-01"),
    ("[this year]", "2026-01-01", "2027-01-01"),
    ("[next year]", "2027-01-01", "2028-01-01"),
    ("[late last year]", "2025-09-01", "2026-01-01"),
    ("the [year before last]", "2024-01-01", "2025-01-01"),
    ("[two years ago]", "2024-01-01", "2025-01-01"),
    ("[half a year ago]", "2026-05-01", "2026-06-01"),
    ("the [1990s]", "1990-01-01", "2000-01-01"),
    ("the [80s]", "1980-01-01", "1990-01-01"),
    ("[last decade]", "2010-01-01", "2020-01-01"),
    ("[summer 2023]", "2023-06-01", "2023-09-01"),
    ("the [winter of 2022]", "2022-12-01", "2023-03-01"),
    ("[last summer]", "2026-06-01", "2026-09-01"),
    ("[last winter]", "2025-12-01", "2026-03-01"),
    ("[last fall]", "2025-09-01", "2025-12-01"),
    ("[this spring]", "2026-03-01", "2026-06-01"),
    ("[Q3 2023]", "2023-07-01", "2023-10-01"),
    ("the [third quarter of 2023]", "2023-07-01", "2023-10-01"),
    ("[last quarter]", "2026-07-01", "2026-10-01"),
    ("[last month]", "2026-10-01", "2026-11-01"),
    ("[three months ago]", "2026-08-01", "2026-09-01"),
    // Weeks and days.
    ("[last week]", "2026-11-16", "2026-11-23"),
    ("[this week]", "2026-11-23", "2026-11-30"),
    ("[next week]", "2026-11-30", "2026-12-07"),
    ("the [week before last]", "2026-11-09", "2026-11-16"),
    ("[two weeks ago]", "2026-11-09", "2026-11-16"),
    (
        "the [past week]",
        "2026-11-22 19:30:15",
        "2026-11-29 19:30:15",
    ),
    (
        "in the [last 3 days]",
        "2026-11-26 19:30:15",
        "2026-11-29 19:30:15",
    ),
    (
        "the [past two months]",
        "2026-09-29 19:30:15",
        "2026-11-29 19:30:15",
    ),
    ("[last weekend]", "2026-11-21", "2026-11-23"),
    ("[this weekend]", "2026-11-28", "2026-11-30"),
    ("[today]", "2026-11-29", "2026-11-30"),
    ("[Yesterday]", "2026-11-28", "2026-11-29"),
    ("[yesterday's] news", "2026-11-28", "2026-11-29"),
    (
        "[yesterday morning]",
        "2026-11-28 05:00",
        "2026-11-28 12:00",
    ),
    ("[tomorrow]", "2026-11-30", "2026-12-01"),
    ("the [day before yesterday]", "2026-11-27", "2026-11-28"),
    ("the [day after tomorrow]", "2026-12-01", "2026-12-02"),
    ("[two days ago]", "2026-11-27", "2026-11-28"),
    ("[a couple of days ago]", "2026-11-27", "2026-11-28"),
    ("[3 days from now]", "2026-12-02", "2026-12-03"),
    ("[last night]", "2026-11-28 18:00", "2026-11-29 06:00"),
    ("[this morning]", "2026-11-29 05:00", "2026-11-29 12:00"),
    ("[tonight]", "2026-11-29 18:00", "2026-11-30 06:00"),
    ("[an hour ago]", "2026-11-29 18:00", "2026-11-29 19:00"),
    ("[30 minutes ago]", "2026-11-29 19:00", "2026-11-29 19:01"),
    ("[last Monday]", "2026-11-23", "2026-11-24"),
    ("[last Sunday]", "2026-11-22", "2026-11-23"),
    ("on [Sunday]", "2026-11-29", "2026-11-30"),
    ("on [Friday evening]", "2026-11-27 17:00", "2026-11-28"),
    ("[next Friday]", "2026-12-04", "2026-12-05"),
    ("at [Christmas]", "2025-12-25", "2025-12-26"),
    ("[Thanksgiving 2023]", "2023-11-23", "2023-11-24"),
    ("[last New Year's Eve]", "2025-12-31", "2026-01-01"),
    // Chinese.
    ("我[2023年5月17日]去的", "2023-05-17", "2023-05-18"),
    ("[2023年5月]", "2023-05-01", "2023-06-01"),
    ("[二〇二三年]", "2023-01-01", "2024-01-01"),
    ("[二零二三年五月三号]", "2023-05-03", "2023-05-04"),
    ("[98年3月]", "1998-03-01", "1998-04-01"),
    ("[去年三月]我在哪里", "2025-03-01", "2025-04-01"),
    ("[去年3月5日]", "2025-03-05", "2025-03-06"),
    ("[去年的夏天]", "2025-06-01", "2025-09-01"),
    ("[前年]", "2024-01-01", "2025-01-01"),
    ("[今年国庆]", "2026-10-01", "2026-10-08"),
    ("[明年]", "2027-01-01", "2028-01-01"),
    ("[去年下半年]", "2025-07-01", "2026-01-01"),
    ("[2023年第三季度]", "2023-07-01", "2023-10-01"),
    ("[去年年底]", "2025-09-01", "2026-01-01"),
    ("[三月]的时候", "2026-03-01", "2026-04-01"),
    ("[十二月二十五号]", "2025-12-25", "2025-12-26"),
    ("[3月5日下午]", "2026-03-05 12:00", "2026-03-05 18:00"),
    ("[上周]我们", "2026-11-16", "2026-11-23"),
    ("[上个星期]", "2026-11-16", "2026-11-23"),
    ("[這週]", "2026-11-23", "2026-11-30"),
    ("[下周三]", "2026-12-02", "2026-12-03"),
    ("[上上周]", "2026-11-09", "2026-11-16"),
    ("[上周末]", "2026-11-21", "2026-11-23"),
    ("[周五]", "2026-11-27", "2026-11-28"),
    ("[星期天晚上]", "2026-11-29 18:00", "2026-11-30 06:00"),
    ("[上个月]", "2026-10-01", "2026-11-01"),
    ("[上个月5号]", "2026-10-05", "2026-10-06"),
    ("[上月底]", "2026-10-21", "2026-11-01"),
    ("[昨天]", "2026-11-28", "2026-11-29"),
    ("[昨晚]", "2026-11-28 18:00", "2026-11-29 06:00"),
    ("[前天下午]", "2026-11-27 12:00", "2026-11-27 18:00"),
    ("[大后天]", "2026-12-02", "2026-12-03"),
    ("[三天前]", "2026-11-26", "2026-11-27"),
    ("[两个月前]", "2026-09-01", "2026-10-01"),
    ("[十二年前]", "2014-01-01", "2015-01-01"),
    ("[半年前]", "2026-05-01", "2026-06-01"),
    ("[2个小时前]", "2026-11-29 17:00", "2026-11-29 18:00"),
    ("[最近三天]", "2026-11-26 19:30:15", "2026-11-29 19:30:15"),
    ("[过去一个月]", "2026-10-29 19:30:15", "2026-11-29 19:30:15"),
    ("[九十年代]", "1990-01-01", "2000-01-01"),
    ("[圣诞节]", "2025-12-25", "2025-12-26"),
];

#[test]
fn names_of_times() {
    assert!(TABLE.len() >= 100);
    for (marked, from, to) in TABLE {
        let (start, end) = (marked.find('[').unwrap(), marked.find(']').unwrap() - 1);
        let text = marked.replace(['[', ']'], "");
        let expected = [Named {
            span: start..end,
            from: moment(from),
            to: moment(to),
        }];
        assert_eq!(dates(&text, Some(moment(NOW))), expected, "{marked}");
    }
}

#[test]
fn what_is_no_time() {
    for text in [
        "You may go, and march on",
        "May I ask?",
        "room 2023",
        "4/5/2023",
        "version 2023.1.2.3",
        "v2023-05-17",
        "2023-13-01",
        "2023-02-30",
        "since 500 people",
        "I sat in the sun",
        "April Ludgate's fall",
        "recently, a few days ago",
        "three weeks",
        "every day",
        "spring water",
        "the second quarter",
        "Christmas tree",
        "2023年级",
        "第三月",
        "二十三月",
        "每周五",
        "一周五次",
        "早上周明",
        "三个月",
        "周天",
        "五号",
        "圣诞老人",
        "情人",
        "999999999 years ago",
        "in 2050 words",
        "May",
    ] {
        let found = dates(text, Some(moment(NOW)));
        // A month's name is one also as a person's.
        let expected = usize::from(text.starts_with("April"));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}

#[test]
fn without_now_only_what_needs_none() {
    let text = "Yesterday, last May, in March, on Monday and 上周 I read of May 5, 2023, 2023年5月 and 1990-01-01";
    let found = dates(text, None);
    let shown: Vec<&str> = found.iter().map(|n| &text[n.span.clone()]).collect();
    assert_eq!(shown, ["May 5, 2023", "2023年5月", "1990-01-01"]);
    assert_eq!(dates(text, Some(moment(NOW))).len(), 8);
}

/// Random strings of pieces: spans are in order and on characters, ranges are not empty, and other moments of the
/// same minute mean the same days.
#[test]
fn any_text_and_any_now() {
    let pieces: Vec<String> = TABLE
        .iter()
        .flat_map(|(text, _, _)| text.split(['[', ']', ' ']).map(str::to_owned))
        .chain(
            [
                "\u{301}",
                "\0",
                "𠀀",
                "10",
                "99999999999",
                "ago",
                "last",
                "年",
                "-",
                "/",
                ".",
            ]
            .map(str::to_owned),
        )
        .collect();
    let mut seed = 7u64;
    let mut draw = move |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % n as u64) as usize
    };
    let nows = [
        0,
        -1,
        moment(NOW),
        moment("0001-01-01"),
        moment("9999-12-31"),
        i64::MAX,
        i64::MIN,
    ];
    for _ in 0..5_000 {
        let text: Vec<&str> = (0..draw(8))
            .map(|_| pieces[draw(pieces.len())].as_str())
            .collect();
        let text = text.join(["", " "][draw(2)]);
        let now = nows[draw(nows.len())];
        let mut end = 0;
        for named in dates(&text, Some(now)) {
            assert!(
                end <= named.span.start && named.span.start < named.span.end,
                "{text}"
            );
            assert!(text.get(named.span.clone()).is_some(), "{text}");
            assert!(named.from < named.to, "{text}");
            end = named.span.end;
        }
        let absolute = dates(&text, None);
        let all = dates(&text, Some(now));
        for named in &absolute {
            let covers =
                |n: &Named| n.span.start <= named.span.start && named.span.end <= n.span.end;
            let same = all
                .iter()
                .any(|n| covers(n) || n.span.end > named.span.start);
            assert!(same, "{text}: {named:?}");
        }
    }
}

/// A name means the same all day long, if it is not of hours.
#[test]
fn days_mean_the_same_all_day() {
    let (from, to) = (moment("2026-11-29"), moment("2026-11-30"));
    for (marked, _, _) in TABLE {
        if ["last 3", "past", "hour", "minute", "最近", "过去", "小时"]
            .iter()
            .any(|w| marked.contains(w))
        {
            continue;
        }
        let text = marked.replace(['[', ']'], "");
        assert_eq!(
            dates(&text, Some(from)),
            dates(&text, Some(to - 1)),
            "{marked}"
        );
    }
}

/// Steps grow with the text: twice the text takes no more than a few times as long, in tokens looked at. Here only
/// that hostile texts end.
#[test]
fn hostile_texts_end() {
    for piece in [
        "1",
        "年",
        "last ",
        "2023-",
        "一",
        "the day before ",
        "a",
        "\u{301}",
        "周",
        ".",
    ] {
        let text = piece.repeat(20_000);
        dates(&text, Some(0));
    }
}
