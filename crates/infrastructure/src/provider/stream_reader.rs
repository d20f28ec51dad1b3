//! A streamed answer for whoever brings a connection of their own: bytes in, classified chunks out.
//!
//! It is what the gateway's own clients read streams of Chat Completions by, without the network. Deliberately absent: the
//! other dialects, and what is kept for another instance to go on with.

use bytes::Bytes;
use tidegate_domain::{
    fault::Fault,
    inference::{InferenceRequest, StreamChunk},
};

use super::{network_stream::ReadAnswer, openai::ChatWatch, watched::WatchedReader};

/// Reads the streamed answer to a request of Chat Completions. After an item with `signals.done`, or a fault, nothing follows.
#[derive(Debug)]
pub struct StreamReader(WatchedReader<ChatWatch>);

impl StreamReader {
    /// A reader of the answer to `request`: whether the caller wants the usage, and how many choices, decides what it forwards.
    pub fn new(request: &InferenceRequest) -> Self {
        let watch = ChatWatch::new(request.envelope().include_usage(), request.choices());
        Self(WatchedReader::new(watch))
    }

    /// Takes the next bytes, cut anywhere; [`StreamReader::next_chunk`] has been asked before until it had no more.
    ///
    /// # Errors
    /// A [`Fault`] if an event has more than 1 MiB.
    pub fn push(&mut self, read: Bytes) -> Result<(), Fault> {
        self.0.push(read)
    }

    /// The next chunk of whole events that the bytes so far complete; `None` if they complete none.
    ///
    /// # Errors
    /// A [`Fault`] if the upstream says that the answer failed, or says what is none.
    pub fn next_chunk(&mut self) -> Option<Result<StreamChunk, Fault>> {
        if self.0.is_over() { None } else { self.0.next() }
    }

    /// What is left once the upstream has closed the stream; `None` once nothing is.
    ///
    /// # Errors
    /// A [`Fault`] if the stream was cut: it must not pass for a whole answer.
    pub fn end(&mut self) -> Option<Result<StreamChunk, Fault>> {
        if self.0.is_over() { None } else { self.0.end_of_stream() }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::fault::FaultKind;

    use super::*;

    const CONTENT: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
    const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

    fn reader() -> StreamReader {
        let body = r#"{"model":"m","stream":true,"messages":[]}"#;
        StreamReader::new(&InferenceRequest::parse(Bytes::from_static(body.as_bytes())).unwrap())
    }

    #[test]
    fn a_stream_is_read_in_whole_events_however_it_is_cut() {
        let stream = format!("{CONTENT}{END}");
        for cut in 0..=stream.len() {
            let (mut reader, mut out, mut done) = (reader(), Vec::new(), false);
            for piece in [&stream[..cut], &stream[cut..]] {
                reader.push(Bytes::copy_from_slice(piece.as_bytes())).unwrap();
                while let Some(chunk) = reader.next_chunk() {
                    let chunk = chunk.unwrap();
                    assert!(chunk.bytes.ends_with(b"\n\n"), "cut at {cut}");
                    out.extend_from_slice(&chunk.bytes);
                    done |= chunk.signals.done;
                }
            }
            assert_eq!((out, done, reader.end()), (stream.clone().into_bytes(), true, None), "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_that_is_cut_is_a_fault() {
        let mut reader = reader();
        reader.push(Bytes::from_static(CONTENT.as_bytes())).unwrap();
        assert!(reader.next_chunk().unwrap().unwrap().signals.content);
        assert_eq!(reader.end().unwrap().unwrap_err().kind, FaultKind::Malformed);
        assert_eq!(reader.end(), None);
    }
}
