//! The order of memories for a question: words, those of neighbouring turns and of the whole session, names, then a
//! bounded band for retention, importance, activation and feedback.
//!
//! What is relevant is never buried: the band moves a score by 30 % at most, and nothing is left out for its age.
//! Measured on the turns of LoCoMo: see `tests/bench/README.md`.

use std::collections::{HashMap, HashSet};

use super::terms::likeness;
use crate::text::bm25::CorpusStats;

/// What a turn gets of the scores of those next to it and of those one further.
const NEIGHBOURS: [f64; 2] = [0.5, 0.25];

/// What a turn gets of the score of its session, which is one text then.
const SESSION: f64 = 1.0;

/// What a text gets that has all names of the question.
const NAMES: f64 = 2.0;

/// By how much retention, importance, activation and feedback move a score, each around its middle.
const BAND: [f64; 4] = [0.15, 0.10, 0.05, 0.10];

/// The least and the greatest factor of all of them.
const BOUNDS: (f64, f64) = (0.70, 1.30);

/// A memory that may be found.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub id: i64,
    /// The session and its place there, if it is of one.
    pub turn: Option<(String, i64)>,
    /// The length of its text.
    pub length: u32,
    /// How often it holds each word of the question.
    pub counts: Vec<u32>,
    /// Which share of the question's names it has, 0 to 1.
    pub names: f64,
    /// The cosine of its embedding to the question's, if both have one.
    pub near: Option<f64>,
    /// 1 if it is of a time that the question names, see [`super::times::Times::share`].
    pub time: f64,
    /// The hash of its normal text, see [`super::row::hash`].
    pub hash: i64,
    /// What its text is about, see [`super::terms::Terms::telling`].
    pub telling: Vec<u32>,
    /// Retention, importance, activation and feedback, each 0 to 1; the first is 1 for what does not fade.
    pub standing: [f64; 4],
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// At most so many.
    pub k: usize,
    /// Scores from this on.
    pub min_score: f64,
    /// Texts that hold at least this share of the question's words, each by how rare it is, or stand beside one that does.
    pub min_coverage: f64,
    /// How much retention counts: 0 not at all, 1 as it is meant.
    pub decay: f64,
    /// 0: the best; up to 1: those that differ most from the ones before.
    pub diversity: f64,
    /// The shares of words and of embeddings, together 1, and what the time adds.
    pub weights: [f64; 3],
    /// How many of the nearest embeddings are near.
    pub pool: usize,
}

/// A memory found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its place among the candidates.
    pub at: usize,
    /// The sum of the next two, by their shares with the embedding, and the time, times the factor.
    pub score: f64,
    /// What the words say, of all candidates' best 0 to 1.
    pub words: f64,
    /// What the names add.
    pub names: f64,
    /// How near its embedding is and those of neighbouring turns are, of all candidates' best 0 to 1.
    pub vector: Option<f64>,
    /// What the time adds.
    pub time: f64,
    /// What retention, importance, activation and feedback make of it, 0.7 to 1.3.
    pub factor: f64,
}

