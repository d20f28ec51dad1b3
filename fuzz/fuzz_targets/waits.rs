//! Any bytes as the headers and the body of an answer that says when to come back: `cargo +nightly fuzz run waits`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tidegate_infrastructure::provider::examine::waits(bytes));
