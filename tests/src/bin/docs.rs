//! Writes `sql/reference.md` from the list of functions; `make docs` runs it.

fn main() -> std::io::Result<()> {
    let path = lumos_tests::host::root().join("sql/reference.md");
    std::fs::write(path, lumos_core::reference::render())
}
