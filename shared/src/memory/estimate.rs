//! What a text itself says of its importance and emotion, in English and Chinese, without a model.
//!
//! Importance is 0.3, and 0.3 more for a text that asks to be remembered, 0.2 for one that says a preference, a
//! decision or an obligation, 0.1 for one with a number or date, 0.1 for strong emotion; at most 0.95. Emotion is that
//! of the words below: a negation just before a word turns its valence around.

use crate::text::{Kind, terms};

/// Words that ask to be remembered.
const REMEMBER: (&[&str], &[&str]) = (
    &[
        "remember",
        "important",
        "importantly",
        "forget",
        "note",
        "critical",
        "crucial",
        "essential",
        "urgent",
        "reminder",
    ],
    &[
        "记住",
        "重要",
        "别忘",
        "不要忘",
        "牢记",
        "务必",
        "切记",
        "记得",
        "紧急",
        "关键",
    ],
);

/// Words of preference, decision and obligation, and of what stays so.
const LASTING: (&[&str], &[&str]) = (
    &[
        "always",
        "never",
        "prefer",
        "preference",
        "favorite",
        "favourite",
        "love",
        "hate",
        "like",
        "dislike",
        "allergic",
        "allergy",
        "decide",
        "decision",
        "agree",
        "plan",
        "promise",
        "must",
        "birthday",
        "anniversary",
        "married",
        "deadline",
        "password",
        "address",
        "phone",
        "name",
        "live",
        "moved",
        "works",
        "vegetarian",
        "vegan",
    ],
    &[
        "喜欢",
        "讨厌",
        "偏好",
        "最爱",
        "过敏",
        "决定",
        "约定",
        "同意",
        "计划",
        "必须",
        "总是",
        "从不",
        "生日",
        "纪念日",
        "结婚",
        "截止",
        "密码",
        "地址",
        "电话",
        "名字",
        "住在",
        "搬到",
        "素食",
    ],
);

/// Words with a valence from -1 to 1 and an arousal from 0 to 1.
const EMOTIONS: &[(f64, f64, &[&str], &[&str])] = &[
    (
        0.9,
        0.8,
        &[
            "ecstatic",
            "thrilled",
            "amazing",
            "fantastic",
            "overjoyed",
            "love",
            "excited",
            "exciting",
            "awesome",
            "incredible",
        ],
        &["激动", "兴奋", "狂喜", "太棒", "惊喜", "热爱"],
    ),
    (
        0.7,
        0.5,
        &[
            "happy",
            "happiness",
            "joy",
            "glad",
            "delighted",
            "proud",
            "win",
            "won",
            "great",
            "wonderful",
            "fun",
            "celebrate",
            "laugh",
            "enjoy",
            "beautiful",
        ],
        &[
            "开心", "高兴", "快乐", "幸福", "骄傲", "自豪", "喜悦", "庆祝", "喜欢", "有趣",
        ],
    ),
    (
        0.5,
        0.2,
        &[
            "calm",
            "relaxed",
            "peaceful",
            "grateful",
            "thankful",
            "comfortable",
            "good",
            "nice",
            "hope",
            "relief",
            "relieved",
        ],
        &[
            "平静", "放松", "安心", "感谢", "感激", "舒服", "希望", "满意", "欣慰",
        ],
    ),
    (
        -0.8,
        0.9,
        &[
            "furious",
            "terrified",
            "panic",
            "rage",
            "horrified",
            "hate",
            "terrible",
            "horrible",
            "awful",
            "scream",
        ],
        &["愤怒", "恐惧", "恐慌", "惊恐", "暴怒", "可怕", "崩溃"],
    ),
    (
        -0.6,
        0.7,
        &[
            "angry",
            "afraid",
            "scared",
            "worried",
            "worry",
            "anxious",
            "anxiety",
            "stress",
            "stressed",
            "nervous",
            "upset",
            "frustrated",
            "frustrating",
            "fear",
            "pain",
            "hurt",
        ],
        &[
            "生气", "害怕", "担心", "焦虑", "紧张", "压力", "烦恼", "烦躁", "痛苦", "受伤", "不满",
        ],
    ),
    (
        -0.6,
        0.3,
        &[
            "sad",
            "sadness",
            "lonely",
            "depressed",
            "disappointed",
            "tired",
            "grief",
            "cry",
            "cried",
            "lost",
            "miss",
            "died",
            "death",
            "regret",
            "sorry",
            "bad",
            "fail",
            "failed",
        ],
        &[
            "难过", "悲伤", "伤心", "孤独", "沮丧", "失望", "疲惫", "哭", "去世", "后悔", "遗憾",
            "失败",
        ],
    ),
];

