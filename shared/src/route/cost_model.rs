//! Times: estimated from the work, corrected by what runs took, and remembered for each shape of statement.
//!
//! Deterministic: the same work and the same times, in the same order, give the same decisions.

use std::collections::HashMap;

use super::Engine;

/// Shapes that are remembered.
pub const SHAPES: usize = 256;

/// What is known of a statement before it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// Rows that SQLite visits.
    pub visited: f64,
    /// Rows that SQLite sorts.
    pub sorted: f64,
    /// Rows of the tables, each as often as it is read.
    pub scanned: f64,
    /// Joins, aggregates and the like: operators that DuckDB runs over the rows.
    pub operators: f64,
    /// Changes that have to be applied to the mirror first.
    pub pending: f64,
}

/// Nanoseconds, before any run has been seen.
const SQLITE_START: f64 = 3_000.0;
const SQLITE_ROW: f64 = 120.0;
const SQLITE_SORTED_ROW: f64 = 300.0;
const DUCKDB_START: f64 = 1_500_000.0;
const DUCKDB_ROW: f64 = 4.0;
const DUCKDB_OPERATOR_ROW: f64 = 2.0;
const DUCKDB_PENDING: f64 = 5_000.0;

/// How far one run moves the correction of all estimates, and the time of its shape.
const CORRECTION_STEP: f64 = 0.1;
const SHAPE_STEP: f64 = 0.4;

/// Without a run in the other engine, it must promise to be this much faster.
const PROMISE: f64 = 0.8;

/// An engine that lost gets another chance as its time fades by this for each run of the winner, until it ran so often.
const FADING: f64 = 0.97;
const CHANCES: u32 = 3;

/// The time of an estimate without corrections.
fn raw(engine: Engine, f: &Features) -> f64 {
    match engine {
        Engine::Sqlite => SQLITE_START + SQLITE_ROW * f.visited + SQLITE_SORTED_ROW * f.sorted,
        Engine::DuckDb => {
            DUCKDB_START
                + (DUCKDB_ROW + DUCKDB_OPERATOR_ROW * f.operators) * f.scanned
                + DUCKDB_PENDING * f.pending
        }
    }
}

/// What a shape took in one engine.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    runs: u32,
    nanoseconds: f64,
    /// The estimate then: times follow the tables as they grow.
    raw: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Shape {
    seen: [Option<Seen>; 2],
    used: u64,
}

/// All that was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    shapes: HashMap<String, Shape>,
    /// Corrections of the estimates, as logarithms.
    corrections: [f64; 2],
    clock: u64,
}

impl Default for Model {
    fn default() -> Self {
        Model {
            shapes: HashMap::new(),
            corrections: [0.0; 2],
            clock: 0,
        }
    }
}

/// A decision of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The engine that should be faster.
    pub engine: Engine,
    /// The time that it should take, in nanoseconds.
    pub nanoseconds: f64,
    /// The time that the other should take.
    pub other: f64,
    /// True if that is by earlier runs of the shape in the chosen engine.
    pub learnt: bool,
}

impl Model {
    /// The engine that should be faster.
    pub fn choose(&self, shape: &str, features: &Features) -> Choice {
        let seen = self.shapes.get(shape);
        let time = |engine: Engine| {
            let raw = raw(engine, features);
            match seen.and_then(|s| s.seen[engine as usize]) {
                Some(seen) => {
                    // Applying changes is no part of the shape.
                    let pending = match engine {
                        Engine::DuckDb => DUCKDB_PENDING * features.pending,
                        Engine::Sqlite => 0.0,
                    };
                    (
                        seen.nanoseconds * (raw - pending) / seen.raw + pending,
                        true,
                    )
                }
                None => (raw * self.corrections[engine as usize].exp(), false),
            }
        };
        let (sqlite, duckdb) = (time(Engine::Sqlite), time(Engine::DuckDb));
        // Who has not run has only promised.
        let promise = |of: (f64, bool), other: (f64, bool)| match (of.1, other.1) {
            (false, true) => of.0 / PROMISE,
            _ => of.0,
        };
        let duckdb_wins = promise(duckdb, sqlite) < promise(sqlite, duckdb);
        let (engine, own, other) = if duckdb_wins {
            (Engine::DuckDb, duckdb, sqlite)
        } else {
            (Engine::Sqlite, sqlite, duckdb)
        };
        Choice {
            engine,
            nanoseconds: own.0,
            other: other.0,
            learnt: own.1,
        }
    }

    /// The time that a statement of no known shape should take.
    pub fn estimate(&self, engine: Engine, features: &Features) -> f64 {
        raw(engine, features) * self.corrections[engine as usize].exp()
    }

