//! Which engine runs a statement: brings the pure decisions of `lumos_core::route` together with the plan of SQLite,
//! the sizes of the mirror, its freshness, and what earlier runs took.

pub mod analysis;
pub mod auto;
pub mod catalog;
pub mod explain;
pub mod prepared;
pub mod result_rows;
pub mod values;

use std::collections::HashSet;
use std::sync::Arc;

use lumos_core::route::ast::Literal;
use lumos_core::route::cost_model::{Features, Model, SHAPES};
use lumos_core::route::sqlite_plan::{self, Node, Work};
use lumos_core::route::{Catalog, Engine, Translation};
use rusqlite::{Connection, OptionalExtension, TransactionState, ffi};

use crate::error::{Result, error};
use crate::locks::{Lock, Rank, locked};
use crate::route::analysis::Analysis;
use crate::route::result_rows::{Outcome, ResultRows};
use crate::session::{Attached, Session};
use crate::sync::{self, SyncContext, schema};

/// After a mirror could not be attached, this many statements go to SQLite before the next try.
const ATTACH_PAUSE: u32 = 256;

/// A run of SQLite that takes longer than this is worth a decision.
pub const QUICK: f64 = 300_000.0;

/// A decision, with what led to it.
pub struct Decision {
    /// Where to run it.
    pub engine: Engine,
    /// Why.
    pub reason: String,
    /// Rows that the engine reads.
    pub rows: f64,
    /// The time that it should take.
    pub nanoseconds: f64,
    /// The time that it should take in the other engine.
    pub other: f64,
    /// What to learn from the run with.
    pub features: Features,
    /// For DuckDB.
    translation: Option<Arc<Translation>>,
}

/// The router of a connection.
pub struct Router {
    session: Arc<Session>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    model: Model,
    /// The mirrored tables, as the mirror was in this generation and the host's schema in this version, at this
    /// position.
    loaded: Option<((u64, i64), i64, Arc<Catalog>)>,
    /// Shapes that are look-ups by key.
    points: HashSet<String>,
    not_attached: Option<(u32, String)>,
}

impl Router {
    /// A router that has learnt nothing.
    pub fn new(session: &Arc<Session>) -> Arc<Router> {
        Arc::new(Router {
            session: Arc::clone(session),
            state: Lock::new(Rank::Router, State::default()),
        })
    }

    /// The connection that statements run on.
    pub fn connection(&self) -> Result<Connection> {
        self.session.connection()
    }

    /// True for a shape that is known to be a look-up by key.
    pub fn is_point(&self, shape: &str) -> bool {
        locked(&self.state).points.contains(shape)
    }

    /// Asks again the next time, since a statement that was thought quick is not, or the schema is another.
    pub fn unsettle(&self, analysis: &mut Analysis) {
        locked(&self.state).points.remove(&analysis.shape);
        (analysis.point, analysis.settled) = (false, false);
    }