/// The best candidates. `corpus` is of all texts of the scope, `sessions` the lengths of sessions.
pub fn rank(
    candidates: &[Candidate],
    corpus: &CorpusStats,
    sessions: &HashMap<String, u64>,
    wanted: &Wanted,
) -> Vec<Found> {
    let words = words(candidates, corpus, sessions);
    let raw: Vec<(f64, f64)> = candidates
        .iter()
        .zip(words)
        .map(|(c, words)| (words, NAMES * c.names))
        .collect();
    let best = raw
        .iter()
        .map(|(words, names)| words + names)
        .fold(0.0, f64::max);
    let vectors = vectors(candidates, wanted.pool);
    let shares = if wanted.min_coverage > 0.0 {
        shares(candidates, corpus)
    } else {
        vec![1.0; candidates.len()]
    };
    let mut found: Vec<Found> = Vec::new();
    for (at, (words, names)) in raw.iter().enumerate() {
        let candidate = &candidates[at];
        let (vector, near) = vectors[at];
        // A name alone is no answer, but where the question is nothing else.
        let no_words = *words <= 0.0 || shares[at] < wanted.min_coverage;
        if no_words && !near {
            continue;
        }
        let factor = factor(&candidate.standing, wanted.decay);
        let (words, names) = if no_words {
            (0.0, 0.0)
        } else {
            (words / best, names / best)
        };
        let relevance = match vector {
            // No memory has a word of the question, if that has one.
            Some(vector) if best <= 0.0 => vector,
            Some(vector) => wanted.weights[0] * (words + names) + wanted.weights[1] * vector,
            None => words + names,
        };
        let time = wanted.weights[2] * candidate.time;
        let score = (relevance + time) * factor;
        if score >= wanted.min_score {
            found.push(Found {
                at,
                score,
                words,
                names,
                vector,
                time,
                factor,
            });
        }
    }
    found.sort_by(|a, b| {
        let ids = candidates[a.at].id.cmp(&candidates[b.at].id);
        b.score.total_cmp(&a.score).then(ids)
    });
    chosen(candidates, found, wanted)
}

/// How near each candidate's embedding is, with a share of those of neighbouring turns: 1 for the nearest, 0 for what is
/// behind the pool and stands beside nothing near. `None` without an embedding. And whether it is near at all.
fn vectors(candidates: &[Candidate], pool: usize) -> Vec<(Option<f64>, bool)> {
    let mut all: Vec<f64> = candidates.iter().filter_map(|c| c.near).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.truncate(pool);
    let least = all.last().copied().unwrap_or(0.0);
    let range = all.first().copied().unwrap_or(0.0) - least;
    let share = |near: f64| {
        if range > 0.0 {
            ((near - least) / range).clamp(0.0, 1.0)
        } else {
            f64::from(u8::from(near >= least))
        }
    };
    let mut turns: HashMap<(&str, i64), f64> = HashMap::new();
    for candidate in candidates {
        if let (Some((session, turn)), Some(near)) = (&candidate.turn, candidate.near) {
            turns.insert((session, *turn), share(near));
        }
    }
    let smooth = |candidate: &Candidate, near: f64| {
        let beside = candidate
            .turn
            .as_ref()
            .map(|(session, turn)| beside(&turns, session, *turn));
        share(near) + beside.unwrap_or(0.0)
    };
    let smoothed: Vec<Option<f64>> = candidates
        .iter()
        .map(|c| c.near.map(|near| smooth(c, near)))
        .collect();
    let most = smoothed.iter().flatten().copied().fold(0.0, f64::max);
    let found = |(candidate, vector): (&Candidate, Option<f64>)| {
        let vector = vector.map(|vector| if most > 0.0 { vector / most } else { 1.0 });
        let near = candidate.near.is_some_and(|near| near >= least) || vector > Some(0.0);
        (vector, near)
    };
    candidates.iter().zip(smoothed).map(found).collect()
}

/// What a turn gets of the scores of the turns beside it.
fn beside(turns: &HashMap<(&str, i64), f64>, session: &str, turn: i64) -> f64 {
    let mut sum = 0.0;
    for (share, distance) in NEIGHBOURS.iter().zip(1..) {
        for next in [turn.checked_sub(distance), turn.checked_add(distance)]
            .into_iter()
            .flatten()
        {
            sum += share * turns.get(&(session, next)).unwrap_or(&0.0);
        }
    }
    sum
}

/// Which share of the question's words each candidate holds, or the one of the turns beside it that holds most.
fn shares(candidates: &[Candidate], corpus: &CorpusStats) -> Vec<f64> {
    let scorer = corpus.scorer_of_few();
    let own: Vec<f64> = candidates.iter().map(|c| scorer.share(&c.counts)).collect();
    let mut turns: HashMap<(&str, i64), f64> = HashMap::new();
    for (candidate, own) in candidates.iter().zip(&own) {
        if let Some((session, turn)) = &candidate.turn {
            turns.insert((session, *turn), *own);
        }
    }
    let most = |(candidate, own): (&Candidate, &f64)| {
        let Some((session, turn)) = &candidate.turn else {
            return *own;
        };
        let beside = [-2, -1, 1, 2].iter().filter_map(|d| {
            let next = turn.checked_add(*d)?;
            turns.get(&(session.as_str(), next))
        });
        beside.fold(*own, |most, share| most.max(*share))
    };
    candidates.iter().zip(&own).map(most).collect()
}

