//! The times that a question names, "last May" or 上周, and which memories are of them.

use super::dates::dates;
use crate::calendar::Range;

/// The times that a question names.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Range>);

impl Times {
    /// Those of a question that is asked at this moment.
    pub fn of(question: &str, now: i64) -> Times {
        let named = dates(question, Some(now));
        Times(
            named
                .into_iter()
                .map(|named| (named.from, named.to))
                .collect(),
        )
    }

    /// 1 for a memory of one of them: it happened then, or its text, said when it happened, names such a time; 0 for
    /// others, and where the question names none.
    pub fn share(&self, event_time: i64, content: &str) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        let asked = |(from, to): Range| {
            self.0
                .iter()
                .any(|(first, last)| from < *last && *first < to)
        };
        let happened = asked((event_time, event_time.saturating_add(1)));
        let named = || {
            let named = dates(content, Some(event_time));
            named.iter().any(|named| asked((named.from, named.to)))
        };
        f64::from(u8::from(happened || named()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_of_the_times_that_are_asked_for() {
        let now = 1_780_272_000; // 2026-06-01
        let (may, april) = (1_777_600_000, 1_777_590_000);
        let asked =
            |question: &str, event, content: &str| Times::of(question, now).share(event, content);
        assert_eq!(asked("what did we eat last May?", may, "soup"), 1.0);
        assert_eq!(asked("what did we eat last May?", april, "soup"), 0.0);
        assert_eq!(asked("上个月吃了什么", may, "汤"), 1.0);
        // On the 30th of April.
        assert_eq!(
            asked("what did we eat last May?", april, "soup tomorrow"),
            1.0
        );
        assert_eq!(asked("what did we eat?", may, "soup"), 0.0);
        assert_eq!(Times::default().share(may, "in May"), 0.0);
    }
}