    /// Decides where a statement runs. One that is `measured` is brought to DuckDB whatever the times are.
    pub fn decide(
        &self,
        analysis: &mut Analysis,
        params: &[Literal],
        measured: bool,
    ) -> Result<Decision> {
        let connection = self.connection()?;
        let refused = match &analysis.statement {
            Err(refusal) => Some(refusal.0.clone()),
            Ok(_) => None,
        };
        let nodes = match &analysis.nodes {
            Some(nodes) => nodes,
            None => analysis
                .nodes
                .insert(catalog::plan(&connection, analysis.sql())?),
        };
        let mut state = locked(&self.state);
        let loaded = state
            .loaded
            .as_ref()
            .map(|(_, _, catalog)| Arc::clone(catalog));
        let work = work(&connection, nodes, loaded.as_deref(), None);
        if let Some(reason) = refused {
            return Ok(in_sqlite(&state.model, reason, work));
        }
        if work.point && !measured {
            (analysis.point, analysis.settled) = (true, true);
            if state.points.len() >= SHAPES {
                state.points.clear();
            }
            state.points.insert(analysis.shape.clone());
            return Ok(in_sqlite(
                &state.model,
                "every table is read by a key",
                work,
            ));
        }
        if !schema::has_changelog(&connection)? {
            return Ok(in_sqlite(&state.model, "no table is tracked", work));
        }
        let attached = match self.attach(&mut state) {
            Ok(attached) => attached,
            Err(reason) => return Ok(in_sqlite(&state.model, reason, work)),
        };
        let (generation, pending, catalog) = match self.load(&mut state, &connection, &attached) {
            Ok(loaded) => loaded,
            Err(e) => {
                let reason = format!("the mirror cannot be used: {}", e.message);
                return Ok(in_sqlite(&state.model, reason, work));
            }
        };
        let translation = match analysis.translate(generation, params, &catalog) {
            Ok(translation) => translation,
            Err(refusal) => {
                return Ok(in_sqlite(&state.model, refusal.0, work));
            }
        };
        let nodes = analysis.nodes.as_deref().unwrap_or_default();
        let work = self::work(&connection, nodes, Some(&catalog), Some(&translation));
        let scanned = translation
            .tables
            .iter()
            .filter_map(|(_, name)| catalog.table(name))
            .map(|t| t.rows as f64)
            .sum();
        let features = Features {
            visited: work.rows,
            sorted: work.sorted,
            scanned,
            operators: (translation.tables.len() - 1 + translation.aggregates) as f64,
            pending: pending as f64,
        };
        if pending > 0 && !attached.freshness.auto_sync {
            let reason = "changes are pending, and auto_sync is off";
            return Ok(in_sqlite(&state.model, reason, work));
        }
        let writing = connection.transaction_state(Some("main"))? == TransactionState::Write;
        if pending > 0 && writing {
            let reason =
                "this transaction has written, and the mirror holds committed changes only";
            return Ok(in_sqlite(&state.model, reason, work));
        }
        let choice = state.model.choose(&analysis.shape, &features);
        let basis = if choice.learnt {
            "by earlier runs"
        } else {
            "by estimate"
        };
        let faster = choice.other / choice.nanoseconds;
        let reason = match choice.engine {
            Engine::Sqlite if pending as f64 > scanned / 2.0 => {
                format!("{pending} changes would have to be applied to the mirror first")
            }
            engine => format!("{basis}, {} is {faster:.1} times as fast", engine.title()),
        };
        Ok(Decision {
            engine: choice.engine,
            reason,
            rows: match choice.engine {
                Engine::Sqlite => work.rows,
                Engine::DuckDb => scanned,
            },
            nanoseconds: choice.nanoseconds,
            other: choice.other,
            features,
            translation: Some(translation),
        })
    }

    /// Learns what a run took.
    pub fn learn(
        &self,
        analysis: &Analysis,
        engine: Engine,
        features: &Features,
        nanoseconds: f64,
    ) {
        locked(&self.state)
            .model
            .learn(&analysis.shape, engine, features, nanoseconds);
    }

    fn attach(&self, state: &mut State) -> std::result::Result<Attached, String> {
        if let Some((pause, reason)) = &mut state.not_attached
            && *pause > 0
        {
            *pause -= 1;
            return Err(reason.clone());
        }
        match self.session.attached_now() {
            Ok(attached) => {
                state.not_attached = None;
                Ok(attached)
            }
            Err(e) => {
                let reason = format!("the mirror is not at hand: {}", e.message);
                state.not_attached = Some((ATTACH_PAUSE, reason.clone()));
                Err(reason)
            }
        }
    }

    /// The mirror's generation, the changes to apply, and its tables.
    fn load(
        &self,
        state: &mut State,
        connection: &Connection,
        attached: &Attached,
    ) -> Result<(u64, i64, Arc<Catalog>)> {
        let schema = schema::schema_version(connection)?;
        let followed = state
            .loaded
            .as_ref()
            .is_some_and(|((_, of), ..)| *of == schema);
        let writing = connection.transaction_state(Some("main"))? == TransactionState::Write;
        if !followed && !writing && attached.freshness.auto_sync {
            // The mirror follows the schema first: a table that was altered has other columns there.
            sync::sync(&SyncContext::of(attached, connection))?;
        }
        let seq = last_seq(connection)?;
        // Nobody applies changes while we look.
        let Some(mut entered) = attached.mirror.enter(connection, attached.deadline)? else {
            return Err(error("the mirror is being written"));
        };
        let generation = attached.mirror.generation();
        let pending = entered
            .applied()
            .as_ref()
            .map_or(0, |a| (seq - a.seq).max(0));
        let version = (generation, schema);
        if let Some((of, at, catalog)) = &state.loaded
            && *of == version
            && (seq - at).abs()
                <= 1_000 + catalog.tables.iter().map(|t| t.rows as i64).sum::<i64>() / 8
        {
            return Ok((generation, pending, Arc::clone(catalog)));
        }
        let duckdb = attached.mirror.connection()?;
        let catalog = Arc::new(catalog::read(connection, &duckdb)?);
        attached.mirror.give_back(duckdb);
        state.loaded = Some((version, seq, Arc::clone(&catalog)));
        Ok((generation, pending, catalog))
    }

