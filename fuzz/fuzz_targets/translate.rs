//! Any text as a request, an answer and a stream of every dialect, on its way into every other: `cargo +nightly fuzz run translate`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tidegate_infrastructure::examine::examine(bytes));
