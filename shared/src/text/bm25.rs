//! BM25, computed as SQLite's FTS5 does: the same numbers in the same order, so that the same texts have the same
//! scores in both engines.

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Corpus statistics of a query's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusStats {
    /// How many texts there are.
    pub documents: u64,
    /// The lengths of all of them.
    pub total_length: u64,
    /// How many hold each word.
    pub doc_freq: Vec<u64>,
}

impl CorpusStats {
    /// Of no texts, for so many words.
    pub fn new(words: usize) -> CorpusStats {
        CorpusStats {
            documents: 0,
            total_length: 0,
            doc_freq: vec![0; words],
        }
    }

    /// Counts one text so many times: its length, and how often it holds each word.
    pub fn add(&mut self, times: u64, length: u32, counts: &[u32]) {
        self.documents += times;
        self.total_length += times * u64::from(length);
        for (holders, count) in self.doc_freq.iter_mut().zip(counts) {
            *holders += if *count > 0 { times } else { 0 };
        }
    }

    /// Counts other texts too.
    pub fn merge(&mut self, other: &CorpusStats) {
        self.documents = self.documents.saturating_add(other.documents);
        self.total_length = self.total_length.saturating_add(other.total_length);
        for (holders, others) in self.doc_freq.iter_mut().zip(&other.doc_freq) {
            *holders = holders.saturating_add(*others);
        }
    }

    /// What scores texts by these, as FTS5 does: a word of half of the texts or more counts for almost nothing.
    pub fn scorer(&self) -> Scorer {
        self.weighted(|odds| {
            let weight = odds.ln();
            // A word of most texts says little, but not the contrary.
            if weight <= 0.0 { 1e-6 } else { weight }
        })
    }

    /// What scores texts by these where there may be few of them: a word of most texts counts for little, as in
    /// Lucene, ln(1 + odds).
    pub fn scorer_of_few(&self) -> Scorer {
        self.weighted(f64::ln_1p)
    }

    /// `weight`: of a word, by the odds that a text does not hold it.
    fn weighted(&self, weight: impl Fn(f64) -> f64) -> Scorer {
        let weight = |holders: &u64| {
            let others = self.documents.saturating_sub(*holders) as f64;
            weight((others + 0.5) / (*holders as f64 + 0.5))
        };
        Scorer {
            average: self.total_length as f64 / self.documents as f64,
            weights: self.doc_freq.iter().map(weight).collect(),
        }
    }
}

/// Scores texts; the greater, the better.
#[derive(Debug)]
pub struct Scorer {
    average: f64,
    weights: Vec<f64>,
}

impl Scorer {
    /// The score of a text of this length that holds each word so many times.
    pub fn score(&self, length: u32, counts: &[u32]) -> f64 {
        let mut score = 0.0;
        for (weight, count) in self.weights.iter().zip(counts) {
            let count = f64::from(*count);
            let size = 1.0 - B + B * f64::from(length) / self.average;
            score += weight * ((count * (K1 + 1.0)) / (count + K1 * size));
        }
        score
    }

    /// Which share of the words a text holds, each by its weight: 0 to 1, 0 without words.
    pub fn share(&self, counts: &[u32]) -> f64 {
        let all: f64 = self.weights.iter().sum();
        let held = self.weights.iter().zip(counts);
        let held: f64 = held.filter(|(_, count)| **count > 0).map(|(w, _)| w).sum();
        if all > 0.0 { held / all } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SELECT bm25(t) FROM t WHERE t MATCH 'a OR b'` of FTS5 over 'a b', 'a a c d', 'c' and ''.
    #[test]
    fn scores_are_those_of_fts5() {
        let mut totals = CorpusStats::new(2);
        let texts = [(2, [1, 1]), (4, [2, 0]), (1, [0, 0]), (0, [0, 0])];
        for (length, counts) in &texts {
            totals.add(1, *length, counts);
        }
        let mut merged = CorpusStats::new(2);
        merged.merge(&totals);
        assert_eq!(merged, totals);
        let scorer = totals.scorer();
        let found = texts.map(|(length, counts)| scorer.score(length, &counts));
        let expected = [0.8005154877277878, 1.00983606557377e-6, 0.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn among_few_texts_each_word_counts() {
        let mut totals = CorpusStats::new(2);
        for counts in [[1, 1], [1, 0]] {
            totals.add(1, 4, &counts);
        }
        let scorer = totals.scorer_of_few();
        assert_eq!([scorer.share(&[2, 1]), scorer.share(&[0, 0])], [1.0, 0.0]);
        assert!(scorer.share(&[0, 1]) > 0.7);
        let (both, common) = (scorer.score(4, &[1, 1]), scorer.score(4, &[1, 0]));
        assert!(common > 0.1 && both > 3.0 * common, "{both} {common}");
    }
}
