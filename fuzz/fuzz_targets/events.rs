//! Any bytes as server-sent events: `cargo +nightly fuzz run events`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tidegate_infrastructure::provider::examine::events(bytes));
