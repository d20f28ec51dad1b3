//! The documentation holds: its TOML parses, its links lead somewhere, and the book lists every page.

use std::path::{Component, Path, PathBuf};

use crate::{
    sources::has_extension,
    workspace::{self, TextFile},
};

/// Pages for readers: the book and the Markdown files at the root.
fn pages() -> Vec<TextFile> {
    let is_page = |path: &str| has_extension(path, "md") && (path.starts_with("docs/") || !path.contains('/'));
    let pages: Vec<_> = workspace::text_files().into_iter().filter(|file| is_page(&file.path)).collect();
    assert!(pages.iter().any(|page| page.path == "README.md"), "the pages were not read");
    pages
}

/// The fenced blocks of `language`, each with the line that it starts at.
fn blocks<'a>(page: &'a str, language: &'a str) -> impl Iterator<Item = (usize, String)> + 'a {
    let mut lines = page.lines().enumerate();
    std::iter::from_fn(move || {
        loop {
            let (at, line) = lines.next()?;
            let Some(info) = line.trim_start().strip_prefix("```") else { continue };
            let body: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| !is_fence(line)).collect();
            if info.trim() == language {
                return Some((at + 1, body.join("\n")));
            }
        }
    })
}

fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// The targets of the links outside code, without their fragment.
fn links(page: &str) -> Vec<&str> {
    let mut inside_block = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if is_fence(line) {
            inside_block = !inside_block;
        } else if !inside_block {
            found.extend(line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()));
        }
    }
    found
}

fn is_relative(link: &str) -> bool {
    !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:")
}

/// Where a link on `page` leads, from the root of the workspace.
fn target(page: &str, link: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in Path::new(page).with_file_name(link).components() {
        match part {
            Component::ParentDir if path.pop() => {}
            part => path.push(part),
        }
    }
    path
}

fn dead_links(page: &TextFile, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let is_dead = |link: &&str| is_relative(link) && !exists(&target(&page.path, link));
    links(&page.text).into_iter().filter(is_dead).map(|link| format!("{}: {link}", page.path)).collect()
}

fn broken_toml(page: &TextFile) -> Vec<String> {
    let problem = |(line, block): (usize, String)| {
        let error = block.parse::<toml::Table>().err()?;
        Some(format!("{}:{line}: {error}", page.path))
    };
    blocks(&page.text, "toml").filter_map(problem).collect()
}

#[test]
fn every_toml_block_parses() {
    let pages = pages();
    let broken: Vec<_> = pages.iter().flat_map(broken_toml).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(pages.iter().any(|page| blocks(&page.text, "toml").next().is_some()), "no page has a TOML block");
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let root = workspace::root();
    let dead: Vec<_> = pages().iter().flat_map(|page| dead_links(page, |path| root.join(path).exists())).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn the_book_lists_every_page() {
    let pages = pages();
    let summary = pages.iter().find(|page| page.path == "docs/SUMMARY.md").expect("the book has a table of contents");
    let listed: Vec<_> = links(&summary.text).into_iter().map(|link| target(&summary.path, link)).collect();
    let is_listed = |path: &str| path == summary.path || listed.iter().any(|page| page == Path::new(path));
    let in_book = pages.iter().map(|page| page.path.as_str()).filter(|path| path.starts_with("docs/"));
    let missing: Vec<_> = in_book.filter(|path| !is_listed(path)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md leaves out {}", missing.join(", "));
}

/// The crates of `manifest` that have no line in `adr`.
fn unexplained(manifest: &str, adr: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    let crates = manifest["workspace"]["dependencies"].as_table().expect("the workspace has dependencies");
    let external = crates.iter().filter(|(_, entry)| entry.get("path").is_none()).map(|(name, _)| name);
    external.filter(|name| !adr.contains(&format!("\n| `{name}` |"))).cloned().collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let files = workspace::text_files();
    let text_of = |path| files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
    let missing = unexplained(text_of("Cargo.toml"), text_of("docs/adr/0009-dependencies.md"));
    assert!(missing.is_empty(), "docs/adr/0009-dependencies.md has no line for {}", missing.join(", "));
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "[workspace.dependencies]\nours = { path = \"crates/ours\" }\nbytes = \"1\"\nrand = \"1\"\n";
    assert_eq!(unexplained(manifest, "\n| `bytes` | bodies |\n"), ["rand"]);
}

#[test]
fn a_toml_block_that_does_not_parse_is_found() {
    check_toml("```toml\n[pools.fast]\nweight = 1\n```\n", 0);
    check_toml("```toml\n[pools.fast\n```\n", 1);
    check_toml("```sh\n[pools.fast\n```\n```toml\na = \n```\n", 1);
    check_toml("- in a list:\n  ```toml\n  a = 1\n  a = 2\n  ```\n", 1);
}

#[track_caller]
fn check_toml(text: &str, problems: usize) {
    assert_eq!(broken_toml(&page("docs/page.md", text)).len(), problems, "{text}");
}

#[test]
fn a_dead_link_is_found_where_it_stands() {
    check_links("README.md", "[a](docs/style.md) and [b](docs/gone.md#there)", &["README.md: docs/gone.md"]);
    check_links("docs/guide/pools.md", "[style](../style.md), [root](../../docs/style.md)", &[]);
    check_links("docs/guide/pools.md", "[style](style.md)", &["docs/guide/pools.md: style.md"]);
    check_links("docs/style.md", "[web](https://example.org), [here](#words)", &[]);
    check_links("docs/style.md", "```md\n[code](gone.md)\n```", &[]);
}

#[track_caller]
fn check_links(path: &str, text: &str, dead: &[&str]) {
    let exists = |path: &Path| path == Path::new("docs/style.md");
    assert_eq!(dead_links(&page(path, text), exists), dead);
}

fn page(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}
