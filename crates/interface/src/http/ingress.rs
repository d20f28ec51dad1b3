//! The paths of the data plane, each with the operation that it stands for.

use bytes::Bytes;
use http::Method;
use tidegate_application::domain::inference::{Dialect, InferenceRequest, InvalidEnvelope, Operation};
use tidegate_http1::Fields;

/// The operation of each path. A base URL that ends in `/v1` suits OpenAI's SDKs, one without suits Anthropic's and Cohere's.
const PATHS: [(&str, Operation); 17] = [
    ("/v1/chat/completions", Operation::Converse(Dialect::Chat)),
    ("/v1/responses", Operation::Converse(Dialect::Responses)),
    ("/v1/messages", Operation::Converse(Dialect::Messages)),
    ("/v1/messages/count_tokens", Operation::CountTokens),
    ("/v1/completions", Operation::Completions),
    ("/v1/embeddings", Operation::Embeddings),
    ("/v1/moderations", Operation::Moderations),
    ("/v1/rerank", Operation::Rerank),
    ("/v1/images/generations", Operation::Images),
    ("/v1/images/edits", Operation::ImageEdits),
    ("/v1/images/variations", Operation::ImageVariations),
    ("/v1/audio/speech", Operation::Speech),
    ("/v1/audio/transcriptions", Operation::Transcriptions),
    ("/v1/audio/translations", Operation::Translations),
    ("/v2/chat", Operation::Converse(Dialect::Cohere)),
    ("/v2/embed", Operation::Embed),
    ("/v2/rerank", Operation::Rerank),
];

/// Headers that are part of a request in Anthropic's protocol: they say which features its body may use.
const ANTHROPIC_HEADERS: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// Every path that takes a request for inference.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.iter().map(|(path, _)| *path)
}

/// The operation that is asked for, if it is one.
pub(super) fn operation_of(method: &Method, path: &str) -> Option<Operation> {
    if *method != Method::POST {
        return None;
    }
    PATHS.iter().find(|(known, _)| *known == path).map(|(_, operation)| *operation)
}

/// Whether the body is a form, by what it says of itself.
pub(super) fn is_form(fields: &Fields) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let media_type = fields.get("content-type").map_or(&b""[..], <[u8]>::trim_ascii);
    media_type.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
}

/// The request for `operation` with `body`, and with those of its headers that belong to it.
pub(super) fn request(operation: Operation, body: Bytes, fields: &Fields) -> Result<InferenceRequest, InvalidEnvelope> {
    if is_form(fields) {
        let content_type = fields.text("content-type").unwrap_or_default();
        let request = InferenceRequest::read_form(operation, body, content_type)?;
        return Ok(request.with_header("content-type", content_type));
    }
    let request = InferenceRequest::read(operation, body)?;
    let names: &[&'static str] = match operation {
        Operation::Converse(Dialect::Messages) | Operation::CountTokens => &ANTHROPIC_HEADERS,
        _ => &[],
    };
    let given = |name: &&'static str| Some((*name, fields.text(name)?));
    Ok(names.iter().filter_map(given).fold(request, |request, (name, value)| request.with_header(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_path() {
        let has_callers = |operation: &Operation| operation.dialect().is_none_or(Dialect::has_callers);
        for operation in Operation::ALL.into_iter().filter(has_callers) {
            let path = PATHS.iter().find(|(_, known)| *known == operation).map(|(path, _)| *path);
            assert_eq!(operation_of(&Method::POST, path.unwrap()), Some(operation));
        }
        assert_eq!(operation_of(&Method::GET, "/v1/responses"), None);
        assert_eq!(operation_of(&Method::POST, "/v1/models"), None);
    }
}
