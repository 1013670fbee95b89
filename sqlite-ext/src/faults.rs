//! Named steps at which a test ends the process or makes the call fail. They exist in a build with the feature
//! `faults` alone, which the tests load beside the real one; nothing else reads the environment.

/// Marks a step: `fault!("name")`. Nothing without the feature.
#[cfg(feature = "faults")]
macro_rules! fault {
    ($step:literal) => {
        crate::faults::reached($step)?
    };
}

/// Marks a step: `fault!("name")`. Nothing without the feature.
#[cfg(not(feature = "faults"))]
macro_rules! fault {
    ($step:literal) => {};
}

pub(crate) use fault;

/// With `LUMOS_FAULT="3 kill step"`, kills the process at the third time that the step is reached; with `error` for
/// `kill`, fails from then on.
#[cfg(feature = "faults")]
pub fn reached(step: &str) -> crate::error::Result<()> {
    use crate::locks::{Lock, Rank};
    static REACHED: Lock<(String, u64)> = Lock::new(Rank::Fault, (String::new(), 0));
    let Ok(wanted) = std::env::var("LUMOS_FAULT") else {
        return Ok(());
    };
    let words: Vec<&str> = wanted.splitn(3, ' ').collect();
    let [number, end, name] = words.as_slice() else {
        return Ok(());
    };
    if *name != step {
        return Ok(());
    }
    let mut reached = crate::locks::locked(&REACHED);
    if reached.0 != wanted {
        *reached = (wanted.clone(), 0);
    }
    reached.1 += 1;
    if number.parse().is_ok_and(|first: u64| reached.1 < first) {
        return Ok(());
    }
    if *end == "kill" {
        // SAFETY: plain calls; nothing runs afterwards.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    }
    // The trouble of no table, and of no other connection.
    Err(crate::error::Error {
        code: rusqlite::ffi::SQLITE_INTERNAL,
        ..crate::error::error(format!("the step {step} failed, as a test wanted"))
    })
}
