//! What holds for every source file: it can be read in one sitting, and it knows nobody's machine.

use crate::workspace::{self, TextFile};

/// The most lines of a source file. Most are far below; one that comes near holds two concepts.
const MOST_LINES: usize = 400;

/// The directories that paths of somebody's machine start with, without their slashes: this file is checked too.
const MACHINE_ROOTS: [&str; 4] = ["home", "root", "work", "Users"];

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let is_source = has_extension(path, "rs") || has_extension(path, "py");
    (is_source && lines > MOST_LINES).then(|| format!("{path} has {lines} lines, more than {MOST_LINES}"))
}

fn mod_file(path: &str) -> Option<String> {
    let is_mod = path == "mod.rs" || path.ends_with("/mod.rs");
    is_mod.then(|| format!("{path}: name the file after its module, and put it beside the folder"))
}

fn machine_path(path: &str, text: &str) -> Option<String> {
    let starts_one = |line: &str| MACHINE_ROOTS.iter().any(|root| holds_absolute(line, &format!("/{root}/")));
    let (at, line) = text.lines().enumerate().find(|(_, line)| starts_one(line))?;
    Some(format!("{path}:{} names a path of somebody's machine: {}", at + 1, line.trim()))
}

/// Whether `line` holds `needle` as the start of a path: not behind a host or another part of a path.
fn holds_absolute(line: &str, needle: &str) -> bool {
    let is_part = |before: char| before.is_alphanumeric() || "/.-_})".contains(before);
    line.match_indices(needle).any(|(at, _)| !line[..at].ends_with(is_part))
}

/// Whether the name of a file ends with `.extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

#[track_caller]
fn holds_everywhere(rule: impl Fn(&TextFile) -> Option<String>) {
    let files = workspace::text_files();
    assert!(files.iter().any(|file| file.path == "tests/architecture/sources.rs"), "the workspace was not read");
    let offenders: Vec<_> = files.iter().filter_map(rule).collect();
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn no_source_file_is_over_long() {
    holds_everywhere(|file| too_long(&file.path, &file.text));
}

#[test]
fn no_module_hides_in_a_mod_file() {
    holds_everywhere(|file| mod_file(&file.path));
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    holds_everywhere(|file| machine_path(&file.path, &file.text));
}

#[test]
fn an_over_long_source_is_found() {
    let lines = |count| "\n".repeat(count);
    assert!(too_long("crates/domain/src/pool.rs", &lines(MOST_LINES + 1)).is_some());
    assert_eq!(too_long("crates/domain/src/pool.rs", &lines(MOST_LINES)), None);
    assert_eq!(too_long("Cargo.lock", &lines(MOST_LINES + 1)), None);
}

#[test]
fn a_mod_file_is_found() {
    assert!(mod_file("crates/domain/src/pool/mod.rs").is_some());
    assert_eq!(mod_file("crates/domain/src/pool/model.rs"), None);
}

#[test]
fn a_path_of_a_machine_is_found() {
    let check = |before: &str, expected: bool| {
        for root in MACHINE_ROOTS {
            let line = format!("{before}/{root}/somebody");
            assert_eq!(machine_path("file", &line).is_some(), expected, "{line}");
        }
    };
    check("", true);
    check("cd ", true);
    check("(", true);
    check("\"file://\" + \"", true);
    check("https://example.org", false);
    check("crates", false);
    check("${BASE}", false);
}
