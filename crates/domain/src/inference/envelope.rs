//! What routing reads of a request body, and where in the body it stands.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Address, Parameter, form};
use crate::json::{self, MAX_DEPTH, Scanner};

/// The fields of a request that routing reads, with the place of each known field's value in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    model: Box<str>,
    stream: bool,
    include_usage: bool,
    /// Where the value of `stream_options.include_usage` stands.
    usage_span: Option<Range<usize>>,
    /// Where the values of the known fields stand that the caller gave.
    spans: Vec<(Parameter, Range<usize>)>,
    /// Whether these are all that the body holds, each under its own key.
    is_all: bool,
}

/// A body that cannot be routed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// The body is no JSON, or JSON that is no object.
    #[error("the body is not a JSON object: {0}")]
    Json(String),
    /// The body is no form, or one that two readers could take differently.
    #[error("the body is not a multipart form that can be read: {0}")]
    Form(&'static str),
    /// A key stands twice: two readers of the body could see two different requests.
    #[error("the key '{0}' stands twice")]
    DuplicateKey(String),
    /// The body is nested more than [`MAX_DEPTH`] levels deep.
    #[error("the body is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
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
            Self::Json(_) | Self::Form(_) | Self::TooDeep => None,
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
    /// [`InvalidEnvelope`] if `body` is no JSON object, is nested too deep, holds a top-level key twice, names no model, or
    /// gives a field that routing reads a value of the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidEnvelope> {
        let fields = Fields::of(body)?;
        let address = Address {
            model: fields.text(Parameter::Model)?.unwrap_or_default().into(),
            stream: fields.truth(Parameter::Stream)?.unwrap_or(false),
        };
        Self::new(fields, address)
    }

    /// Reads `body` once, of a request that names its model elsewhere. A `model` or `stream` in the body means nothing then.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn addressed(body: &[u8], address: Address) -> Result<Self, InvalidEnvelope> {
        let mut fields = Fields::of(body)?;
        let given = fields.spans.len();
        fields.spans.retain(|(parameter, _)| !matches!(parameter, Parameter::Model | Parameter::Stream));
        fields.is_all &= fields.spans.len() == given;
        Self::new(fields, address)
    }

    /// The envelope of a body that was just written, of which all fields are known: nothing is read.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if no model is named.
    pub(super) fn written(
        body: &[u8],
        fields: Vec<(&'static str, Range<usize>)>,
        address: Address,
    ) -> Result<Self, InvalidEnvelope> {
        let mut read = Fields { text: "", spans: Vec::with_capacity(Fields::USUAL), is_all: true };
        for (key, place) in fields {
            read.note(key, place);
        }
        // Nothing else is looked into.
        if read.span(Parameter::StreamOptions).is_some() {
            read.text = std::str::from_utf8(body).unwrap_or_default();
        }
        Self::new(read, address)
    }

    /// Whether reading `body` would lead to the same, or to nothing: what is nested within something else may be nested too deep to be read.
    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        let address = || Address { model: self.model.clone(), stream: self.stream };
        let read = Self::parse(body).or_else(|_| Self::addressed(body, address()));
        read.map_or_else(|error| error == InvalidEnvelope::TooDeep, |read| read == *self)
    }

    fn new(fields: Fields<'_>, Address { model, stream }: Address) -> Result<Self, InvalidEnvelope> {
        if model.trim().is_empty() {
            return Err(InvalidEnvelope::MissingModel);
        }
        let include_usage = fields.include_usage()?;
        Ok(Self {
            model,
            stream,
            include_usage: include_usage.is_some_and(|raw| raw.get() == "true"),
            usage_span: include_usage.map(|raw| span_within(fields.text.as_bytes(), raw.get())),
            spans: fields.spans,
            is_all: fields.is_all,
        })
    }

    /// Reads a form whose parts `boundary` divides.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if `body` is no such form, gives a field that routing reads twice or a value of the wrong type, or
    /// names no model.
    pub(super) fn of_form(body: &[u8], boundary: &str) -> Result<Self, InvalidEnvelope> {
        const READ: [Parameter; 3] = [Parameter::Model, Parameter::Stream, Parameter::N];
        let mut spans = Vec::new();
        for form::Field { name, is_file: _, value } in form::fields(body, boundary).map_err(InvalidEnvelope::Form)? {
            let Some(known) = READ.into_iter().find(|known| known.key() == name) else { continue };
            if spans.iter().any(|(other, _)| *other == known) {
                return Err(InvalidEnvelope::DuplicateKey(name.to_owned()));
            }
            spans.push((known, value));
        }
        let wrong = |parameter: Parameter, expected| InvalidEnvelope::WrongType { param: parameter.key(), expected };
        let text = |parameter: Parameter| {
            let span = spans.iter().find(|(known, _)| *known == parameter);
            let value = span.map_or(&b""[..], |(_, span)| &body[span.clone()]);
            std::str::from_utf8(value).map_err(|_| wrong(parameter, "a text"))
        };
        let model: Box<str> = text(Parameter::Model)?.into();
        if model.trim().is_empty() {
            return Err(InvalidEnvelope::MissingModel);
        }
        let stream = match text(Parameter::Stream)? {
            "true" | "True" | "1" => true,
            "" | "false" | "False" | "0" => false,
            _ => return Err(wrong(Parameter::Stream, "'true' or 'false'")),
        };
        Ok(Self { model, stream, include_usage: false, usage_span: None, spans, is_all: false })
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
        self.spans.iter().find(|(known, _)| *known == parameter).map(|(_, span)| span.clone())
    }

    /// Where the values of the known fields stand, if the body holds no others, and none by another name that it goes by.
    pub(super) fn all(&self) -> Option<&[(Parameter, Range<usize>)]> {
        self.is_all.then_some(&*self.spans)
    }

    /// Where the value of `stream_options.include_usage` stands in the body; `None` if the caller was silent.
    pub(super) fn usage_span(&self) -> Option<Range<usize>> {
        self.usage_span.clone()
    }
}

