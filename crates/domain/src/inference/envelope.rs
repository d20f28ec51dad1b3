//! What routing reads of a request body, and where in the body it stands.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A top-level field of a chat request that the gateway reads or sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `model`
    Model,
    /// `stream`
    Stream,
    /// `stream_options`
    StreamOptions,
    /// `temperature`
    Temperature,
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
    /// `response_format`
    ResponseFormat,
    /// `tool_choice`
    ToolChoice,
}

impl Parameter {
    const ALL: [Self; 8] = [
        Self::Model,
        Self::Stream,
        Self::StreamOptions,
        Self::Temperature,
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::ResponseFormat,
        Self::ToolChoice,
    ];

    /// The key, as the protocol spells it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::Temperature => "temperature",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::ResponseFormat => "response_format",
            Self::ToolChoice => "tool_choice",
        }
    }

    fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|parameter| parameter.key() == key)
    }
}

/// The fields of a request that routing reads, with the place of each known field's value in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    model: Box<str>,
    stream: bool,
    include_usage: bool,
    spans: [Option<Range<usize>>; Parameter::ALL.len()],
}

/// A body that is no chat request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// The body is no JSON, or JSON that is no object.
    #[error("the body is not a JSON object: {0}")]
    Json(String),
    /// A key stands twice: two readers of the body could see two different requests.
    #[error("the key '{0}' stands twice")]
    DuplicateKey(String),
    /// `model` is missing or blank.
    #[error("'model' is missing: name a pool, a task group, a wrapper or provider:model")]
    MissingModel,
    /// A field has a value of the wrong type.
    #[error("'{param}' must be {expected}")]
    WrongType {
        /// The field.
        param: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl InvalidEnvelope {
    /// The field at fault, where there is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Json(_) => None,
            Self::DuplicateKey(key) => Some(key),
            Self::MissingModel => Some("model"),
            Self::WrongType { param, .. } => Some(param),
        }
    }
}

impl Envelope {
    /// Reads `body` once.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if `body` is no JSON object, holds a top-level key twice, names no model, or gives a field that
    /// routing reads a value of the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidEnvelope> {
        let fields: Fields<'_> =
            serde_json::from_slice(body).map_err(|error| InvalidEnvelope::Json(error.to_string()))?;
        if let Some(key) = fields.duplicate {
            return Err(InvalidEnvelope::DuplicateKey(key.chars().take(64).collect()));
        }
        let model = fields.read(Parameter::Model, "a string")?.unwrap_or(Cow::Borrowed(""));
        if model.is_empty() {
            return Err(InvalidEnvelope::MissingModel);
        }
        let options: Option<StreamOptions> = fields.read(Parameter::StreamOptions, "an object")?;
        Ok(Self {
            model: model.into(),
            stream: fields.read::<Option<bool>>(Parameter::Stream, "a boolean")?.flatten().unwrap_or(false),
            include_usage: options.is_some_and(|options| options.include_usage),
            spans: fields.values.map(|value| value.map(|raw| span_within(body, raw.get()))),
        })
    }

    /// The model as the caller named it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the caller asked for a stream.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller asked a stream to report its usage.
    pub fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// Where the value of `parameter` stands in the body; `None` if the caller was silent.
    pub fn span(&self, parameter: Parameter) -> Option<Range<usize>> {
        self.spans[parameter as usize].clone()
    }
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// The raw values of the known fields, and the first key that stands twice.
struct Fields<'a> {
    values: [Option<&'a RawValue>; Parameter::ALL.len()],
    duplicate: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    fn read<T: Deserialize<'a>>(
        &self,
        parameter: Parameter,
        expected: &'static str,
    ) -> Result<Option<T>, InvalidEnvelope> {
        let Some(raw) = self.values[parameter as usize] else { return Ok(None) };
        if raw.get() == "null" {
            return Ok(None);
        }
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|_| InvalidEnvelope::WrongType { param: parameter.key(), expected })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields { values: [None; Parameter::ALL.len()], duplicate: None };
        let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(16);
        while let Some(Key(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            if let Some(parameter) = Parameter::of_key(&key) {
                fields.values[parameter as usize] = Some(value);
            }
            if seen.contains(&key) {
                fields.duplicate.get_or_insert(key);
            } else {
                seen.push(key);
            }
        }
        Ok(fields)
    }
}

/// A key that borrows from the body unless it holds an escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where `part`, a slice of `body`, stands in it.
fn span_within(body: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - body.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_routing_are_read_and_placed() {
        let body = br#"{"messages":[], "model" : "fast","stream":true,"stream_options":{"include_usage":true}}"#;
        let envelope = Envelope::parse(body).unwrap();
        assert_eq!(envelope.model(), "fast");
        assert!(envelope.stream());
        assert!(envelope.include_usage());
        assert_eq!(&body[envelope.span(Parameter::Model).unwrap()], br#""fast""#);
        assert_eq!(envelope.span(Parameter::Temperature), None);
    }

    #[track_caller]
    fn check_rejected(body: &str, expected: &InvalidEnvelope) {
        assert_eq!(&Envelope::parse(body.as_bytes()).unwrap_err(), expected);
    }

    #[test]
    fn what_routing_cannot_read_is_rejected_with_the_field() {
        check_rejected(r#"{"messages":[]}"#, &InvalidEnvelope::MissingModel);
        check_rejected(r#"{"model":null}"#, &InvalidEnvelope::MissingModel);
        check_rejected(r#"{"model":7}"#, &InvalidEnvelope::WrongType { param: "model", expected: "a string" });
        check_rejected(
            r#"{"model":"a","stream":"yes"}"#,
            &InvalidEnvelope::WrongType { param: "stream", expected: "a boolean" },
        );
        assert!(matches!(Envelope::parse(b"[1]"), Err(InvalidEnvelope::Json(_))));
        assert!(matches!(Envelope::parse(b"{\"model\":"), Err(InvalidEnvelope::Json(_))));
        assert!(matches!(Envelope::parse(b"{\"model\":\"\xff\"}"), Err(InvalidEnvelope::Json(_))));
    }

    #[test]
    fn a_key_that_stands_twice_is_rejected_however_it_is_spelt() {
        check_rejected(r#"{"model":"a","model":"b"}"#, &InvalidEnvelope::DuplicateKey("model".to_owned()));
        check_rejected(r#"{"model":"a","mod\u0065l":"b"}"#, &InvalidEnvelope::DuplicateKey("model".to_owned()));
        check_rejected(r#"{"model":"a","x":1,"x":2}"#, &InvalidEnvelope::DuplicateKey("x".to_owned()));
    }

    #[test]
    fn numbers_beyond_a_double_do_not_matter_to_routing() {
        assert!(Envelope::parse(br#"{"model":"a","seed":1e400,"big":123456789012345678901234567890}"#).is_ok());
    }
}
