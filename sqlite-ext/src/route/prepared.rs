//! Statements of the host that are kept between calls, with what is known of them.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::rc::Rc;

use rusqlite::ffi;

use crate::error::Result;
use crate::host::statement::HostStatement;
use crate::query::names::distinct;
use crate::route::Router;
use crate::route::analysis::Analysis;

/// Statements that are kept, the last used first.
const KEPT: usize = 64;

/// Of a look-up by key, one run in so many is timed: looking at the clock takes a part of its time.
const TIMED_POINT: u32 = 32;

/// A prepared statement.
pub struct Prepared {
    /// For the host.
    pub statement: HostStatement,
    /// For the router.
    pub analysis: Analysis,
    /// The names of the columns, each once.
    pub names: Rc<[String]>,
    /// The host's schema when it was last decided where to run it.
    pub schema_version: Option<i64>,
    reprepared: c_int,
    runs: u32,
}

impl Prepared {
    /// Prepares a statement.
    ///
    /// # Safety
    /// `db` is the host's open connection, on whose thread we are, and outlives the result.
    pub unsafe fn new(db: *mut ffi::sqlite3, sql: &str, router: &Router) -> Result<Box<Prepared>> {
        let mut analysis = Analysis::new(sql)?;
        // SAFETY: by contract.
        let statement = unsafe { HostStatement::prepare(db, sql)? };
        analysis.point = router.is_point(&analysis.shape);
        analysis.settled = analysis.point;
        Ok(Box::new(Prepared {
            names: names(&statement),
            reprepared: statement.reprepared(),
            schema_version: None,
            runs: 0,
            statement,
            analysis,
        }))
    }

    /// True if the next run is to be timed.
    pub fn is_timed(&mut self) -> bool {
        self.runs = self.runs.wrapping_add(1);
        !self.analysis.point || self.runs % TIMED_POINT == 1
    }

    /// After a step: if the host has seen another schema, `*` may be other columns, and an index may be gone.
    pub fn look_at_schema(&mut self, router: &Router) {
        let reprepared = self.statement.reprepared();
        if reprepared != self.reprepared {
            self.reprepared = reprepared;
            self.names = names(&self.statement);
            self.analysis.forget();
            router.unsettle(&mut self.analysis);
        }
    }
}

fn names(statement: &HostStatement) -> Rc<[String]> {
    let names = (0..statement.columns()).map(|i| statement.name(i));
    distinct(names.collect()).into()
}

/// The statements that no cursor has.
#[derive(Default)]
pub struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "the last used goes to the front at the cost of pointers"
    )]
    idle: RefCell<Vec<Box<Prepared>>>,
    /// How often a statement was planned that reads `lumos_auto`.
    plans: Cell<u64>,
}

impl Pool {
    /// Counts a plan of a statement that reads `lumos_auto`. One that is run by `lumos_auto` itself must not be kept: SQLite
    /// disconnects a table after the last statement that reads it, and the table has the statements that are kept.
    pub fn count_plan(&self) {
        self.plans.set(self.plans.get().wrapping_add(1));
    }

    /// The number of plans so far.
    pub fn plans(&self) -> u64 {
        self.plans.get()
    }

    /// The statement with this text; nobody else gets it until it is given back.
    pub fn take(&self, sql: &str) -> Option<Box<Prepared>> {
        let mut idle = self.idle.borrow_mut();
        let i = idle.iter().position(|p| p.analysis.sql() == sql)?;
        Some(idle.remove(i))
    }

    /// Keeps a statement that was reset.
    pub fn give_back(&self, prepared: Box<Prepared>) {
        let mut idle = self.idle.borrow_mut();
        idle.truncate(KEPT - 1);
        idle.insert(0, prepared);
    }
}
