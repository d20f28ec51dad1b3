//! Any bytes as AWS's frames, and as what is in them: `cargo +nightly fuzz run frames`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tidegate_infrastructure::provider::examine::frames(bytes));
