//! The request: what is asked for, the caller's bytes, and the body that one upstream gets.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::{
    Address, Dialect, Envelope, Family, InvalidEnvelope, Operation, Parameter, ParameterDefaults, Unfit,
    defaults::spelt,
    form,
    translation::{Translation, Translations},
};
use crate::json;

/// What stands in a body, and what is put in its place.
pub(super) type Edit<'a> = (Range<usize>, Cow<'a, str>);

/// A request: what is asked for, the caller's bytes, and what routing read of them. In a box: it is handed on from step to step, and every step
/// that waits would have to make room for it.
#[derive(Debug, Clone)]
pub struct InferenceRequest(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    operation: Operation,
    family: Family,
    body: Bytes,
    envelope: Envelope,
    /// Bytes of its files, which are no prompt; `None` if it is no form.
    file_bytes: Option<usize>,
    /// Those of the caller's headers that belong to the request, names in lower case.
    headers: Vec<(&'static str, Box<str>)>,
    translations: Translations,
}

impl InferenceRequest {
    /// Reads a request in the words of OpenAI's Chat Completions.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if the body cannot be routed.
    pub fn parse(body: Bytes) -> Result<Self, InvalidEnvelope> {
        Self::read(Operation::Converse(Dialect::Chat), body)
    }

    /// Reads a request for `operation` whose body is JSON that names the model.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if the body cannot be routed.
    pub fn read(operation: Operation, body: Bytes) -> Result<Self, InvalidEnvelope> {
        let envelope = Envelope::parse(&body)?;
        Ok(Self::new(operation, body, envelope))
    }

    /// Reads a request for `operation` that names its model beside its body, which every same-protocol upstream then gets as
    /// it came: there is no name to replace in it.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if the body cannot be routed.
    pub fn addressed(operation: Operation, body: Bytes, address: Address) -> Result<Self, InvalidEnvelope> {
        let envelope = Envelope::addressed(&body, address)?;
        Ok(Self::new(operation, body, envelope))
    }

    /// A request for `operation` whose body was just written, as JSON: its `fields` stand where they were put, and are not looked for.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if the body cannot be routed.
    pub fn written(
        operation: Operation,
        body: Bytes,
        fields: Vec<(&'static str, Range<usize>)>,
        address: Address,
    ) -> Result<Self, InvalidEnvelope> {
        let envelope = Envelope::written(&body, fields, address)?;
        debug_assert!(envelope.is_of(&body), "{envelope:?} is not what was written");
        Ok(Self::new(operation, body, envelope))
    }

    /// Reads a request for `operation` whose body is a form, as its content type says.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if the content type is none of a form, or the body cannot be routed.
    pub fn read_form(operation: Operation, body: Bytes, content_type: &str) -> Result<Self, InvalidEnvelope> {
        let boundary = form::boundary_of(content_type).ok_or(InvalidEnvelope::Form("its type names no boundary"))?;
        let envelope = Envelope::of_form(&body, boundary)?;
        let fields = form::fields(&body, boundary).map_err(InvalidEnvelope::Form)?;
        let file_bytes = fields.iter().filter(|field| field.is_file).map(|field| field.value.len()).sum();
        let mut request = Self::new(operation, body, envelope);
        request.0.file_bytes = Some(file_bytes);
        Ok(request)
    }

    fn new(operation: Operation, body: Bytes, envelope: Envelope) -> Self {
        Self(Box::new(Parts {
            operation,
            family: operation.family(),
            body,
            envelope,
            file_bytes: None,
            headers: Vec::new(),
            translations: Translations::default(),
        }))
    }

    /// The same request with one of the caller's headers that belong to it: a same-protocol upstream gets it too.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// The same request of somebody who follows other conventions than most who ask for this: errors are to be worded by them.
    #[must_use]
    pub fn worded_by(mut self, family: Family) -> Self {
        self.0.family = family;
        self
    }

    /// Whose conventions its caller follows.
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// What is asked for.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The caller's headers that belong to the request.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.headers.iter().map(|(name, value)| (*name, &**value))
    }

    /// The same request as one for another operation; made by `translate` when it is first needed, and kept.
    ///
    /// # Errors
    /// [`Unfit`] if it cannot be said there.
    pub fn translated(
        &self,
        to: Operation,
        translate: impl FnOnce() -> Result<Translation, Unfit>,
    ) -> Result<&Translation, Unfit> {
        self.0.translations.for_operation(to, translate)
    }

    /// The caller's bytes.
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// What routing read.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// What it may cost in tokens, before anybody has counted: a quarter of its bytes, and as much answer as it allows, or
    /// [`ASSUMED_ANSWER_TOKENS`] where it is silent and the answer is generated.
    pub fn estimated_tokens(&self) -> u32 {
        let assumed = if self.0.operation.generates() { ASSUMED_ANSWER_TOKENS } else { 0 };
        self.prompt_tokens().saturating_add(self.asked_answer().unwrap_or(assumed))
    }

    /// The most tokens of answer that the caller asks for; `None` if it leaves them open.
    pub(super) fn asked_answer(&self) -> Option<u32> {
        let limits = [Parameter::MaxCompletionTokens, Parameter::MaxTokens, Parameter::MaxOutputTokens];
        limits.into_iter().find_map(|limit| self.number(limit)).or_else(|| self.settings()?.max_output_tokens)
    }

    /// What its prompt may have in tokens, before anybody has counted: a quarter of its bytes, but for those of files.
    pub fn prompt_tokens(&self) -> u32 {
        let prompt = self.0.body.len() - self.0.file_bytes.unwrap_or(0);
        u32::try_from(prompt / 4).unwrap_or(u32::MAX)
    }

    /// How many choices its answer has: its `n`, or `candidateCount`.
    pub fn choices(&self) -> u32 {
        let choices = self.number(Parameter::N).or_else(|| self.settings()?.candidate_count);
        choices.unwrap_or(1).max(1)
    }

    /// Whether the provider is to keep the answer: asked twice, it would keep two.
    pub fn stores(&self) -> bool {
        self.0.envelope.span(Parameter::Store).is_some_and(|span| &self.0.body[span] == b"true")
    }

    /// All fields of its body, each key with its value as JSON; `None` where there are some that routing does not know, or knows by another name.
    pub fn fields(&self) -> Option<impl Iterator<Item = (&'static str, &str)>> {
        let (body, spans) = (simdutf8::basic::from_utf8(&self.0.body).ok()?, self.0.envelope.all()?);
        Some(spans.iter().map(|(parameter, span)| (parameter.key(), &body[span.clone()])))
    }

    /// What the caller wrote for `parameter`, as JSON; `None` if it was silent.
    pub(super) fn value(&self, parameter: Parameter) -> Option<&str> {
        std::str::from_utf8(&self.0.body[self.0.envelope.span(parameter)?]).ok()
    }

    /// The whole number that the caller gave for `parameter`; `None` where there is none.
    pub(super) fn number(&self, parameter: Parameter) -> Option<u32> {
        self.value(parameter)?.parse().ok()
    }

    /// The body for a same-protocol upstream: the caller's bytes with `model` replaced, the defaults that the caller left
    /// open put in front, and, for a stream, a demand for its usage.
    pub fn body_for(&self, model: &str, defaults: &ParameterDefaults) -> Bytes {
        let (edits, front) = self.edits(model, defaults);
        self.edited(edits, front)
    }

    /// What any upstream's body changes, and the fields that are put in front.
    pub(super) fn edits<'a>(&self, model: &'a str, defaults: &ParameterDefaults) -> (Vec<Edit<'a>>, String) {
        let mut front = String::new();
        for (parameter, value) in defaults.missing_in(&self.0.envelope) {
            for (key, value) in spelt((self, defaults), model, (parameter, value)).into_iter().flatten() {
                push_field(&mut front, key, &value);
            }
        }
        let mut edits = Vec::with_capacity(3);
        if self.0.operation == Operation::Converse(Dialect::Bedrock) {
            edits.extend(self.converse_defaults(defaults, model, &mut front));
        }
        if self.0.operation == Operation::Converse(Dialect::Gemini) {
            edits.extend(self.missing_settings(defaults, &mut front));
        }
        edits.extend(self.0.envelope.span(Parameter::Model).map(|span| self.named(span, model)));
        edits.extend(self.repeated_models(model));
        if self.0.operation.must_demand_usage() && self.0.envelope.stream() && !self.0.envelope.include_usage() {
            match self.usage_demand() {
                Some(edit) => edits.push(edit),
                None => push_field(&mut front, Parameter::StreamOptions.key(), USAGE_DEMAND),
            }
        }
        (edits, front)
    }

    /// The body with these changes, and with fields put in front.
    pub(super) fn edited(&self, mut edits: Vec<Edit<'_>>, front: String) -> Bytes {
        if !front.is_empty() {
            let open = self.0.body.iter().position(|&byte| byte == b'{').map_or(0, |at| at + 1);
            let is_alone = self.0.body[open..].trim_ascii_start().starts_with(b"}");
            let front = if is_alone { front.trim_end_matches(',').to_owned() } else { front };
            edits.push((open..open, front.into()));
        }
        self.splice(edits)
    }

    /// Another model in the place of the one that is named at `span`.
    fn named<'a>(&self, span: Range<usize>, model: &'a str) -> Edit<'a> {
        // A model's name holds no white space, and so no line that could end a part of a form.
        if self.0.file_bytes.is_some() {
            return (span, model.into());
        }
        if json::spells_itself(model) {
            (span.start + 1..span.end - 1, model.into())
        } else {
            (span, json::quoted(model).into())
        }
    }

    /// What must change in the caller's `stream_options` for it to demand usage; `None` if there are none.
    fn usage_demand(&self) -> Option<Edit<'static>> {
        let options = self.0.envelope.span(Parameter::StreamOptions)?;
        if let Some(usage) = self.0.envelope.usage_span() {
            return Some((usage, "true".into()));
        }
        let Some(inner) = self.0.body[options.clone()].strip_prefix(b"{") else {
            return Some((options, USAGE_DEMAND.into()));
        };
        let is_empty = inner.trim_ascii_start().starts_with(b"}");
        let field = r#""include_usage":true"#;
        let text = if is_empty { field.into() } else { format!("{field},").into() };
        Some((options.start + 1..options.start + 1, text))
    }

    /// The body with each place replaced by its text; the places do not overlap.
    fn splice(&self, mut edits: Vec<Edit<'_>>) -> Bytes {
        edits.sort_by_key(|(place, _)| place.start);
        // The exact length: a vector with room to spare costs another allocation on its way to becoming shared bytes.
        let length = edits.iter().fold(self.0.body.len(), |length, (span, text)| length + text.len() - span.len());
        let mut out = Vec::with_capacity(length);
        let mut copied = 0;
        for (span, text) in edits {
            out.extend_from_slice(&self.0.body[copied..span.start]);
            out.extend_from_slice(text.as_bytes());
            copied = span.end;
        }
        out.extend_from_slice(&self.0.body[copied..]);
        out.into()
    }
}

/// The answer, in tokens, that a request is expected to take that allows any.
pub const ASSUMED_ANSWER_TOKENS: u32 = 1024;

const USAGE_DEMAND: &str = r#"{"include_usage":true}"#;

/// Writes `"key":value,`: the object goes on behind it.
pub(super) fn push_field(out: &mut String, key: &str, value: &str) {
    out.push('"');
    out.push_str(key);
    out.push_str("\":");
    out.push_str(value);
    out.push(',');
}

#[cfg(test)]
mod tests;