    /// Runs a statement in DuckDB as it was decided, or says why SQLite has to.
    pub fn run(
        &self,
        analysis: &mut Analysis,
        params: &[Literal],
        decision: &Decision,
    ) -> Result<Outcome> {
        let session = &self.session;
        session.in_turn(|| self.run_attached(analysis, params, decision))
    }

    fn run_attached(
        &self,
        analysis: &mut Analysis,
        params: &[Literal],
        decision: &Decision,
    ) -> Result<Outcome> {
        let Some(mut translation) = decision.translation.clone() else {
            return Ok(Outcome::Declined(decision.reason.clone()));
        };
        let connection = self.connection()?;
        let attached = self.session.attached()?;
        if let Some(reason) =
            catalog::in_the_way(&connection, &translation.tables, &translation.functions)?
        {
            return Ok(Outcome::Declined(reason));
        }
        if attached.freshness.auto_sync {
            match sync::sync(&SyncContext::of(&attached, &connection)) {
                Ok(_) => {}
                Err(e) if e.code == ffi::SQLITE_INTERRUPT => return Err(e),
                Err(e) => {
                    return Ok(Outcome::Declined(format!(
                        "the mirror cannot be brought up to date: {}",
                        e.message
                    )));
                }
            }
        }
        let (generation, pending, catalog) =
            self.load(&mut locked(&self.state), &connection, &attached)?;
        if pending > 0 {
            return Ok(Outcome::Declined("changes are pending".into()));
        }
        // Tables that were copied anew may have other types.
        match analysis.translate(generation, params, &catalog) {
            Ok(anew) => translation = anew,
            Err(refusal) => return Ok(Outcome::Declined(refusal.0)),
        }
        let before = self.state_of(&connection, &attached)?;
        if !before.same {
            return Ok(Outcome::Declined(
                "another connection of the process has applied later changes".into(),
            ));
        }
        let outcome = ResultRows::start(&connection, &attached.mirror, &translation)?;
        let after = self.state_of(&connection, &attached)?;
        if before.generation == generation && after == before {
            Ok(outcome)
        } else {
            Ok(Outcome::Declined(
                "another connection of the process changed the mirror meanwhile".into(),
            ))
        }
    }

    fn state_of(&self, connection: &Connection, attached: &Attached) -> Result<MirrorState> {
        let seq = last_seq(connection)?;
        let entered = attached.mirror.enter(connection, attached.deadline)?;
        let applied = entered.and_then(|mut e| e.applied().as_ref().map(|a| a.seq));
        Ok(MirrorState {
            generation: attached.mirror.generation(),
            applied,
            same: applied == Some(seq),
        })
    }
}

/// What must not change while a statement starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MirrorState {
    generation: u64,
    applied: Option<i64>,
    /// The mirror equals what this connection sees.
    same: bool,
}

/// The number of the changelog's last row, as this connection sees it.
fn last_seq(connection: &Connection) -> Result<i64> {
    // Without functions, which may be the application's.
    let last = "SELECT seq FROM main._lumos_log ORDER BY seq DESC LIMIT 1";
    let seq = connection
        .query_row(last, [], |row| row.get(0))
        .optional()?;
    Ok(seq.unwrap_or(0))
}

fn in_sqlite(model: &Model, reason: impl Into<String>, work: Work) -> Decision {
    let features = Features {
        visited: work.rows,
        sorted: work.sorted,
        scanned: 0.0,
        operators: 0.0,
        pending: 0.0,
    };
    Decision {
        engine: Engine::Sqlite,
        reason: reason.into(),
        rows: work.rows,
        nanoseconds: model.estimate(Engine::Sqlite, &features),
        other: f64::INFINITY,
        features,
        translation: None,
    }
}

fn work(
    connection: &Connection,
    nodes: &[Node],
    catalog: Option<&Catalog>,
    translation: Option<&Translation>,
) -> Work {
    let rows = |name: &str| {
        let aliases = translation.map_or(&[][..], |t| &t.tables);
        let table = aliases
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name))
            .map_or(name, |(_, table)| table);
        Some(catalog?.table(table)?.rows as f64)
    };
    let per_value =
        |index: &str, columns: usize| catalog::rows_per_value(connection, index, columns);
    sqlite_plan::work(nodes, &rows, &per_value)
}
