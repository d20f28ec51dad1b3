//! The corpora of the targets, for the ordinary tests that send them through what the targets call.

use std::path::Path;

/// The seeds of a target.
pub(crate) fn seeds(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|directory| directory.join("fuzz/corpus"));
    let corpora = above.find(|corpora| corpora.is_dir()).expect("a directory of corpora above this crate");
    let files = std::fs::read_dir(corpora.join(target)).expect("a corpus");
    files.map(|file| std::fs::read(file.expect("a seed").path()).expect("a seed"))
}

/// Examines every seed of a target, and everything that is left of it when its end is cut off. How many seeds there are.
pub(crate) fn examine_all(target: &str, examine: impl Fn(&[u8])) -> usize {
    seeds(target).map(|seed| (0..=seed.len()).for_each(|end| examine(&seed[..end]))).count()
}