#[derive(Default, serde::Deserialize)]
struct StreamOptions<'a> {
    /// `Some` even for `null`: it stands there and has a place.
    #[serde(default, borrow, deserialize_with = "present")]
    include_usage: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// The known fields of a body.
struct Fields<'a> {
    text: &'a str,
    /// Where the values stand.
    spans: Vec<(Parameter, Range<usize>)>,
    /// Whether there are no others, and none by another name that it goes by.
    is_all: bool,
}

impl<'a> Fields<'a> {
    /// How many of them a body has at most, as a rule.
    const USUAL: usize = 8;

    fn of(body: &'a [u8]) -> Result<Self, InvalidEnvelope> {
        let Ok(text) = simdutf8::basic::from_utf8(body) else { return Err(refusal(body)) };
        let mut fields = Self { text, spans: Vec::with_capacity(Self::USUAL), is_all: true };
        let (mut others, mut duplicate) = (Keys::default(), None);
        let mut scanner = Scanner::of(text);
        let read = scanner.fields(|scanner, key| {
            let value = scanner.value()?;
            let repeated = match fields.note(&key, span_within(body, value)) {
                Some(is_repeated) => is_repeated.then_some(key),
                None => others.insert(key),
            };
            duplicate = duplicate.take().or(repeated);
            Ok(())
        });
        match (read.and_then(|()| scanner.end()), duplicate) {
            (Ok(()), None) => Ok(fields),
            (Ok(()), Some(key)) => Err(InvalidEnvelope::DuplicateKey(key.chars().take(64).collect())),
            (Err(_), _) => Err(refusal(body)),
        }
    }

    /// Notes where the value of a field stands, if it is a known one: whether it stands there twice.
    fn note(&mut self, key: &str, span: Range<usize>) -> Option<bool> {
        let known = Parameter::of_key(key);
        self.is_all &= known.is_some_and(|parameter| parameter.key() == key);
        let parameter = known?;
        let is_repeated = self.span(parameter).is_some();
        self.spans.push((parameter, span));
        Some(is_repeated)
    }

    fn span(&self, parameter: Parameter) -> Option<Range<usize>> {
        self.spans.iter().find(|(known, _)| *known == parameter).map(|(_, span)| span.clone())
    }

    /// The value of a field that the caller gave.
    fn given(&self, parameter: Parameter) -> Option<&'a str> {
        self.span(parameter).map(|span| &self.text[span]).filter(|value| *value != "null")
    }

    fn text(&self, parameter: Parameter) -> Result<Option<Cow<'a, str>>, InvalidEnvelope> {
        let wrong = InvalidEnvelope::WrongType { param: parameter.key(), expected: "a string" };
        self.given(parameter).map(|value| json::text(value).ok_or(wrong)).transpose()
    }

    fn truth(&self, parameter: Parameter) -> Result<Option<bool>, InvalidEnvelope> {
        let wrong = InvalidEnvelope::WrongType { param: parameter.key(), expected: "a boolean" };
        self.given(parameter).map(|value| value.parse().map_err(|_| wrong)).transpose()
    }

    fn include_usage(&self) -> Result<Option<&'a RawValue>, InvalidEnvelope> {
        let wrong = |param, expected| InvalidEnvelope::WrongType { param, expected };
        let key = Parameter::StreamOptions.key();
        let Some(options) = self.given(Parameter::StreamOptions) else { return Ok(None) };
        // A list would do for a struct of serde's.
        if options.starts_with('[') {
            return Err(wrong(key, "an object"));
        }
        let options: StreamOptions<'a> = serde_json::from_str(options).map_err(|_| wrong(key, "an object"))?;
        match options.include_usage {
            Some(raw) if !matches!(raw.get(), "true" | "false" | "null") => {
                Err(wrong("stream_options.include_usage", "a boolean"))
            }
            usage => Ok(usage),
        }
    }
}

/// Why a body was not read, in the words of a parser that says what is wrong and where. One that it takes is nested too deep.
fn refusal(body: &[u8]) -> InvalidEnvelope {
    let read: Result<BTreeMap<Cow<'_, str>, &RawValue>, _> = serde_json::from_slice(body);
    read.map_or_else(|error| InvalidEnvelope::Json(error.to_string()), |_| InvalidEnvelope::TooDeep)
}

/// The keys of a body that mean nothing to routing. A few are compared with each other; where there are many they are hashed, because a body may hold
/// as many as fit, and comparing each with all would take hours.
#[derive(Default)]
struct Keys<'a> {
    first: Vec<Cow<'a, str>>,
    others: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    const FIRST: usize = 16;

    /// Notes a key; gives it back if it stands there already.
    fn insert(&mut self, key: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if self.first.contains(&key) {
            return Some(key);
        }
        if self.first.len() < Self::FIRST {
            if self.first.is_empty() {
                self.first.reserve_exact(Self::FIRST);
            }
            self.first.push(key);
            return None;
        }
        if self.others.contains(&key) {
            return Some(key);
        }
        self.others.insert(key);
        None
    }
}

/// Where `part`, a slice of `body`, stands in it.
pub(super) fn span_within(body: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - body.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests;
