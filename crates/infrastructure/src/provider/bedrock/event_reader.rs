//! A framed stream, read as one of server-sent events, so that everything behind sees events.
//!
//! A frame becomes one event whose data is an object with the frame's type as its only key, as the protocol's own union is written:
//! `{"contentBlockDelta":{..}}`. An exception becomes an event that calls itself an error.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::StreamChunk,
};

use super::frames::{BrokenFrame, Frame, Frames};
use crate::provider::{
    network_stream::ReadAnswer,
    watched::{Watch, WatchedReader},
};

/// Reads frames for the events of `W`.
#[derive(Debug)]
pub(in crate::provider) struct FramedReader<W> {
    frames: Frames,
    events: BytesMut,
    reader: WatchedReader<W>,
    /// What comes once everything before it is out.
    broken: Option<BrokenFrame>,
}

impl<W: Watch> FramedReader<W> {
    pub(in crate::provider) fn new(watch: W) -> Self {
        Self { frames: Frames::default(), events: BytesMut::new(), reader: WatchedReader::new(watch), broken: None }
    }
}

impl<W: Watch> ReadAnswer for FramedReader<W> {
    fn push(&mut self, read: Bytes) -> Result<(), Fault> {
        self.frames.push(&read);
        loop {
            match self.frames.next() {
                Ok(None) => break,
                Ok(Some(frame)) => write_event(&mut self.events, &frame),
                Err(broken) => {
                    self.broken = Some(broken);
                    break;
                }
            }
        }
        self.reader.push(self.events.split().freeze())
    }

    fn next(&mut self) -> Option<Result<StreamChunk, Fault>> {
        if let Some(item) = self.reader.next() {
            return Some(item);
        }
        let BrokenFrame(detail) = self.broken.take()?;
        self.reader.give_up();
        Some(Err(Fault::new(FaultKind::Malformed, self.work(), detail)))
    }

    fn end_of_stream(&mut self) -> Option<Result<StreamChunk, Fault>> {
        self.reader.end_of_stream()
    }

    fn give_up(&mut self) {
        self.reader.give_up();
    }

    fn is_over(&self) -> bool {
        self.reader.is_over()
    }

    fn is_complete(&self) -> bool {
        self.reader.is_complete()
    }

    fn work(&self) -> Work {
        self.reader.work()
    }
}

fn write_event(out: &mut BytesMut, frame: &Frame) {
    match frame {
        Frame::Event { kind, payload } => {
            out.put_slice(b"data: {");
            write_text(out, kind);
            out.put_u8(b':');
            let start = out.len();
            out.put_slice(if payload.is_empty() { b"{}" } else { payload });
            // Between tokens JSON may break the line, where an event may not; within texts it may not either.
            out[start..].iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
            out.put_slice(b"}\n\n");
        }
        Frame::Exception { kind, payload } => write_error(out, kind, &message_of(payload)),
        Frame::Error { code, message } => write_error(out, code, message),
    }
}

fn write_error(out: &mut BytesMut, kind: &str, message: &str) {
    out.put_slice(b"event: error\ndata: {\"error\":{\"type\":");
    write_text(out, kind);
    out.put_slice(b",\"message\":");
    write_text(out, message);
    out.put_slice(b"}}\n\n");
}

fn write_text(out: &mut BytesMut, text: &str) {
    // Writing a text into memory does not fail.
    let _ = serde_json::to_writer(out.writer(), text);
}

#[derive(Deserialize, Default)]
struct ExceptionWire {
    #[serde(alias = "Message", default)]
    message: String,
}

fn message_of(payload: &[u8]) -> String {
    serde_json::from_slice::<ExceptionWire>(payload).unwrap_or_default().message
}