const NEGATIONS: &[&str] = &["not", "no", "never", "t", "without", "hardly"];
const NEGATIONS_BEFORE: &[char] = &['不', '没', '别', '无', '未'];

/// What a text feels like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Emotion {
    /// -1 (bad) to 1 (good).
    pub valence: f64,
    /// 0 (calm) to 1 (stirred).
    pub arousal: f64,
}

/// The words of a text in lower case, and the whole in lower case.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    terms(text, |term| {
        if term.kind == Kind::Word {
            words.push(term.form.to_owned());
        }
    });
    words
}

/// True if the form of a word is one of the list, or such a one with an ending.
fn is(word: &str, listed: &str) -> bool {
    match word.strip_prefix(listed) {
        Some(ending) => matches!(ending, "" | "s" | "d" | "ed" | "es" | "ing"),
        None => false,
    }
}

fn has(text: &str, words: &[String], (english, chinese): (&[&str], &[&str])) -> bool {
    words.iter().any(|w| english.iter().any(|e| is(w, e)))
        || chinese.iter().any(|c| text.contains(c))
}

/// The emotion of a text: the mean valence of its words with emotion, the strongest arousal, more with exclamation
/// marks; 0 for both without such words.
pub fn emotion(text: &str) -> Emotion {
    let words = words(text);
    let (mut sum, mut count, mut arousal) = (0.0, 0.0, 0.0f64);
    let mut feel = |valence: f64, strength: f64, negated: bool| {
        sum += if negated { -0.5 * valence } else { valence };
        count += 1.0;
        arousal = arousal.max(if negated { strength * 0.5 } else { strength });
    };
    for (valence, strength, english, chinese) in EMOTIONS {
        for (i, word) in words.iter().enumerate() {
            if english.iter().any(|e| is(word, e)) {
                let before = words.get(i.saturating_sub(3)..i).unwrap_or_default();
                feel(
                    *valence,
                    *strength,
                    before.iter().any(|w| NEGATIONS.contains(&w.as_str())),
                );
            }
        }
        for listed in *chinese {
            for (at, _) in text.match_indices(listed) {
                let mut before = text.get(..at).unwrap_or_default().chars().rev().take(2);
                feel(
                    *valence,
                    *strength,
                    before.any(|c| NEGATIONS_BEFORE.contains(&c)),
                );
            }
        }
    }
    if count == 0.0 {
        return Emotion {
            valence: 0.0,
            arousal: 0.0,
        };
    }
    let marks = text
        .chars()
        .filter(|c| matches!(c, '!' | '！'))
        .take(3)
        .count();
    Emotion {
        valence: sum / count,
        arousal: (arousal + 0.05 * marks as f64).min(1.0),
    }
}

/// How important a text is, 0 to 0.95, see the head of this module.
pub fn importance(text: &str) -> f64 {
    let words = words(text);
    let with = |yes: bool, tenths: u32| if yes { tenths } else { 0 };
    let felt = emotion(text);
    let tenths = 3
        + with(has(text, &words, REMEMBER), 3)
        + with(has(text, &words, LASTING), 2)
        + with(text.chars().any(char::is_numeric), 1)
        + with(felt.valence.abs() * felt.arousal >= 0.4, 1);
    (f64::from(tenths) / 10.0).min(0.95)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importance_is_what_the_text_asks_for() {
        for (text, expected) in [
            ("The sky was grey.", 0.3),
            ("Remember: I am allergic to peanuts", 0.8),
            ("Our deadline is 3 May", 0.6),
            ("请记住我对花生过敏", 0.8),
            ("天气不错", 0.3),
            ("Important! I love it, never forget 1 May!", 0.95),
            ("", 0.3),
        ] {
            assert!(
                (importance(text) - expected).abs() < 1e-12,
                "{text}: {}",
                importance(text)
            );
        }
    }

    #[test]
    fn emotion_has_a_sign_and_a_strength() {
        let of = |text: &str| emotion(text);
        assert_eq!(
            of("The train leaves at nine"),
            Emotion {
                valence: 0.0,
                arousal: 0.0
            }
        );
        assert!(of("I am so happy!").valence > 0.5);
        assert!(of("I am not happy").valence < 0.0);
        assert!(of("我很开心").valence > 0.5 && of("我不开心").valence < 0.0);
        assert!(of("He was furious").arousal > of("He was sad").arousal);
        assert!(of("太可怕了！！！").valence < -0.5);
    }
}
