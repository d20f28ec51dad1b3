//! Anthropic's models at Vertex AI: Messages, with the model in the path and the version of the protocol in its place in the body.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use bytes::Bytes;
use serde_json::value::RawValue;
use tidegate_domain::inference::{Dialect, Operation};

use crate::provider::endpoint::{Paths, percent_encoded};

/// The collection of Anthropic's models.
const MODELS: &str = "publishers/anthropic/models/";
/// What Vertex AI is told of the protocol, in the body where Anthropic itself has a header.
const VERSION: &str = "anthropic_version";
const VERSION_FIELD: &str = r#""anthropic_version":"vertex-2023-10-16""#;

/// Whether `model` is one of Anthropic's.
pub(super) fn is_one(model: &str) -> bool {
    model.starts_with(MODELS)
}

/// Where below a project and a location it is asked for an operation.
pub(super) fn paths(operation: Operation, model: &str) -> Option<Paths> {
    let model = percent_encoded(model, |byte| matches!(byte, b'/' | b'@'));
    (operation == Operation::Converse(Dialect::Messages))
        .then(|| Paths { whole: format!("/{model}:rawPredict"), stream: Some(format!("/{model}:streamRawPredict")) })
}

/// A request in Messages as Vertex AI takes it. A body that cannot be read stays as it is.
pub(in crate::provider) fn versioned(body: Bytes) -> Bytes {
    let versioned = std::str::from_utf8(&body).ok().and_then(with_version);
    versioned.map_or(body, Bytes::from)
}

fn with_version(body: &str) -> Option<String> {
    let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(body).ok()?;
    let field = field_of(body, fields.get("model")?)?;
    let (field, instead) =
        if fields.contains_key(VERSION) { (with_comma(body, field), "") } else { (field, VERSION_FIELD) };
    Some([&body[..field.start], instead, &body[field.end..]].concat())
}

/// Where a value stands together with its key.
fn field_of(text: &str, value: &RawValue) -> Option<Range<usize>> {
    let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
    let key = text[..start].trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    // However the key is spelt, there is no quote in it.
    Some(key.rfind('"')?..start + value.get().len())
}

/// The same with the comma that is one too many without it.
fn with_comma(text: &str, field: Range<usize>) -> Range<usize> {
    let behind = &text[field.end..];
    if let Some(rest) = behind.trim_start().strip_prefix(',') {
        return field.start..text.len() - rest.len();
    }
    let before = text[..field.start].trim_end();
    before.strip_suffix(',').map_or(field.start, str::len)..field.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(versioned(Bytes::from(body.to_owned())), expected);
    }

    #[test]
    fn the_version_stands_where_the_model_stood_and_every_other_byte_stays() {
        let version = VERSION_FIELD;
        check(
            r#" {"max_tokens":1e400, "model" : "claude" ,"messages":[{"model":"x"}]}"#,
            &format!(r#" {{"max_tokens":1e400, {version} ,"messages":[{{"model":"x"}}]}}"#),
        );
        check(r#"{"m\u006fdel":"claude"}"#, &format!("{{{version}}}"));
    }

    #[test]
    fn a_version_of_the_callers_stands_and_the_model_goes() {
        check(r#"{"model":"c", "anthropic_version":"v"}"#, r#"{ "anthropic_version":"v"}"#);
        check(r#"{"anthropic_version":"v" , "model":"c"}"#, r#"{"anthropic_version":"v" }"#);
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for body in ["", "[]", r#"{"messages":[]}"#] {
            check(body, body);
        }
    }

    #[test]
    fn a_model_is_asked_by_a_method_of_its_own() {
        let model = "publishers/anthropic/models/claude-sonnet-4-5@20250929";
        let asked = paths(Operation::Converse(Dialect::Messages), model).unwrap();
        assert_eq!(asked.whole, "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict");
        assert_eq!(asked.stream.unwrap(), "/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict");
        assert_eq!(paths(Operation::CountTokens, model), None);
    }
}
