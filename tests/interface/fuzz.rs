//! The corpora of the fuzz targets for what comes off the network, as ordinary tests.

#[path = "../../fuzz/fuzz_targets/corpus.rs"]
mod corpus;
#[path = "../../fuzz/fuzz_targets/examine_body.rs"]
mod examine_body;
#[path = "../../fuzz/fuzz_targets/examine_http1.rs"]
mod examine_http1;

use self::corpus::examine_all;

#[test]
fn no_message_is_read_otherwise_in_pieces() {
    assert!(examine_all("http1", examine_http1::examine) >= 5);
}

#[test]
fn nothing_but_the_model_is_replaced_in_any_body() {
    assert!(examine_all("body", examine_body::examine) >= 6);
}
