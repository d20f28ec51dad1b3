//! The corpora of the fuzz targets for what comes off the network, as ordinary tests.

#[path = "../../fuzz/fuzz_targets/examine_body.rs"]
mod examine_body;
#[path = "../../fuzz/fuzz_targets/examine_http1.rs"]
mod examine_http1;

use std::path::Path;

/// Examines every seed of a target, and everything that is left of it when its end is cut off.
fn examine_all(target: &str, examine: fn(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let seeds = std::fs::read_dir(corpus).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    seeds.map(|seed| (0..=seed.len()).for_each(|end| examine(&seed[..end]))).count()
}

#[test]
fn no_message_is_read_otherwise_in_pieces() {
    assert!(examine_all("http1", examine_http1::examine) >= 5);
}

#[test]
fn nothing_but_the_model_is_replaced_in_any_body() {
    assert!(examine_all("body", examine_body::examine) >= 6);
}
