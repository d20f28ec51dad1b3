//! A stream on its way from one dialect into another.

use tidegate_domain::{
    fault::{Fault, Work},
    inference::{Dialect, Operation, StreamChunk},
};

use super::{
    Asked,
    answer::{Event, Sink},
    bedrock, chat, cohere, gemini, malformed, messages, responses,
};
use crate::provider::sse;

/// Translates the chunks of one streamed answer. What they mean is known already and stays as it is: content is content in
/// every dialect.
#[derive(Debug)]
pub struct StreamTranslator {
    reader: Reader,
    writer: Writer,
    names: Names,
}

/// What an answer has of its request where it does not say so itself.
#[derive(Debug)]
struct Names {
    id: Box<str>,
    model: Box<str>,
    created: u64,
}

#[derive(Debug)]
enum Reader {
    Chat(chat::StreamReader),
    Messages(messages::StreamReader),
    Responses(responses::StreamReader),
    Cohere(cohere::StreamReader),
    Gemini(gemini::StreamReader),
    Bedrock(bedrock::StreamReader),
}

#[derive(Debug)]
enum Writer {
    Chat(chat::StreamWriter),
    Messages(messages::StreamWriter),
    Cohere(cohere::StreamWriter),
    Gemini(gemini::StreamWriter),
    /// Boxed: it keeps the whole answer.
    Responses(Box<responses::StreamWriter>),
}

impl StreamTranslator {
    /// For the answer to a request, which is that of an operation of the provider's; `None` if that is no conversation, or nobody asks so.
    pub(crate) fn of(from: Operation, asked: Asked<'_>) -> Option<Self> {
        Self::new((from.dialect()?, asked.request.operation().dialect()?), asked)
    }

    /// From the provider's dialect into the caller's; `None` if nobody asks in that.
    pub fn new((from, to): (Dialect, Dialect), asked: Asked<'_>) -> Option<Self> {
        let reader = match from {
            Dialect::Chat => Reader::Chat(chat::StreamReader::default()),
            Dialect::Messages => Reader::Messages(messages::StreamReader::default()),
            Dialect::Responses => Reader::Responses(responses::StreamReader::default()),
            Dialect::Cohere => Reader::Cohere(cohere::StreamReader),
            Dialect::Gemini => Reader::Gemini(gemini::StreamReader::default()),
            Dialect::Bedrock => Reader::Bedrock(bedrock::StreamReader),
        };
        let writer = match to {
            Dialect::Chat => Writer::Chat(chat::StreamWriter::new(asked.request.envelope().include_usage())),
            Dialect::Messages => Writer::Messages(messages::StreamWriter::default()),
            Dialect::Responses => {
                let echo = responses::Echo::of(asked.request);
                Writer::Responses(Box::new(responses::StreamWriter::new(echo)))
            }
            Dialect::Cohere => Writer::Cohere(cohere::StreamWriter::default()),
            Dialect::Gemini => Writer::Gemini(gemini::StreamWriter::default()),
            Dialect::Bedrock => return None,
        };
        let names = Names { id: asked.id.into(), model: asked.model.into(), created: asked.at };
        Some(Self { reader, writer, names })
    }

    /// Translates a chunk: whole events of the provider's dialect.
    ///
    /// # Errors
    /// A fault if an event cannot be read, or what it says cannot be written.
    pub fn push(&mut self, chunk: &StreamChunk) -> Result<StreamChunk, Fault> {
        let Self { reader, writer, names } = self;
        // Most events are no longer than twice their length in another dialect.
        let mut out = Vec::with_capacity(2 * chunk.bytes.len());
        let mut sink = Written { writer, out: &mut out, names };
        let mut rest = &chunk.bytes[..];
        while !rest.is_empty() {
            let (event, behind) = rest.split_at(sse::first_event(rest));
            rest = behind;
            let data = sse::Event::parse(event).data;
            if data.is_empty() {
                continue;
            }
            let read = match reader {
                Reader::Chat(reader) => reader.read(&data, &mut sink),
                Reader::Messages(reader) => reader.read(&data, &mut sink),
                Reader::Responses(reader) => reader.read(&data, &mut sink),
                Reader::Cohere(reader) => reader.read(&data, &mut sink),
                Reader::Gemini(reader) => reader.read(&data, &mut sink),
                Reader::Bedrock(reader) => reader.read(&data, &mut sink),
            };
            read.map_err(|_| malformed(Work::Partial))?;
        }
        if let Reader::Gemini(reader) = reader
            && chunk.signals.done
        {
            // No event of this dialect says that it is the last one.
            reader.end(&mut sink);
        }
        if sink.writer.has_lost() {
            return Err(malformed(Work::Partial));
        }
        Ok(StreamChunk { bytes: out.into(), signals: chunk.signals })
    }
}

struct Written<'a> {
    writer: &'a mut Writer,
    out: &'a mut Vec<u8>,
    names: &'a Names,
}

impl Sink for Written<'_> {
    fn take(&mut self, event: Event<'_>) {
        let event = match event {
            Event::Begin { id, model, created } => {
                let Names { id: known_id, model: known_model, created: known } = self.names;
                let or = |said, known| if str::is_empty(said) { known } else { said };
                let created = created.or(Some(*known));
                Event::Begin { id: or(id, known_id), model: or(model, known_model), created }
            }
            other => other,
        };
        match self.writer {
            Writer::Chat(writer) => writer.write(&event, self.out),
            Writer::Messages(writer) => writer.write(&event, self.out),
            Writer::Cohere(writer) => writer.write(&event, self.out),
            Writer::Gemini(writer) => writer.write(&event, self.out),
            Writer::Responses(writer) => writer.write(&event, self.out),
        }
    }
}

impl Writer {
    fn has_lost(&self) -> bool {
        match self {
            Self::Chat(_) => false,
            Self::Messages(writer) => writer.has_lost(),
            Self::Cohere(writer) => writer.has_lost(),
            Self::Gemini(writer) => writer.has_lost(),
            Self::Responses(writer) => writer.has_lost(),
        }
    }
}