    /// Learns what a run took.
    pub fn learn(&mut self, shape: &str, engine: Engine, features: &Features, nanoseconds: f64) {
        let work = Features {
            pending: 0.0,
            ..*features
        };
        let raw = raw(engine, &work);
        let ratio = (nanoseconds / raw).clamp(0.02, 50.0).ln();
        // Tiny runs say more of the clock than of the work.
        if nanoseconds > 100_000.0 {
            let correction = &mut self.corrections[engine as usize];
            *correction += CORRECTION_STEP * (ratio - *correction);
        }
        self.clock += 1;
        if !self.shapes.contains_key(shape) {
            self.forget_oldest();
        }
        let known = self.shapes.entry(shape.to_owned()).or_default();
        known.used = self.clock;
        let other = &mut known.seen[1 - engine as usize];
        if let Some(other) = other.as_mut().filter(|o| o.runs < CHANCES) {
            other.nanoseconds *= FADING;
        }
        let seen = &mut known.seen[engine as usize];
        *seen = Some(match *seen {
            None => Seen {
                runs: 1,
                nanoseconds,
                raw,
            },
            // The first run in an engine is slow for reasons of its own: cold pages, a table just copied.
            Some(old) if old.runs == 1 => Seen {
                runs: 2,
                nanoseconds: nanoseconds.min(old.nanoseconds * raw / old.raw),
                raw,
            },
            Some(old) => {
                let before = old.nanoseconds * raw / old.raw;
                Seen {
                    runs: old.runs.saturating_add(1),
                    nanoseconds: before + SHAPE_STEP * (nanoseconds - before),
                    raw,
                }
            }
        });
    }

    fn forget_oldest(&mut self) {
        if self.shapes.len() < SHAPES {
            return;
        }
        let oldest = self.shapes.iter().min_by_key(|(_, s)| s.used);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.shapes.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(rows: f64) -> Features {
        Features {
            visited: rows,
            sorted: 0.0,
            scanned: rows,
            operators: 1.0,
            pending: 0.0,
        }
    }

    #[test]
    fn big_scans_go_and_small_ones_stay() {
        let model = Model::default();
        assert_eq!(model.choose("s", &scan(1e6)).engine, Engine::DuckDb);
        assert_eq!(model.choose("s", &scan(1e3)).engine, Engine::Sqlite);
        let pending = Features {
            pending: 1e6,
            ..scan(1e6)
        };
        assert_eq!(model.choose("s", &pending).engine, Engine::Sqlite);
    }

    #[test]
    fn a_shape_that_is_slow_moves() {
        let mut model = Model::default();
        let cheap = scan(100.0);
        assert_eq!(model.choose("s", &cheap).engine, Engine::Sqlite);
        model.learn("s", Engine::Sqlite, &cheap, 80e6);
        assert_eq!(model.choose("s", &cheap).engine, Engine::DuckDb);
        assert_eq!(model.choose("other", &cheap).engine, Engine::Sqlite);
        model.learn("s", Engine::DuckDb, &cheap, 90e6);
        model.learn("s", Engine::DuckDb, &cheap, 90e6);
        model.learn("s", Engine::DuckDb, &cheap, 90e6);
        assert_eq!(model.choose("s", &cheap).engine, Engine::Sqlite);
    }

    #[test]
    fn one_unlucky_run_is_no_verdict() {
        let mut model = Model::default();
        let f = scan(1e5);
        model.learn("s", Engine::Sqlite, &f, 10e6);
        model.learn("s", Engine::DuckDb, &f, 12e6);
        assert_eq!(model.choose("s", &f).engine, Engine::Sqlite);
        for _ in 0..20 {
            model.learn("s", Engine::Sqlite, &f, 10e6);
        }
        assert_eq!(model.choose("s", &f).engine, Engine::DuckDb);
        for _ in 0..4 {
            model.learn("s", Engine::DuckDb, &f, 12e6);
        }
        for _ in 0..200 {
            model.learn("s", Engine::Sqlite, &f, 10e6);
        }
        assert_eq!(model.choose("s", &f).engine, Engine::Sqlite);
    }

    #[test]
    fn times_follow_the_size_of_the_tables() {
        let mut model = Model::default();
        model.learn("s", Engine::Sqlite, &scan(1e3), 0.1e6);
        model.learn("s", Engine::DuckDb, &scan(1e3), 2e6);
        assert_eq!(model.choose("s", &scan(1e3)).engine, Engine::Sqlite);
        assert_eq!(model.choose("s", &scan(1e7)).engine, Engine::DuckDb);
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut model = Model::default();
        for i in 0..2 * SHAPES {
            model.learn(&format!("s{i}"), Engine::Sqlite, &scan(10.0), 1e6);
        }
        assert_eq!(model.shapes.len(), SHAPES);
        assert!(!model.shapes.contains_key("s0"));
        assert!(model.shapes.contains_key(&format!("s{}", 2 * SHAPES - 1)));
    }
}
