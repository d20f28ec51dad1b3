//! The corpus of the fuzz target as an ordinary test, with everything else that looks like a configuration here.

#[path = "../../../fuzz/fuzz_targets/examine.rs"]
mod examine;

use std::path::Path;

use self::examine::examine;

fn examine_all(directory: &str) -> usize {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut count = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            examine(&std::fs::read_to_string(&path).unwrap());
            count += 1;
        }
    }
    count
}

#[test]
fn the_corpus_of_the_fuzz_target_holds() {
    assert!(examine_all("../fuzz/corpus/load") >= 16);
}

#[test]
fn broken_files_hold_too() {
    assert!(examine_all("infrastructure/config/broken") >= 80);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_cut_out_of_a_working_file_holds(from in 0_usize..6000, length in 0_usize..400) {
        let whole = include_str!("../../../config/tidegate.toml");
        let mut characters: Vec<char> = whole.chars().collect();
        let start = from.min(characters.len());
        let end = (start + length).min(characters.len());
        characters.drain(start..end);
        examine(&characters.into_iter().collect::<String>());
    }
}
