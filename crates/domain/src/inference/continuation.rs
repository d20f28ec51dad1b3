//! Going on where an answer broke off: what was shown of it, and the body that asks another upstream for the rest.
//!
//! The text so far goes along as the beginning of the assistant's own message (a *prefill*), and the model goes on from its last
//! character. Only plain text can be continued so: half a tool call, reasoning, or one of several choices cannot.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Dialect, InferenceRequest, Operation, Parameter, ParameterDefaults, Usage, request::Edit};

/// How a provider is told to go on from the beginning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prefill {
    /// The last message is marked with `"prefix": true`, as at `DeepSeek`.
    Prefix,
    /// The same, and the answer repeats the text that it was given, as at Mistral.
    PrefixEchoed,
    /// The body holds `"continue_final_message": true` and `"add_generation_prompt": false`, as for vLLM and `SGLang`.
    ContinueFinalMessage,
    /// The last message is the assistant's, and that is all, as at Anthropic. It may not end in white space.
    LastMessage,
}

impl Prefill {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Prefix, Self::PrefixEchoed, Self::ContinueFinalMessage, Self::LastMessage];

    /// The word for the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::PrefixEchoed => "prefix_echoed",
            Self::ContinueFinalMessage => "continue_final_message",
            Self::LastMessage => "last_message",
        }
    }

    /// The way of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|prefill| prefill.as_str() == name)
    }

    /// Whether the answer begins with the text that it was given.
    pub fn is_echoed(self) -> bool {
        self == Self::PrefixEchoed
    }

    /// What of `text` is sent.
    pub fn sent(self, text: &str) -> &str {
        match self {
            Self::LastMessage => text.trim_end(),
            Self::Prefix | Self::PrefixEchoed | Self::ContinueFinalMessage => text,
        }
    }
}

/// What was shown of an answer that broke off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// Its text.
    pub text: String,
    /// How it introduced itself: the caller goes on seeing this.
    pub identity: Identity,
    /// What it cost so far.
    pub spent: Usage,
}

/// How an answer introduces itself, in each of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: Option<String>,
    /// The model, as the provider spells it.
    pub model: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: Option<u64>,
}

/// Which part of an answer is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub enum Part<'a> {
    /// All of it.
    #[default]
    Whole,
    /// All of it; the stream keeps what it delivers, since somebody else may have to go on from there.
    Kept,
    /// What follows what was shown; kept too.
    Rest(&'a Partial),
}

impl InferenceRequest {
    /// Whether another upstream could go on with a part of its answer: there is one choice, and the conversation does not end
    /// with the assistant's own words already.
    pub fn can_be_continued(&self) -> bool {
        self.operation() == Operation::Converse(Dialect::Chat)
            && self.choices() == 1
            && self.messages().is_some_and(|messages| !messages.last().is_some_and(is_assistants))
    }