/// The score by words of each candidate.
fn words(
    candidates: &[Candidate],
    corpus: &CorpusStats,
    sessions: &HashMap<String, u64>,
) -> Vec<f64> {
    let scorer = corpus.scorer_of_few();
    let own: Vec<f64> = candidates
        .iter()
        .map(|c| scorer.score(c.length, &c.counts))
        .collect();
    let mut turns: HashMap<(&str, i64), f64> = HashMap::new();
    let mut counts: HashMap<&str, Vec<u32>> = HashMap::new();
    for (candidate, own) in candidates.iter().zip(&own) {
        let Some((session, turn)) = &candidate.turn else {
            continue;
        };
        turns.insert((session, *turn), *own);
        if *own > 0.0 {
            let sum = counts
                .entry(session)
                .or_insert_with(|| vec![0; candidate.counts.len()]);
            sum.iter_mut()
                .zip(&candidate.counts)
                .for_each(|(sum, count)| *sum += count);
        }
    }
    let whole = of_sessions(&counts, corpus, sessions);
    let score = |(candidate, own): (&Candidate, f64)| {
        let Some((session, turn)) = &candidate.turn else {
            return own;
        };
        let session_score = SESSION * whole.get(session.as_str()).unwrap_or(&0.0);
        own + session_score + beside(&turns, session, *turn)
    };
    // Without a word in its neighbourhood a turn has nothing but its session, like all others of it.
    let near = |(candidate, own): (&Candidate, &f64)| {
        *own > 0.0
            || candidate.turn.as_ref().is_some_and(|(session, turn)| {
                [-2, -1, 1, 2].iter().any(|d| {
                    let next = turn.checked_add(*d);
                    next.and_then(|next| turns.get(&(session.as_str(), next)))
                        .is_some_and(|s| *s > 0.0)
                })
            })
    };
    candidates
        .iter()
        .zip(&own)
        .map(|(c, own)| {
            if near((c, own)) {
                score((c, *own))
            } else {
                0.0
            }
        })
        .collect()
}

/// BM25 of whole sessions, of those that have a word of the question.
fn of_sessions<'a>(
    counts: &HashMap<&'a str, Vec<u32>>,
    corpus: &CorpusStats,
    sessions: &HashMap<String, u64>,
) -> HashMap<&'a str, f64> {
    let length = |session: &str| {
        let length = sessions.get(session).copied().unwrap_or(0);
        length.min(u64::from(u32::MAX)) as u32
    };
    let mut stats = CorpusStats::new(corpus.doc_freq.len());
    for (session, counts) in counts {
        stats.add(1, length(session), counts);
    }
    let scorer = stats.scorer_of_few();
    let score = |(session, counts): (&&'a str, &Vec<u32>)| {
        (*session, scorer.score(length(session), counts))
    };
    counts.iter().map(score).collect()
}

fn factor(standing: &[f64; 4], decay: f64) -> f64 {
    let [retention, importance, activation, feedback] = *standing;
    let factor = 1.0
        + decay * BAND[0] * (retention - 1.0)
        + BAND[1] * (2.0 * importance - 1.0)
        + BAND[2] * (2.0 * activation - 1.0)
        + BAND[3] * (2.0 * feedback - 1.0);
    factor.clamp(BOUNDS.0, BOUNDS.1)
}

