//! All tests that need the built extensions or a host, one named trial each.

use libtest_mimic::Arguments;
use lumos_tests::{
    examples, fallible, guide, list, python, quickstart, rooms, script, slowest, symbols,
};

/// How many of the slowest trials are shown.
const SHOWN: usize = 20;

fn main() {
    let arguments = Arguments::from_args();
    // Those that take longest first, so that no core waits at the end.
    let groups = [
        python::trials(),
        symbols::trials(),
        list::trials(),
        rooms::trials(),
        fallible::trials(),
        examples::trials(),
        script::trials(),
        guide::trials(),
        quickstart::trials(),
    ];
    let done = libtest_mimic::run(&arguments, groups.into_iter().flatten().collect());
    if !arguments.list {
        eprint!("slowest:\n{}", slowest(SHOWN));
    }
    done.exit();
}
