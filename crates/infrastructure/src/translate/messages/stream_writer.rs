//! Writes a stream, event by event.
//!
//! Here a stream is a sequence of blocks that are opened and closed. What it cost is said at its end: at its beginning nobody
//! knows.

use super::answer::{stop_with, write_stop, write_usage};
use crate::translate::{
    answer::{Event, Stop, Tokens},
    foreign::MARK,
    json::{Object, object},
};

/// How far a stream is written.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamWriter {
    open: Option<Block>,
    /// The index of the next block, or of the open one.
    index: u32,
    tokens: Tokens,
    stop: Option<Stop>,
    has_refused: bool,
    /// Whether a piece came that had nowhere to go.
    has_lost: bool,
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    /// A tool call, with its index upstream.
    Call(u32),
}

impl StreamWriter {
    /// Writes what an event comes to.
    pub(in crate::translate) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model, .. } => self.begin(id, model, out),
            // Nobody who asks here asked for them.
            Event::Logprobs(_) => {}
            Event::Text(text) | Event::Refusal(text) => {
                self.has_refused |= matches!(event, Event::Refusal(_));
                self.within(Block::Text, out);
                self.delta("text_delta", ("text", text), out);
            }
            Event::Reasoning(text) => {
                self.within(Block::Thinking, out);
                self.delta("thinking_delta", ("thinking", text), out);
            }
            Event::Signature(signature) => {
                self.within(Block::Thinking, out);
                self.delta("signature_delta", ("signature", signature), out);
                // What is thought next has a proof of its own.
                self.open = None;
                self.stop_block(out);
            }
            Event::SealedReasoning(data) => {
                self.close(out);
                self.start(out, |block| {
                    block.put_word("type", "redacted_thinking");
                    block.put("data", data);
                });
                self.stop_block(out);
            }
            Event::ToolCall { index, id, name } => {
                self.close(out);
                self.open = Some(Block::Call(*index));
                self.start(out, |block| {
                    block.put_word("type", "tool_use");
                    block.put("id", id);
                    block.put("name", name);
                    block.object("input", |_| {});
                });
            }
            // Pieces of a call that is no longer open have nowhere to go: blocks follow each other here.
            Event::Arguments { index, json } if self.open == Some(Block::Call(*index)) => {
                self.delta("input_json_delta", ("partial_json", json), out);
            }
            Event::Arguments { .. } => self.has_lost = true,
            Event::Tokens(tokens) => self.tokens = *tokens,
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => self.end(out),
        }
    }

    /// Whether something of the answer could not be written: the stream must not be passed off as whole.
    pub(in crate::translate) fn has_lost(&self) -> bool {
        self.has_lost
    }

    fn begin(&self, id: &str, model: &str, out: &mut Vec<u8>) {
        write_event(out, "message_start", |event| {
            event.object("message", |message| {
                message.put("id", id);
                message.put_word("type", "message");
                message.put_word("role", "assistant");
                message.put("model", model);
                message.list("content", |_| {});
                message.put("stop_reason", &None::<()>);
                message.put("stop_sequence", &None::<()>);
                message.object("usage", |usage| write_usage(usage, self.tokens));
            });
        });
    }

    /// Sees to it that a block of that kind is open.
    fn within(&mut self, block: Block, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        self.open = Some(block);
        self.start(out, |object| match block {
            Block::Thinking => {
                object.put_word("type", "thinking");
                object.put_word("thinking", "");
                object.put_word("signature", "");
            }
            Block::Text | Block::Call(_) => {
                object.put_word("type", "text");
                object.put_word("text", "");
            }
        });
    }

    fn start(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        write_event(out, "content_block_start", |event| {
            event.put("index", &self.index);
            event.object("content_block", fill);
        });
    }

    fn delta(&self, kind: &'static str, (key, text): (&'static str, &str), out: &mut Vec<u8>) {
        write_event(out, "content_block_delta", |event| {
            event.put("index", &self.index);
            event.object("delta", |delta| {
                delta.put_word("type", kind);
                delta.put(key, text);
            });
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        if open == Block::Thinking {
            // Whoever speaks these words must see that it is none of its own, also without a proof.
            self.delta("signature_delta", ("signature", MARK), out);
        }
        self.stop_block(out);
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        write_event(out, "content_block_stop", |event| event.put("index", &self.index));
        self.index += 1;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let stop = stop_with(self.stop.as_ref(), self.has_refused);
        write_event(out, "message_delta", |event| {
            event.object("delta", |delta| write_stop(delta, stop));
            event.object("usage", |usage| write_usage(usage, self.tokens));
        });
        write_event(out, "message_stop", |_| {});
    }
}

fn write_event(out: &mut Vec<u8>, kind: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    object(out, |event| {
        event.put_word("type", kind);
        fill(event);
    });
    out.extend_from_slice(b"\n\n");
}
