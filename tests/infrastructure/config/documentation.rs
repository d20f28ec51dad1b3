//! The TOML of the documentation: what is shown as a whole loads, and what is shown in part is read without a complaint
//! about anything but the parts that are left out.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::load_with;

const VARIABLES: [(&str, &str); 4] = [
    ("OPENAI_API_KEY", "key"),
    ("ANTHROPIC_API_KEY", "key"),
    ("PROVIDER_API_KEY", "key"),
    ("PROXY_CREDENTIALS", "me:secret"),
];

#[test]
fn every_block_of_the_documentation_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = vec![root.join("README.md"), root.join("README.zh-CN.md")];
    pages_below(&root.join("docs"), &mut pages);
    let mut blocks = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for (number, block) in toml_blocks(&text).into_iter().enumerate() {
            check(&block, &format!("block {} of {}", number + 1, page.display()));
            blocks += 1;
        }
    }
    assert!(blocks > 10, "only {blocks} blocks were found");
}

#[track_caller]
fn check(block: &str, place: &str) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tidegate.toml");
    std::fs::write(&file, block).unwrap();
    let Err(report) = load_with(&file, None, &VARIABLES) else { return };
    let is_whole = block.contains("[providers.");
    for problem in report.problems() {
        let left_out = ["is not defined", "there is no", "has no tier", "has no instances"];
        let left_out = left_out.iter().any(|words| problem.message.contains(words));
        assert!(left_out && !is_whole, "{place}: {problem}\n\n{block}");
    }
}

fn pages_below(directory: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages_below(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

fn toml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line.trim() == "```toml") {
        let block: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}
