//! A corpus of broken files, each with the message that its operator gets.

use std::{fs, path::Path};

use super::{load_text, load_with};

#[test]
fn each_broken_file_gets_the_message_that_helps() {
    // Relative, so that the messages name the files alike on every machine.
    let corpus = Path::new("infrastructure/config/broken");
    let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() > 40);
    for path in files {
        let variables = [("SET", "text"), ("EMPTY", ""), ("OPENAI_API_KEY", "canary"), ("GROUP", "canary")];
        let report = load_with(&path, None, &variables).map(|_| ()).expect_err(&path.display().to_string());
        let message = report.to_string();
        assert!(!message.contains("canary"), "{message}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, message);
        });
    }
}

#[test]
fn a_missing_file_is_named() {
    let report = load_with(Path::new("no/such.toml"), None, &[]).map(|_| ()).unwrap_err().to_string();
    assert!(report.contains("no/such.toml: cannot be read"), "{report}");
}

#[test]
fn bytes_that_are_no_text_are_reported() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("tidegate.toml");
    fs::write(&path, b"a = \"\xff\"").unwrap();
    assert!(super::messages(load_with(&path, None, &[])).contains("is not valid UTF-8 from byte 5 on"));
}

#[test]
fn deeply_nested_text_is_refused_without_overflowing_the_stack() {
    super::messages(load_text(&format!("a = {}", "[".repeat(100_000)), &[]));
    super::messages(load_text(&format!("a{} = 1", ".a".repeat(100_000)), &[]));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "(\\PC|\n|[\\[\\]{}=.\"'$:#a-c0-9 ]){0,200}") {
        if let Err(report) = load_text(&text, &[]) {
            proptest::prop_assert!(report.errors() > 0 && !report.to_string().is_empty());
        }
    }

    #[test]
    fn no_change_of_a_working_file_makes_the_loader_panic(at in 0_usize..4000, put in "\\PC{0,4}", cut in 0_usize..9) {
        let whole = include_str!("../../../config/tidegate.toml");
        let mut characters: Vec<char> = whole.chars().collect();
        let start = at.min(characters.len());
        let end = (start + cut).min(characters.len());
        characters.splice(start..end, put.chars());
        if let Err(report) = load_text(&characters.into_iter().collect::<String>(), &[]) {
            proptest::prop_assert!(report.errors() > 0 && !report.to_string().is_empty());
        }
    }
}
