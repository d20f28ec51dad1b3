//! Writes a stream, event by event.

use super::answer::{finish_reason, write_logprobs, write_proof, write_usage};
use crate::translate::{
    answer::{Event, Stop, Tokens},
    json::{Object, object},
    logprobs::TokenLogprob,
};

/// How far a stream is written.
#[derive(Debug)]
pub(in crate::translate) struct StreamWriter {
    wants_usage: bool,
    id: String,
    model: String,
    created: u64,
    /// The calls begun, by their index upstream: the caller counts them from 0.
    calls: Vec<u32>,
    /// The call that was begun last, while it has no arguments: some providers say nothing where there are none.
    bare: Option<u32>,
    /// The proof of what was thought before the next call.
    proof: Option<String>,
    /// How likely the tokens of the text were that comes next.
    logprobs: Vec<TokenLogprob>,
    tokens: Tokens,
}

impl StreamWriter {
    /// For a caller who does, or does not, want the usage.
    pub(in crate::translate) fn new(wants_usage: bool) -> Self {
        Self {
            wants_usage,
            id: String::new(),
            model: String::new(),
            created: 0,
            calls: Vec::new(),
            bare: None,
            proof: None,
            logprobs: Vec::new(),
            tokens: Tokens::default(),
        }
    }

    /// Writes what an event comes to.
    pub(in crate::translate) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model, created } => {
                (self.id, self.model) = ((*id).to_owned(), (*model).to_owned());
                self.created = created.unwrap_or(0);
                self.delta(out, |delta| {
                    delta.put_word("role", "assistant");
                    delta.put_word("content", "");
                });
            }
            Event::Text(text) => {
                self.proof = None;
                self.delta(out, |delta| delta.put("content", text));
            }
            Event::Logprobs(tokens) => self.logprobs.extend_from_slice(tokens),
            Event::Reasoning(text) => self.delta(out, |delta| delta.put("reasoning_content", text)),
            Event::Refusal(text) => self.delta(out, |delta| delta.put("refusal", text)),
            // Proofs have a place at calls only, sealed thoughts have none.
            Event::Signature(proof) => self.proof = Some((*proof).to_owned()),
            Event::SealedReasoning(_) => {}
            Event::ToolCall { index, id, name } => {
                self.complete_call(out);
                self.calls.push(*index);
                self.bare = Some(*index);
                let proof = self.proof.take();
                self.call(*index, out, |call| {
                    call.put("id", id);
                    call.put_word("type", "function");
                    call.object("function", |function| {
                        function.put("name", name);
                        function.put_word("arguments", "");
                    });
                    write_proof(call, proof.as_deref());
                });
            }
            // Pieces of what was not begun as a call are a tool's of the provider's own.
            Event::Arguments { index, json } if self.calls.contains(index) => {
                self.bare = self.bare.filter(|bare| bare != index);
                self.call(*index, out, |call| call.object("function", |function| function.put("arguments", json)));
            }
            Event::Arguments { .. } => {}
            Event::Stop(stop) => {
                self.complete_call(out);
                self.finish(stop, out);
            }
            Event::Tokens(tokens) => self.tokens = *tokens,
            Event::End => self.end(out),
        }
    }

    /// Gives the last call an empty object, if nobody gave it arguments: callers read them as JSON.
    fn complete_call(&mut self, out: &mut Vec<u8>) {
        if let Some(index) = self.bare.take() {
            self.call(index, out, |call| call.object("function", |function| function.put_word("arguments", "{}")));
        }
    }

    fn delta(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.choice(out, None, fill);
    }

    fn call(&mut self, index: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let at = self.calls.iter().position(|known| *known == index).unwrap_or_default();
        self.delta(out, |delta| {
            delta.list("tool_calls", |list| {
                list.object(|call| {
                    call.put("index", &at);
                    fill(call);
                });
            });
        });
    }

    fn finish(&mut self, stop: &Stop, out: &mut Vec<u8>) {
        self.choice(out, Some(finish_reason(stop)), |_| {});
    }

    fn choice(&mut self, out: &mut Vec<u8>, finish: Option<&str>, fill: impl FnOnce(&mut Object<'_>)) {
        let logprobs = std::mem::take(&mut self.logprobs);
        self.event(out, |chunk| {
            chunk.list("choices", |choices| {
                choices.object(|choice| {
                    choice.put("index", &0);
                    choice.object("delta", fill);
                    write_logprobs(choice, logprobs.iter());
                    choice.put("finish_reason", &finish);
                });
            });
        });
    }

    fn event(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(b"data: ");
        object(out, |chunk| {
            chunk.put("id", &self.id);
            chunk.put_word("object", "chat.completion.chunk");
            chunk.put("created", &self.created);
            chunk.put("model", &self.model);
            fill(chunk);
        });
        out.extend_from_slice(b"\n\n");
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.wants_usage {
            self.event(out, |chunk| {
                chunk.list("choices", |_| {});
                chunk.object("usage", |usage| write_usage(usage, self.tokens));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}
