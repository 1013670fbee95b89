//! Words and characters that stand in most texts of English and Chinese, sorted.

/// Pronouns, articles, prepositions, auxiliaries, question words, and what an apostrophe leaves.
const WORDS: &[&str] = &[
    "a", "about", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "can",
    "could", "d", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "his",
    "how", "i", "if", "in", "into", "is", "it", "its", "just", "ll", "m", "me", "my", "no", "not",
    "of", "on", "or", "our", "re", "s", "she", "so", "such", "t", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "to", "us", "ve", "was", "we", "were", "what",
    "when", "where", "which", "who", "whom", "why", "will", "with", "would", "you", "your",
];

/// Particles, pronouns, copulas and auxiliaries. A pair that holds one mostly crosses the border of two words.
const CHARACTERS: &[char] = &[
    '一', '不', '与', '个', '为', '之', '也', '了', '他', '们', '会', '你', '到', '去', '及', '吗',
    '吧', '呀', '呢', '和', '啊', '在', '她', '它', '对', '就', '很', '我', '把', '是', '有', '的',
    '着', '能', '被', '要', '说', '过', '这', '那', '都',
];

/// True for a word in lower case that stands in most texts.
pub fn is_word(word: &str) -> bool {
    WORDS.binary_search(&word).is_ok()
}

/// True for a character that stands in most texts.
pub fn is_character(c: char) -> bool {
    CHARACTERS.binary_search(&c).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(WORDS.is_sorted());
        assert!(CHARACTERS.is_sorted());
    }
}