/// The best `k`, of texts that are the same the best alone: a "not" more, or "C++" for "C", makes another. With diversity each is
/// the best of what is left, less what it is like the ones before (maximal marginal relevance).
fn chosen(candidates: &[Candidate], mut found: Vec<Found>, wanted: &Wanted) -> Vec<Found> {
    let mut seen = HashSet::new();
    found.retain(|found| seen.insert(candidates[found.at].hash));
    if wanted.diversity <= 0.0 {
        found.truncate(wanted.k);
        return found;
    }
    found.truncate(wanted.k.saturating_mul(5).max(50));
    let mut left: Vec<(Found, f64)> = found.into_iter().map(|found| (found, 0.0)).collect();
    let mut taken: Vec<Found> = Vec::new();
    while taken.len() < wanted.k && !left.is_empty() {
        let value = |(found, like): &(Found, f64)| {
            (1.0 - wanted.diversity) * found.score - wanted.diversity * like
        };
        let better = |a: usize, b: usize| {
            if value(&left[b]) > value(&left[a]) {
                b
            } else {
                a
            }
        };
        let best = (0..left.len()).reduce(better).unwrap_or(0);
        let (found, _) = left.remove(best);
        let terms = &candidates[found.at].telling;
        for (other, like) in &mut left {
            *like = like.max(likeness(&candidates[other.at].telling, terms));
        }
        taken.push(found);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::terms::{Terms, query_hashes};
    use super::*;

    fn candidate(id: i64, text: &str, turn: Option<(&str, i64)>, question: &str) -> Candidate {
        let terms = Terms::of(text);
        Candidate {
            id,
            turn: turn.map(|(session, turn)| (session.into(), turn)),
            length: terms.length,
            counts: terms.counts(&query_hashes(question)),
            names: 0.0,
            near: None,
            time: 0.0,
            hash: super::super::row::hash(text, None),
            telling: terms.telling,
            standing: [1.0, 0.5, 0.5, 0.5],
        }
    }

    const ALL: Wanted = Wanted {
        k: 10,
        min_score: 0.0,
        min_coverage: 0.0,
        decay: 1.0,
        diversity: 0.0,
        weights: [0.65, 0.35, 0.4],
        pool: 100,
    };

    fn found(candidates: &[Candidate], wanted: &Wanted) -> Vec<i64> {
        let mut corpus = CorpusStats::new(candidates.first().map_or(0, |c| c.counts.len()));
        let mut sessions = HashMap::new();
        for c in candidates {
            corpus.add(1, c.length, &c.counts);
            if let Some((session, _)) = &c.turn {
                *sessions.entry(session.clone()).or_insert(0) += u64::from(c.length);
            }
        }
        // Texts of others, so that no word is in half of them.
        corpus.documents += 50;
        corpus.total_length += 300;
        let found = rank(candidates, &corpus, &sessions, wanted);
        assert!(found.is_sorted_by(|a, b| a.score >= b.score) || wanted.diversity > 0.0);
        assert!(found.iter().all(|f| (0.0..=1.3 * 1.4).contains(&f.score)));
        found.iter().map(|f| candidates[f.at].id).collect()
    }

    #[test]
    fn an_answer_is_found_by_the_question_before_it() {
        let question = "which instrument does she play";
        let turns = [
            candidate(1, "Which instrument do you play?", Some(("a", 1)), question),
            candidate(2, "The violin", Some(("a", 2)), question),
            candidate(3, "Nice weather", Some(("a", 9)), question),
            candidate(4, "The violin", Some(("b", 2)), question),
        ];
        assert_eq!(found(&turns, &ALL), [1, 2]);
    }

    #[test]
    fn age_moves_but_never_hides() {
        let question = "violin concert";
        let mut memories = vec![
            candidate(1, "violin concert in Vienna", None, question),
            candidate(2, "a concert of rock music there", None, question),
        ];
        memories[0].standing = [0.0, 0.0, 0.0, 0.0];
        memories[1].standing = [1.0; 4];
        assert_eq!(found(&memories, &ALL), [1, 2]);
        // Of two that say the same, the fresher.
        let mut same = vec![
            candidate(1, "violin concert in Vienna", None, question),
            candidate(2, "violin concert in Rome", None, question),
        ];
        same[0].standing[0] = 0.3;
        assert_eq!(found(&same, &ALL), [2, 1]);
        assert_eq!(found(&same, &Wanted { decay: 0.0, ..ALL }), [1, 2]);
    }

    #[test]
    fn embeddings_find_what_has_no_word() {
        let question = "violin";
        let mut memories = vec![
            candidate(1, "violin concert", None, question),
            candidate(2, "she fiddles", None, question),
            candidate(3, "grey weather", None, question),
            candidate(4, "no embedding of a violin", None, question),
        ];
        for (memory, near) in memories.iter_mut().zip([0.8, 0.9, 0.1]) {
            memory.near = Some(near);
        }
        assert_eq!(found(&memories, &ALL), [1, 4, 2, 3]);
        let wanted = Wanted {
            weights: [0.0, 1.0, 0.4],
            ..ALL
        };
        assert_eq!(found(&memories, &wanted), [2, 1, 4, 3]);
        // What is behind the pool is found by its words alone.
        let near = Wanted { pool: 1, ..ALL };
        assert_eq!(found(&memories, &near), [4, 1, 2]);
        let turn = |text: &str, turn, near| Candidate {
            near: Some(near),
            ..candidate(turn, text, Some(("a", turn)), question)
        };
        // Beside what is near, as beside what has the words.
        let turns = [
            turn("a fiddle?", 1, 0.9),
            turn("Since I was six", 2, 0.1),
            turn("Nice weather", 7, 0.1),
        ];
        let near = Wanted { pool: 1, ..ALL };
        assert_eq!(found(&turns, &near), [1, 2]);
    }

    #[test]
    fn a_time_moves_but_finds_nothing_by_itself() {
        let question = "violin";
        let mut memories = vec![
            candidate(1, "violin concert", None, question),
            candidate(2, "violin concert in Rome", None, question),
            candidate(3, "grey weather", None, question),
        ];
        memories[1].time = 1.0;
        memories[2].time = 1.0;
        assert_eq!(found(&memories, &ALL), [2, 1]);
    }

    #[test]
    fn what_is_the_same_comes_once() {
        let question = "violin";
        let memories = [
            candidate(1, "She plays the violin", None, question),
            candidate(2, "she plays the VIOLIN!", None, question),
            candidate(3, "She does not play the violin", None, question),
        ];
        assert_eq!(found(&memories, &ALL), [1, 3]);
    }

    #[test]
    fn a_common_word_alone_is_no_answer() {
        let question = "which violin does Ann play";
        let mut memories = vec![
            candidate(1, "Ann has a violin to play", None, question),
            candidate(2, "Ann likes tea", None, question),
            candidate(3, "Ann likes rice", Some(("a", 1)), question),
            candidate(4, "What violin?", Some(("a", 2)), question),
            candidate(5, "So Ann said", Some(("a", 3)), question),
        ];
        assert_eq!(found(&memories, &ALL).len(), 5);
        let wanted = Wanted {
            min_coverage: 0.3,
            ..ALL
        };
        assert_eq!(found(&memories, &wanted), [1, 4, 3, 5]);
        assert_eq!(
            found(
                &memories,
                &Wanted {
                    min_coverage: 0.9,
                    ..ALL
                }
            ),
            [1]
        );
        // What is near by its embedding is found by that.
        memories[1].near = Some(0.9);
        assert!(found(&memories, &wanted).contains(&2));
    }

    #[test]
    fn diversity_prefers_what_differs() {
        let question = "violin lesson";
        let memories = [
            candidate(1, "violin lesson Monday", None, question),
            candidate(2, "violin lesson Tuesday", None, question),
            candidate(3, "violin shop in town there", None, question),
        ];
        assert_eq!(found(&memories, &ALL), [1, 2, 3]);
        assert_eq!(
            found(
                &memories,
                &Wanted {
                    diversity: 0.8,
                    ..ALL
                }
            ),
            [1, 3, 2]
        );
        assert_eq!(found(&memories, &Wanted { k: 1, ..ALL }), [1]);
        for nothing in [
            Wanted { k: 0, ..ALL },
            Wanted {
                min_score: 2.0,
                ..ALL
            },
        ] {
            assert!(found(&memories, &nothing).is_empty());
        }
        assert!(found(&[], &ALL).is_empty());
    }
}
