//! The rooms of the crates, as the tables in their READMEs have them from the roof to the ground: an import
//! goes down, and no two files import each other, directly or by others, but parent and child.
//!
//! Read as text: `use` and paths that begin with `crate`, `self` or `super`. A file is known by its module's path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use libtest_mimic::Trial;

use crate::{Outcome, host, trial};

/// The crates whose README has such a table.
const CRATES: [&str; 3] = ["sqlite-ext", "duckdb-ext", "shared"];

/// The READMEs that name files.
const MAPS: [(&str, &[&str]); 3] = [
    ("shared", &["shared/src", "sqlite-ext/src"]),
    ("sqlite-ext", &["sqlite-ext/src", "shared/src"]),
    (
        "duckdb-ext",
        &["duckdb-ext", "duckdb-ext/src", "duckdb-ext/src/search"],
    ),
];

/// The trials of this module.
pub fn trials() -> Vec<Trial> {
    let rooms = CRATES
        .into_iter()
        .map(|name| trial(format!("rooms::{name}"), move || check(name)));
    let mut trials: Vec<Trial> = rooms.collect();
    trials.push(trial("rooms::a_circle_is_found", a_circle_is_found));
    trials.push(trial("rooms::the_maps_name_files", the_maps_name_files));
    trials
}

/// The path of a module, without the crate: `["sync", "apply"]`.
type Module = Vec<String>;

/// The modules that each module imports.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn check(name: &str) -> Outcome {
    let folder = host::root().join(name);
    let readme = fs::read_to_string(folder.join("README.md")).map_err(|e| e.to_string())?;
    let mut files = BTreeMap::new();
    read_folder(&folder.join("src"), &mut Vec::new(), &mut files).map_err(|e| e.to_string())?;
    let faults = faults(&rooms(&readme), &imports(&files));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n"))
    }
}

/// The first column of the table under "## Rooms".
fn rooms(readme: &str) -> Vec<String> {
    let part = readme.split("## Rooms").nth(1).unwrap_or_default();
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

fn faults(rooms: &[String], imports: &Imports) -> Vec<String> {
    let mut faults = Vec::new();
    let there: BTreeSet<&String> = imports.keys().filter_map(|m| m.first()).collect();
    for room in there.iter().filter(|room| !rooms.contains(room)) {
        faults.push(format!("the README's table has no room `{room}`"));
    }
    for room in rooms.iter().filter(|room| !there.contains(room)) {
        faults.push(format!(
            "the README's table has a room `{room}`, which is not there"
        ));
    }
    let floor = |module: &Module| rooms.iter().position(|r| Some(r) == module.first());
    for (from, all) in imports {
        for to in all {
            // The crate's root is everyone's parent.
            if !to.is_empty() && from.first() != to.first() && floor(to) < floor(from) {
                faults.push(format!(
                    "{} imports {}, which is above it",
                    from.join("::"),
                    to.join("::")
                ));
            }
        }
    }
    let mut circles: Vec<&Module> = Vec::new();
    for module in imports.keys() {
        if reachable(module, imports).contains(module) {
            circles.push(module);
        }
    }
    if !circles.is_empty() {
        let names: Vec<String> = circles.iter().map(|m| m.join("::")).collect();
        faults.push(format!(
            "these import each other in circles: {}",
            names.join(", ")
        ));
    }
    faults
}

/// The modules that a module reaches by imports, those of parents and children left out.
fn reachable<'a>(module: &'a Module, imports: &'a Imports) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next = vec![module];
    while let Some(from) = next.pop() {
        for to in imports.get(from).into_iter().flatten() {
            if !from.starts_with(to) && !to.starts_with(from) && found.insert(to) {
                next.push(to);
            }
        }
    }
    found
}

fn read_folder(
    folder: &Path,
    path: &mut Module,
    files: &mut BTreeMap<Module, String>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if file.is_dir() {
            path.push(name);
            read_folder(&file, path, files)?;
            path.pop();
        } else if file.extension().is_some_and(|e| e == "rs") {
            let mut module = path.clone();
            if !["mod", "lib"].contains(&name.as_str()) {
                module.push(name);
            }
            files.insert(module, fs::read_to_string(&file)?);
        }
    }
    Ok(())
}

