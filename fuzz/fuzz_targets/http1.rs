//! Any bytes as a message of HTTP/1.1: `cargo +nightly fuzz run http1`.

#![no_main]

mod examine_http1;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| examine_http1::examine(bytes));
