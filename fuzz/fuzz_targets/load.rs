//! Any text as the root file of a configuration: `cargo +nightly fuzz run load`.

#![no_main]

mod examine;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| examine::examine(text));
