//! Writes a stream, event by event.
//!
//! Here a call comes whole or not at all: the pieces of its arguments are kept until it is over. The last event carries the
//! reason to stop and what it cost; no other one says that the stream is over.

use super::{
    answer::{write_call_part, write_candidate, write_identity, write_text, write_thought, write_usage},
    logprobs::Mean,
    proof::{UNPROVEN_IN_BASE64, sealed, signed},
};
use crate::translate::{
    answer::{Event, Stop, Tokens},
    conversation::ToolCall,
    json::{List, object},
    logprobs::TokenLogprob,
};

/// How far a stream is written.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamWriter {
    id: String,
    model: String,
    /// The calls that are not over, with their index upstream.
    calls: Vec<(u32, ToolCall)>,
    /// Whether a call was written.
    has_called: bool,
    /// How likely the tokens of the text are that comes next, and all of them in the mean.
    logprobs: Vec<TokenLogprob>,
    mean: Mean,
    tokens: Tokens,
    stop: Option<Stop>,
    /// Whether a piece came that had nowhere to go.
    has_lost: bool,
}

impl StreamWriter {
    /// Writes what an event comes to.
    pub(in crate::translate) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model, .. } => (self.id, self.model) = ((*id).to_owned(), (*model).to_owned()),
            Event::Text(text) | Event::Refusal(text) => self.say(out, |list| write_text(list, text)),
            Event::Logprobs(tokens) => {
                self.mean.add(tokens);
                self.logprobs.extend_from_slice(tokens);
            }
            Event::Reasoning(text) => self.say(out, |list| write_thought(list, text, None)),
            Event::Signature(proof) => self.say(out, |list| write_thought(list, "", Some(&signed(proof)))),
            Event::SealedReasoning(data) => self.say(out, |list| write_thought(list, "", Some(&sealed(data)))),
            Event::ToolCall { index, id, name } => {
                let call = ToolCall { id: (*id).to_owned(), name: (*name).to_owned(), arguments: String::new() };
                self.calls.push((*index, call));
            }
            Event::Arguments { index, json } => match self.calls.iter_mut().find(|(known, _)| known == index) {
                Some((_, call)) => call.arguments.push_str(json),
                None => self.has_lost = true,
            },
            Event::Tokens(tokens) => self.tokens = *tokens,
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => self.end(out),
        }
    }

    /// Whether something of the answer could not be written: the stream must not be passed off as whole.
    pub(in crate::translate) fn has_lost(&self) -> bool {
        self.has_lost
    }

    fn say(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut List<'_>)) {
        self.finish_calls(out);
        self.event(out, None, fill);
    }

    fn finish_calls(&mut self, out: &mut Vec<u8>) {
        let calls = std::mem::take(&mut self.calls);
        if !calls.is_empty() {
            let mut unproven = (!std::mem::replace(&mut self.has_called, true)).then_some(UNPROVEN_IN_BASE64);
            self.event(out, None, |list| {
                for (_, call) in &calls {
                    write_call_part(list, call, unproven.take());
                }
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.finish_calls(out);
        let stop = self.stop.take().unwrap_or(Stop::Done);
        self.event(out, Some(&stop), |list| write_text(list, ""));
    }

    /// Writes an event; one that stops the answer says what it cost.
    fn event(&mut self, out: &mut Vec<u8>, stop: Option<&Stop>, fill: impl FnOnce(&mut List<'_>)) {
        let logprobs = std::mem::take(&mut self.logprobs);
        out.extend_from_slice(b"data: ");
        object(out, |event| {
            write_candidate(event, (stop, &logprobs, &self.mean), fill);
            if stop.is_some() {
                write_usage(event, self.tokens);
            }
            write_identity(event, (&self.id, &self.model));
        });
        out.extend_from_slice(b"\n\n");
    }
}
