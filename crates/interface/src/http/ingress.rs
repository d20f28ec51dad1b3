//! The paths of the data plane, each with the operation that it stands for.
//!
//! Most protocols name the model in the body. Google's has it in the path, and behind it what is asked for:
//! `/v1beta/models/{model}:generateContent`.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Uri};
use tidegate_application::domain::inference::{Address, Dialect, Family, InferenceRequest, InvalidEnvelope, Operation};
use tidegate_http1::Fields;

use super::refusal::Refusal;

/// The operation of each path. A base URL that ends in `/v1` suits OpenAI's SDKs, one without suits everybody else's.
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

/// What stands before the model in Google's paths.
const MODELS: [&str; 2] = ["/v1beta/models/", "/v1/models/"];
/// What stands behind it, behind a colon, with the operation and whether its answer is a stream.
const METHODS: [(&str, Operation, bool); 3] = [
    ("generateContent", Operation::Converse(Dialect::Gemini), false),
    ("streamGenerateContent", Operation::Converse(Dialect::Gemini), true),
    ("countTokens", Operation::CountContents, false),
];

/// Headers that are part of a request in Anthropic's protocol: they say which features its body may use.
const ANTHROPIC_HEADERS: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    /// Whose conventions its caller follows.
    pub(super) family: Family,
    /// The model as it stands in the path, and whether a stream is asked for; `None` where both are in the body.
    address: Option<(&'a str, bool)>,
    query: &'a str,
}

/// Every path that takes a request for inference and names no model.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.iter().map(|(path, _)| *path)
}

/// Whose conventions are followed where nothing is served.
pub(super) fn family_of(path: &str) -> Family {
    if path.starts_with("/v1beta/") { Family::Google } else { Family::OpenAi }
}

/// What is asked for, if it is an operation.
pub(super) fn asked<'a>(method: &Method, uri: &'a Uri) -> Option<Asked<'a>> {
    if *method != Method::POST {
        return None;
    }
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    if let Some((_, operation)) = PATHS.iter().find(|(known, _)| *known == path) {
        let family = if path.starts_with("/v2/") { Family::Cohere } else { operation.family() };
        return Some(Asked { operation: *operation, family, address: None, query });
    }
    let (model, method) = MODELS.iter().find_map(|start| path.strip_prefix(start))?.rsplit_once(':')?;
    let (_, operation, stream) = METHODS.into_iter().find(|(known, ..)| *known == method)?;
    Some(Asked { operation, family: operation.family(), address: Some((model, stream)), query })
}

impl Asked<'_> {
    /// The request with that body, and with those of its headers that belong to it.
    pub(super) fn request(&self, body: Bytes, fields: &Fields) -> Result<InferenceRequest, Refusal> {
        let Some((model, stream)) = self.address else {
            return Ok(request(self.operation, body, fields)?.worded_by(self.family));
        };
        if stream && parameter(self.query, "alt") != Some("sse") {
            let problem = "'alt' must be 'sse': a stream comes as server-sent events only";
            return Err(Refusal::invalid_value("alt", problem.to_owned()));
        }
        let model = decoded(model).ok_or(InvalidEnvelope::WrongType { param: "model", expected: "a name in UTF-8" })?;
        let address = Address { model: model.into(), stream };
        Ok(InferenceRequest::addressed(self.operation, body, address)?)
    }

    /// The key that the caller put into the query, as Google's protocol allows.
    pub(super) fn key(&self) -> Option<&str> {
        self.address.and_then(|_| parameter(self.query, "key"))
    }
}

/// Whether the body is a form, by what it says of itself.
pub(super) fn is_form(fields: &Fields) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let media_type = fields.get("content-type").map_or(&b""[..], <[u8]>::trim_ascii);
    media_type.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
}

fn request(operation: Operation, body: Bytes, fields: &Fields) -> Result<InferenceRequest, InvalidEnvelope> {
    if operation.takes_form() && is_form(fields) {
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

/// The value of a parameter of a query, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// A part of a path without its percent signs (RFC 3986, section 2.1); `None` if it is no text.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(path: &'static str) -> Option<Operation> {
        asked(&Method::POST, &Uri::from_static(path)).map(|asked| asked.operation)
    }

    #[test]
    fn every_operation_has_its_path() {
        for operation in Operation::ALL.into_iter().filter(|operation| operation.has_callers()) {
            let fixed = PATHS.iter().find(|(_, known)| *known == operation).map(|(path, _)| (*path).to_owned());
            let method = METHODS.iter().find(|(_, known, _)| *known == operation);
            let path = fixed.or(method.map(|(method, ..)| format!("/v1beta/models/m:{method}"))).unwrap();
            assert_eq!(asked(&Method::POST, &path.parse().unwrap()).unwrap().operation, operation);
        }
        assert_eq!(asked(&Method::GET, &Uri::from_static("/v1/responses")), None);
        for path in ["/v1/models", "/v1beta/models/m", "/v1beta/models/m:embedContent", "/v1beta/m:generateContent"] {
            assert_eq!(asked_for(path), None, "{path}");
        }
    }

    #[test]
    fn who_asks_below_version_two_follows_coheres_conventions() {
        let family = |path| asked(&Method::POST, &Uri::from_static(path)).unwrap().family;
        assert_eq!((family("/v1/rerank"), family("/v2/rerank")), (Family::OpenAi, Family::Cohere));
        assert!(
            PATHS
                .iter()
                .filter(|(path, _)| !path.ends_with("/rerank"))
                .all(|(path, known)| family(path) == known.family())
        );
    }

    #[track_caller]
    fn check_address(path: &str, expected: Option<(&str, bool)>) {
        let uri = path.parse().unwrap();
        let read = asked(&Method::POST, &uri).unwrap().request("{}".into(), &Fields::default()).ok();
        let seen = read.as_ref().map(|request| (request.envelope().model(), request.envelope().stream()));
        assert_eq!(seen, expected, "{path}");
    }

    #[test]
    fn a_model_in_the_path_may_be_any_name() {
        check_address("/v1beta/models/chat:generateContent", Some(("chat", false)));
        check_address("/v1/models/chat.tier2:generateContent", Some(("chat.tier2", false)));
        check_address("/v1beta/models/openai:org/gpt-4o:generateContent", Some(("openai:org/gpt-4o", false)));
        check_address("/v1beta/models/openai%3Aorg%2Fm%C3%BC:generateContent", Some(("openai:org/mü", false)));
        check_address("/v1beta/models/100%:generateContent", None);
        check_address("/v1beta/models/%ff:generateContent", None);
        check_address("/v1beta/models/%+1:generateContent", None);
        check_address("/v1beta/models/:generateContent", None);
    }

    #[test]
    fn a_stream_is_asked_for_as_events() {
        check_address("/v1beta/models/m:streamGenerateContent?alt=sse&key=k", Some(("m", true)));
        check_address("/v1beta/models/m:streamGenerateContent?key=k", None);
        check_address("/v1beta/models/m:streamGenerateContent?alt=json", None);
    }

    #[test]
    fn a_key_in_the_query_counts_in_googles_paths_only() {
        let key = |path: &'static str| {
            let uri = Uri::from_static(path);
            asked(&Method::POST, &uri).unwrap().key().map(str::to_owned)
        };
        assert_eq!(key("/v1beta/models/m:generateContent?alt=json&key=k").as_deref(), Some("k"));
        assert_eq!(key("/v1beta/models/m:generateContent?monkey=k"), None);
        assert_eq!(key("/v1/responses?key=k"), None);
    }
}
