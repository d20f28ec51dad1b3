//! What must hold of any bytes as the body of a request: it is refused, or the model is replaced in it and nothing else, so that it is
//! read again as the same request for the other model. The fuzz target calls it with bytes of its own, and a test with the corpus.

use bytes::Bytes;
use tidegate_domain::inference::{InferenceRequest, Operation, ParameterDefaults};
use tidegate_domain::json::Scanner;

const FORM: &str = "multipart/form-data; boundary=b";
const MODEL: &str = "the/other-model";

/// Reads `body` as every kind of request, and as JSON.
///
/// # Panics
/// If a reader panics, two readers of JSON disagree, or more than the model is replaced.
pub fn examine(body: &[u8]) {
    let mut scanner = Scanner::new(body);
    let is_json = scanner.as_mut().is_ok_and(|scanner| scanner.value().is_ok() && scanner.end().is_ok());
    let is_json_to_others = serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok();
    // Beyond a depth each has a limit of its own.
    let is_deep = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > 100;
    assert!(is_deep || is_json == is_json_to_others, "one reader of JSON takes it: {}", String::from_utf8_lossy(body));
    let body = Bytes::copy_from_slice(body);
    for operation in Operation::ALL {
        if let Ok(request) = InferenceRequest::read(operation, body.clone()) {
            assert!(is_json, "a request that is no JSON");
            replaced(&request, |body| InferenceRequest::read(operation, body).ok());
        }
    }
    if let Ok(request) = InferenceRequest::read_form(Operation::Transcriptions, body, FORM) {
        replaced(&request, |body| InferenceRequest::read_form(Operation::Transcriptions, body, FORM).ok());
    }
}

fn replaced(request: &InferenceRequest, read: impl Fn(Bytes) -> Option<InferenceRequest>) {
    let sent = request.body_for(MODEL, &ParameterDefaults::default());
    let again = read(sent.clone()).expect("what was a request is one with another model");
    assert_eq!(again.envelope().model(), MODEL);
    assert_eq!(again.envelope().stream(), request.envelope().stream());
    assert_eq!(again.body_for(MODEL, &ParameterDefaults::default()), sent, "it changes each time");
}