    /// The body for an upstream that goes on after `partial`: as [`InferenceRequest::body_for`], with the text at the end of the
    /// conversation, and with as many tokens fewer to generate as were relayed.
    pub fn body_after(
        &self,
        partial: &Partial,
        prefill: Prefill,
        (model, defaults): (&str, &ParameterDefaults),
    ) -> Bytes {
        let (mut edits, mut front) = self.edits(model, defaults);
        edits.extend(self.prefill(partial, prefill));
        for parameter in [Parameter::MaxTokens, Parameter::MaxCompletionTokens] {
            if let (Some(span), Some(allowed)) = (self.envelope().span(parameter), self.number(parameter)) {
                let relayed = u32::try_from(partial.spent.output_tokens).unwrap_or(u32::MAX);
                edits.push((span, allowed.saturating_sub(relayed).max(1).to_string().into()));
            }
        }
        if prefill == Prefill::ContinueFinalMessage {
            front.push_str(r#""continue_final_message":true,"add_generation_prompt":false,"#);
        }
        self.edited(edits, front)
    }

    /// The message that ends the conversation, and where it goes: before the bracket that closes the list.
    fn prefill(&self, partial: &Partial, prefill: Prefill) -> Option<Edit<'static>> {
        let end = self.envelope().span(Parameter::Messages)?.end.checked_sub(1)?;
        let comma = if self.messages()?.is_empty() { "" } else { "," };
        let text = serde_json::Value::from(prefill.sent(&partial.text));
        let mark = match prefill {
            Prefill::Prefix | Prefill::PrefixEchoed => r#","prefix":true"#,
            Prefill::ContinueFinalMessage | Prefill::LastMessage => "",
        };
        Some((end..end, format!(r#"{comma}{{"role":"assistant","content":{text}{mark}}}"#).into()))
    }

    fn messages(&self) -> Option<Vec<&RawValue>> {
        let span = self.envelope().span(Parameter::Messages)?;
        serde_json::from_slice(&self.body()[span]).ok()
    }
}

#[derive(serde::Deserialize)]
struct MessageRole<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
}

fn is_assistants(message: &&RawValue) -> bool {
    let role = serde_json::from_str::<MessageRole<'_>>(message.get()).ok().and_then(|message| message.role);
    role.as_deref() == Some("assistant")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(text: &str) -> Partial {
        Partial { text: text.to_owned(), spent: Usage::estimated(9, 4), ..Partial::default() }
    }

    #[track_caller]
    fn check(prefill: Prefill, body: &str, expected: &str) {
        let request = InferenceRequest::parse(body.to_owned().into()).unwrap();
        let sent = request.body_after(&partial("say \"a\" "), prefill, ("m", &ParameterDefaults::default()));
        assert_eq!(str::from_utf8(&sent).unwrap(), expected);
    }

    #[test]
    fn each_provider_is_told_in_its_own_way() {
        let asked = r#"{"model":"f","messages":[{"role":"user","content":"hi"}],"x":1.10}"#;
        let sent = |front: &str, text: &str, mark: &str| {
            let said = format!(r#"{{"role":"assistant","content":"{text}"{mark}}}"#);
            format!(r#"{{{front}"model":"m","messages":[{{"role":"user","content":"hi"}},{said}],"x":1.10}}"#)
        };
        let text = r#"say \"a\" "#;
        check(Prefill::Prefix, asked, &sent("", text, r#","prefix":true"#));
        check(Prefill::PrefixEchoed, asked, &sent("", text, r#","prefix":true"#));
        let front = r#""continue_final_message":true,"add_generation_prompt":false,"#;
        check(Prefill::ContinueFinalMessage, asked, &sent(front, text, ""));
        check(Prefill::LastMessage, asked, &sent("", text.trim_end(), ""));
    }

    #[test]
    fn what_was_relayed_counts_towards_the_most_tokens() {
        let check_allowed = |allowed: u32, sent: u32| {
            let body =
                |model, allowed, said| format!(r#"{{"model":"{model}","max_tokens":{allowed},"messages":[{said}]}}"#);
            let said = r#"{"role":"assistant","content":"say \"a\""}"#;
            check(Prefill::LastMessage, &body("f", allowed, ""), &body("m", sent, said));
        };
        check_allowed(10, 6);
        check_allowed(3, 1);
    }

    #[test]
    fn only_one_choice_of_an_open_conversation_can_be_continued() {
        for (fields, expected) in [
            (r#""messages":[{"role":"user","content":"hi"}]"#, true),
            (r#""messages":[]"#, true),
            (r#""messages":[{"role":"user","content":"hi"}],"n":1"#, true),
            (r#""messages":[{"role":"user","content":"hi"}],"n":2"#, false),
            (r#""messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]"#, false),
            (r#""messages":"hi""#, false),
            (r#""prompt":"hi""#, false),
        ] {
            let request = InferenceRequest::parse(format!(r#"{{"model":"f",{fields}}}"#).into()).unwrap();
            assert_eq!(request.can_be_continued(), expected, "{fields}");
        }
    }

    #[test]
    fn every_way_has_a_name() {
        assert!(Prefill::ALL.into_iter().all(|prefill| Prefill::of_name(prefill.as_str()) == Some(prefill)));
        assert_eq!(Prefill::of_name("none"), None);
    }
}
