//! How much memory the indexes of a database take, and each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that all indexes of a database take together, and those of one of them.
#[derive(Default)]
pub struct Account {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Account {
    /// That of another index.
    pub fn another(&self) -> Account {
        Account {
            all: Arc::clone(&self.all),
            own: 0,
        }
    }

    /// What all of them take.
    pub fn total(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Says what this one takes.
    pub fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.own) {
            Some(more) => self.all.fetch_add(more, Ordering::Relaxed),
            None => self.all.fetch_sub(self.own - bytes, Ordering::Relaxed),
        };
        self.own = bytes;
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.set(0);
    }
}
