//! Writes a stream, event by event.
//!
//! Here a stream is a sequence of contents and calls, each of which is started and ended. What it cost is said at its end.

use super::answer::{finish_reason, write_usage};
use crate::translate::{
    answer::{Event, Stop, Tokens},
    json::{Object, object},
};

/// How far a stream is written.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamWriter {
    open: Option<Block>,
    /// How many contents were begun, and how many calls.
    contents: u32,
    calls: u32,
    tokens: Tokens,
    stop: Option<Stop>,
    /// Whether a piece came that had nowhere to go.
    has_lost: bool,
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    /// A call, with its index upstream, and whether it has arguments.
    Call(u32, bool),
}

impl StreamWriter {
    /// Writes what an event comes to.
    pub(in crate::translate) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, .. } => begin(id, out),
            Event::Text(text) | Event::Refusal(text) => self.say(Block::Text, text, out),
            Event::Reasoning(text) => self.say(Block::Thinking, text, out),
            // Proofs and sealed thoughts have no place here, and nobody who asks here asked how likely tokens were.
            Event::Signature(_) | Event::SealedReasoning(_) | Event::Logprobs(_) => {}
            Event::ToolCall { index, id, name } => {
                self.close(out);
                self.open = Some(Block::Call(*index, false));
                write_event(out, ("tool-call-start", self.calls), |message| {
                    message.object("tool_calls", |call| {
                        call.put("id", id);
                        call.put_word("type", "function");
                        call.object("function", |function| {
                            function.put("name", name);
                            function.put_word("arguments", "");
                        });
                    });
                });
            }
            Event::Arguments { index, json } => match self.open {
                Some(Block::Call(open, _)) if open == *index => {
                    self.open = Some(Block::Call(open, true));
                    self.arguments(json, out);
                }
                // Pieces of a call that is no longer open have nowhere to go.
                _ => self.has_lost = true,
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

    fn say(&mut self, block: Block, text: &str, out: &mut Vec<u8>) {
        let key = if block == Block::Thinking { "thinking" } else { "text" };
        if self.open != Some(block) {
            self.close(out);
            self.open = Some(block);
            write_event(out, ("content-start", self.contents), |message| {
                message.object("content", |content| {
                    content.put("type", key);
                    content.put(key, "");
                });
            });
        }
        write_event(out, ("content-delta", self.contents), |message| {
            message.object("content", |content| content.put(key, text));
        });
    }

    fn arguments(&self, json: &str, out: &mut Vec<u8>) {
        write_event(out, ("tool-call-delta", self.calls), |message| {
            message.object("tool_calls", |call| call.object("function", |function| function.put("arguments", json)));
        });
    }

    /// Ends what is open. A call without arguments gets an empty object: callers read them as JSON.
    fn close(&mut self, out: &mut Vec<u8>) {
        let (kind, count) = match self.open.take() {
            None => return,
            Some(Block::Text | Block::Thinking) => ("content-end", &mut self.contents),
            Some(Block::Call(_, has_arguments)) => {
                if !has_arguments {
                    self.arguments("{}", out);
                }
                ("tool-call-end", &mut self.calls)
            }
        };
        let index = *count;
        *count += 1;
        write_data(out, kind, |event| event.put("index", &index));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let stop = self.stop.take().unwrap_or(Stop::Done);
        write_data(out, "message-end", |event| {
            event.object("delta", |delta| {
                delta.put_word("finish_reason", finish_reason(&stop));
                delta.object("usage", |usage| write_usage(usage, self.tokens));
            });
        });
    }
}

fn begin(id: &str, out: &mut Vec<u8>) {
    write_data(out, "message-start", |event| {
        event.put("id", id);
        event.object("delta", |delta| {
            delta.object("message", |message| {
                message.put_word("role", "assistant");
                message.list("content", |_| {});
                message.put_word("tool_plan", "");
                message.list("tool_calls", |_| {});
                message.list("citations", |_| {});
            });
        });
    });
}

fn write_event(out: &mut Vec<u8>, (kind, index): (&'static str, u32), fill: impl FnOnce(&mut Object<'_>)) {
    write_data(out, kind, |event| {
        event.put("index", &index);
        event.object("delta", |delta| delta.object("message", fill));
    });
}

fn write_data(out: &mut Vec<u8>, kind: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    object(out, |event| {
        event.put_word("type", kind);
        fill(event);
    });
    out.extend_from_slice(b"\n\n");
}
