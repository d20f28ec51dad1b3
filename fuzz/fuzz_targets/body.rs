//! Any bytes as the body of a request: `cargo +nightly fuzz run body`.

#![no_main]

mod examine_body;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| examine_body::examine(bytes));
