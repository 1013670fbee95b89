//! All tests that need the built extensions or a host, one named trial each.

use libtest_mimic::Arguments;
use lumos_tests::{examples, list, python, quickstart, script, symbols};

fn main() {
    let arguments = Arguments::from_args();
    let groups = [
        symbols::trials(),
        list::trials(),
        examples::trials(),
        script::trials(),
        quickstart::trials(),
        python::trials(),
    ];
    libtest_mimic::run(&arguments, groups.into_iter().flatten().collect()).exit();
}
