//! What is counted, in the words of Vertex AI: the Gemini API takes a whole request to count the tokens of, Vertex AI what stands in it.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use serde_json::value::RawValue;

/// The keys under which the Gemini API takes a request.
const WRAPPERS: [&str; 2] = ["generateContentRequest", "generate_content_request"];
/// What of a request has no tokens, and no place where they are counted.
const WEIGHTLESS: [&str; 6] = ["model", "toolConfig", "tool_config", "safetySettings", "safety_settings", "labels"];

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// A body for `countTokens` as Vertex AI takes it. One that holds no request to count, or that cannot be read, stays as it is.
pub(in crate::provider) fn plain_count(body: Bytes) -> Bytes {
    let plain = serde_json::from_slice::<Fields<'_>>(&body).ok().and_then(|fields| {
        let request = WRAPPERS.iter().find_map(|wrapper| fields.get(*wrapper))?;
        let mut fields: Fields<'_> = serde_json::from_str(request.get()).ok()?;
        fields.retain(|key, _| !WEIGHTLESS.contains(&&**key));
        serde_json::to_vec(&fields).ok()
    });
    plain.map_or(body, Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &'static str, expected: &str) {
        assert_eq!(plain_count(Bytes::from_static(body.as_bytes())), expected);
    }

    #[test]
    fn a_request_to_count_is_taken_out_of_its_wrapper() {
        check(
            r#"{"generateContentRequest":{"model":"models/m","contents":[ {"x":1e400}],"tools":[],"toolConfig":{}}}"#,
            r#"{"contents":[ {"x":1e400}],"tools":[]}"#,
        );
        check(r#"{"generate_content_request":{"safety_settings":[],"contents":[]}}"#, r#"{"contents":[]}"#);
    }

    #[test]
    fn what_holds_none_stays_as_it_is() {
        for body in [r#" {"contents" :[]}"#, r#"{"generateContentRequest":7}"#, "{", "[]"] {
            check(body, body);
        }
    }
}