fn imports(files: &BTreeMap<Module, String>) -> Imports {
    let mut imports = Imports::new();
    let root = files.get(&Module::new()).map_or("", String::as_str);
    let handed_on: BTreeMap<String, Module> = handed_on(&plain(root));
    for (module, text) in files {
        let named = paths(&plain(text)).into_iter().filter_map(|mut path| {
            let mut full = match path.first().map(String::as_str) {
                Some("crate") => Vec::new(),
                Some("self" | "super") => module.clone(),
                _ => return None,
            };
            while let Some(first @ ("crate" | "self" | "super")) = path.first().map(String::as_str)
            {
                if first == "super" {
                    full.pop();
                }
                path.remove(0);
            }
            full.extend(path);
            // A name that the crate's root hands on is that of the file that has it.
            if let Some(real) = full.first().and_then(|name| handed_on.get(name)) {
                full.splice(..1, real.iter().cloned());
            }
            // What a path names last need not be a file.
            while !files.contains_key(&full) {
                full.pop()?;
            }
            (full != *module).then_some(full)
        });
        imports.insert(module.clone(), named.collect());
    }
    imports
}

/// The names that the crate's root hands on by `pub use`, each with its whole path.
fn handed_on(root: &str) -> BTreeMap<String, Module> {
    let mut found = Vec::new();
    for (at, start) in root.match_indices("pub use ") {
        tree(&root[at + start.len()..], &Module::new(), &mut found);
    }
    let named = found.into_iter().filter(|path| path.len() > 1);
    named
        .filter_map(|path| Some((path.last()?.clone(), path)))
        .collect()
}

/// The text without comments and the contents of strings.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            plain.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    plain
}

/// The paths that begin with `crate`, `self` or `super`, those in braces one by one.
fn paths(text: &str) -> Vec<Module> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in text.match_indices(start) {
            if !text[..at].ends_with(|c| is_word(c) || c == ':') {
                tree(&text[at..], &Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one path, or one with braces, and returns what follows it.
fn tree<'a>(mut text: &'a str, before: &Module, found: &mut Vec<Module>) -> &'a str {
    let mut path = before.clone();
    loop {
        text = text.trim_start();
        if let Some(mut rest) = text.strip_prefix('{') {
            loop {
                rest = tree(rest, &path, found).trim_start();
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => return rest.strip_prefix('}').unwrap_or(rest),
                }
            }
        }
        let end = text
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(text.len());
        if end > 0 {
            path.push(text[..end].to_owned());
        }
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) => text = rest,
            None => break,
        }
    }
    if path.len() > before.len() {
        found.push(path);
    }
    // `as` and the other name.
    let renamed = text.trim_start().strip_prefix("as ");
    renamed.map_or(text, |name| name.trim_start_matches(is_name))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The finder, on crates that have what it looks for.
fn a_circle_is_found() -> Outcome {
    let rooms = ["top", "middle", "ground"].map(str::to_owned);
    let look = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| {
            let module: Module = name
                .split("::")
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect();
            (module, (*text).to_owned())
        });
        let mut files: BTreeMap<Module, String> = files.collect();
        for room in &rooms {
            files.entry(vec![room.clone()]).or_default();
        }
        faults(&rooms, &imports(&files)).join("; ")
    };
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[(
                "top",
                "use crate::{middle::A, ground};\nfn f() { super::middle::g() }",
            )],
            "",
        ),
        (
            &[(
                "ground",
                "use std::fmt;\n// use crate::top;\nfn f() { \"crate::top\"; crate::top::x() }",
            )],
            "ground imports top, which is above it",
        ),
        (
            &[
                ("top::a", "use super::b::{self, B};"),
                ("top::b", "use crate::top::{c::C as D};"),
                ("top::c", "const C: char = '\"'; use crate::top::a;"),
            ],
            "these import each other in circles: top::a, top::b, top::c",
        ),
        (
            &[
                ("top", "mod a; use a::A;\nuse self::a::B;"),
                ("top::a", "use super::T;"),
            ],
            "",
        ),
        (
            &[
                ("", "mod top; pub use top::{a::A, B};"),
                ("ground", "use crate::A;"),
                ("top::a", ""),
            ],
            "ground imports top::a, which is above it",
        ),
        (&[("attic", "")], "the README's table has no room `attic`"),
    ];
    for (files, expected) in cases {
        let found = look(files);
        if found != expected {
            return Err(format!(
                "{files:?}: found \"{found}\", expected \"{expected}\""
            ));
        }
    }
    Ok(())
}

/// Files that the READMEs name are there.
fn the_maps_name_files() -> Outcome {
    let mut missing = Vec::new();
    for (name, folders) in MAPS {
        let path = host::root().join(name).join("README.md");
        let readme = fs::read_to_string(path).map_err(|e| e.to_string())?;
        let quoted = readme.split('`').skip(1).step_by(2);
        for file in quoted.filter(|q| q.ends_with(".rs") && !q.contains([' ', '*'])) {
            let there = folders
                .iter()
                .any(|folder| host::root().join(folder).join(file).exists());
            if !there && !host::root().join(file).exists() {
                missing.push(format!("{name}/README.md: {file}"));
            }
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("\n"))
    }
}
