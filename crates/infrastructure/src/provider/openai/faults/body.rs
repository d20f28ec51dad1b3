//! The shapes of an error body.
//!
//! `{"error":{..}}` is OpenAI's; others wrap it in a list, flatten it (`{"object":"error",..}`), give a bare text
//! (`{"error":"..."}`) or their framework's (`{"detail":..}`); AWS's is a message whose type stands in a header. Errors are rare, so this reads a tree.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tidegate_domain::fault::FaultKind;

use super::{MAX_ERROR_BYTES, words};
use crate::provider::retry_after::retry_info;

/// What an error body says; empty if it is none.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// The text for people.
    pub(super) message: Option<String>,
    /// An HTTP status that the body names.
    pub(super) status: Option<u16>,
    /// Whether it is an error of the protocol, and so from the model server rather than from an edge before it.
    pub(super) is_shaped: bool,
    /// How long Google's APIs ask us to stay away.
    pub(super) retry_info: Option<Duration>,
    param: Option<String>,
    /// Codes and types, the most specific first.
    words: Vec<String>,
    /// Whether the body can be relayed as it is.
    is_protocol: bool,
}

impl ErrorBody {
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut root: Value = serde_json::from_slice(body).unwrap_or_default();
        let wrapped = root.is_array();
        if wrapped {
            root = root.get_mut(0).map(Value::take).unwrap_or_default();
        }
        let choice_error = root.pointer("/choices/0/error").filter(|error| error.is_object());
        let error = root.get("error").filter(|error| !error.is_null()).or(choice_error);
        let fields = error.filter(|error| error.is_object()).unwrap_or(&root);
        Self {
            message: message(fields, error),
            status: ["code", "status", "status_code"].iter().find_map(|name| status(fields.get(name)?)),
            is_shaped: error.is_some()
                || root.get("__type").is_some()
                || root.get("object").is_some_and(|object| object == "error"),
            retry_info: retry_info(fields),
            param: fields.get("param").and_then(Value::as_str).map(str::to_owned),
            words: words_of(&root, fields),
            is_protocol: !wrapped && root.get("error").is_some_and(Value::is_object),
        }
    }

    /// The same, with the type that AWS puts into a header, or into `__type`: behind the name of a service, before an address.
    pub(super) fn named_by(mut self, headers: &HeaderMap) -> Self {
        let named = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        if let Some(named) = named {
            self.is_shaped = true;
            self.words.insert(0, aws_type(named));
        }
        self
    }

    /// What its codes and types say: a specific one before a general one, wherever it stands.
    pub(super) fn kind(&self) -> Option<FaultKind> {
        let specific = self.words.iter().find_map(|word| words::specific(word));
        specific.or_else(|| self.words.iter().find_map(|word| words::general(word)))
    }

    /// The most specific code, if it is fit to be shown.
    pub(super) fn word(&self) -> Option<&str> {
        let plain =
            |word: &&String| word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        self.words.iter().find(plain).map(String::as_str)
    }

    /// Whether it is about a field of the request other than `model`.
    pub(super) fn blames_another_field_than_model(&self) -> bool {
        self.param.as_deref().is_some_and(|param| !param.is_empty() && param != "model")
    }

    /// The error in the protocol's shape: as it came if it has it, else made of its message; empty if there is none.
    pub(super) fn relayable(&self, body: &Bytes) -> Bytes {
        if body.len() > MAX_ERROR_BYTES {
            return Bytes::new();
        }
        if self.is_protocol {
            return body.clone();
        }
        let Some(message) = &self.message else { return Bytes::new() };
        let error = json!({
            "message": message, "type": "invalid_request_error", "param": self.param, "code": self.word(),
        });
        json!({ "error": error }).to_string().into()
    }
}

fn message(fields: &Value, error: Option<&Value>) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    let named = ["message", "Message", "detail"].iter().find_map(|name| fields.get(name).and_then(text));
    named.or_else(|| error.and_then(Value::as_str).map(str::to_owned))
}

fn words_of(root: &Value, fields: &Value) -> Vec<String> {
    let inner = [fields.pointer("/innererror/code"), root.get("code"), fields.pointer("/details/0/reason")];
    let outer = [fields.get("type"), fields.get("status"), root.get("error_type")];
    let all = [fields.get("code")].into_iter().chain(inner).chain(outer);
    let aws = root.get("__type").and_then(Value::as_str).map(aws_type);
    aws.into_iter().chain(all.flatten().filter_map(Value::as_str).map(str::to_owned)).collect()
}

/// The type of an error of AWS's: `com.amazon.coral.service#ThrottlingException:http://..`.
fn aws_type(named: &str) -> String {
    let behind = named.rsplit('#').next().unwrap_or(named);
    behind.split(':').next().unwrap_or(behind).to_owned()
}

/// A status, where a number or a text of digits names one.
fn status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}
