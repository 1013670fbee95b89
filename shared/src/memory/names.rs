//! Names in a text: words that begin with a capital letter.

use super::terms::query_hashes;

/// The terms of the names in a question, each once. Words of every text ("When", "The") are none.
pub fn names(text: &str) -> Vec<u32> {
    let mut names = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let mut letters = word.chars();
        let capital = letters.next().is_some_and(char::is_uppercase);
        // A text in capitals alone names nothing more than others.
        let small = letters.next().is_some_and(char::is_lowercase);
        if !capital || !small || STARTS.binary_search(&word.to_lowercase().as_str()).is_ok() {
            continue;
        }
        for hash in query_hashes(word) {
            if !names.contains(&hash) {
                names.push(hash);
            }
        }
    }
    names
}

/// Words that questions begin with, sorted.
const STARTS: &[&str] = &[
    "a", "about", "after", "an", "and", "any", "are", "as", "at", "before", "by", "can", "could",
    "describe", "did", "do", "does", "find", "for", "from", "give", "had", "has", "have", "he",
    "her", "his", "how", "i", "if", "in", "is", "it", "list", "many", "may", "might", "my", "name",
    "of", "on", "our", "please", "remind", "she", "should", "show", "tell", "that", "the", "their",
    "these", "they", "this", "those", "to", "was", "we", "were", "what", "when", "where",
    "whether", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_capitals() {
        assert_eq!(
            names("When did Caroline meet Mel in Paris?"),
            query_hashes("caroline mel paris")
        );
        assert_eq!(names("caroline's Caroline"), query_hashes("caroline"));
        assert!(names("WHAT IS THIS, the API?").is_empty());
        assert!(names("大雪").is_empty());
    }

    #[test]
    fn starts_are_sorted() {
        assert!(STARTS.is_sorted());
    }
}
