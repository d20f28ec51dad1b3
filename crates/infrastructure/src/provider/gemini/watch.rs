//! What the events of a streamed answer mean, and what a whole answer does: both have one shape.
//!
//! One pass without a tree, as for OpenAI's: a value that only matters by being there is a slice, and nothing is allocated. No event is the
//! last one: the stream is over when its connection is, and whole if every candidate gave a reason to stop before.

use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Signals, Usage},
    json::{InvalidJson, Scanner},
};

use crate::provider::{
    openai::{faults, tokens_of},
    sse::Event,
    usage::{GeminiUsageWire, Wording},
    watched::{Meaning, Watch},
};

/// Reasons to stop that say that generating failed.
const FAILED: [&str; 4] =
    ["\"MALFORMED_FUNCTION_CALL\"", "\"MALFORMED_RESPONSE\"", "\"UNEXPECTED_TOOL_CALL\"", "\"OTHER\""];

/// What of a part is no content, but says something about it.
const ABOUT: [&str; 4] = ["thought", "thoughtSignature", "videoMetadata", "partMetadata"];

/// The state of one streamed answer.
#[derive(Debug)]
pub(in crate::provider) struct GeminiWatch {
    /// How many candidates there must be.
    choices: u32,
    /// Those that have given a reason to stop, one bit each.
    finished: u64,
    is_blocked: bool,
}

/// What an answer, or an event of one, says.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Piece {
    /// The candidates that are there, one bit each.
    pub(super) seen: u64,
    /// Those of them that give a reason to stop.
    finished: u64,
    /// Whether one of them failed.
    has_failed: bool,
    /// About how many tokens of content they carry.
    tokens: u32,
    /// Whether the prompt was refused.
    pub(super) is_blocked: bool,
    pub(super) is_error: bool,
    pub(super) usage: Option<Usage>,
}

impl Piece {
    /// Reads a JSON object.
    pub(super) fn read(json: &[u8]) -> Result<Self, InvalidJson> {
        let (mut piece, mut seen) = (Self::default(), 0);
        let mut scanner = Scanner::new(json)?;
        scanner.object(|scanner, key| {
            match key {
                "candidates" => {
                    scanner.once(&mut seen, 0)?;
                    if !scanner.null()? {
                        scanner.list(|scanner| piece.add(scanner))?;
                    }
                }
                "promptFeedback" => {
                    scanner.once(&mut seen, 1)?;
                    piece.is_blocked = !scanner.null()? && is_blocked(scanner)?;
                }
                "usageMetadata" => {
                    scanner.once(&mut seen, 2)?;
                    piece.usage = scanner.filled()?.and_then(read_usage);
                }
                "error" => piece.is_error |= scanner.filled()?.is_some(),
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        Ok(piece)
    }

    /// Reads one candidate.
    fn add(&mut self, scanner: &mut Scanner<'_>) -> Result<(), InvalidJson> {
        let (mut index, mut tokens, mut reason, mut seen) = (0, 0, None, 0);
        scanner.object(|scanner, key| {
            match key {
                "index" => {
                    scanner.once(&mut seen, 0)?;
                    let value = scanner.filled()?.map(str::parse::<u32>);
                    index = value.transpose().or_else(|_| scanner.invalid())?.unwrap_or(0);
                }
                "content" => {
                    scanner.once(&mut seen, 1)?;
                    tokens = if scanner.null()? { 0 } else { content_tokens(scanner)? };
                }
                "finishReason" => {
                    scanner.once(&mut seen, 2)?;
                    reason =
                        scanner.filled()?.filter(|reason| !matches!(*reason, "\"\"" | "\"FINISH_REASON_UNSPECIFIED\""));
                }
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        let bit = 1 << index.min(63);
        self.seen |= bit;
        self.finished |= if reason.is_some() { bit } else { 0 };
        self.has_failed |= tokens == 0 && reason.is_some_and(|reason| FAILED.contains(&reason));
        self.tokens = self.tokens.saturating_add(tokens);
        Ok(())
    }

    /// The fault of an answer that says nothing because generating it failed.
    pub(super) fn failure(&self) -> Option<Fault> {
        let failed = || Fault::new(FaultKind::Transient, Work::Ambiguous, "the model failed to say anything of use");
        (self.has_failed && self.tokens == 0).then(failed)
    }
}

/// Whether the feedback on a prompt is that it was refused.
fn is_blocked(scanner: &mut Scanner<'_>) -> Result<bool, InvalidJson> {
    let mut is_blocked = false;
    scanner.object(|scanner, key| {
        let value = scanner.filled()?;
        is_blocked |= key == "blockReason" && value.is_some();
        Ok(())
    })?;
    Ok(is_blocked)
}

/// About how many tokens the parts of a content have.
fn content_tokens(scanner: &mut Scanner<'_>) -> Result<u32, InvalidJson> {
    let mut tokens = 0_u32;
    scanner.object(|scanner, key| {
        if key != "parts" || scanner.null()? {
            return if key == "parts" { Ok(()) } else { scanner.value().map(drop) };
        }
        scanner.list(|scanner| {
            scanner.object(|scanner, key| {
                let value = scanner.filled()?;
                if !ABOUT.contains(&key) {
                    tokens = tokens.saturating_add(tokens_of(value));
                }
                Ok(())
            })
        })
    })?;
    Ok(tokens)
}

/// The usage, if it is one: an odd usage is no reason to throw an answer away.
fn read_usage(json: &str) -> Option<Usage> {
    serde_json::from_str::<GeminiUsageWire>(json).ok()?.usage()
}

impl GeminiWatch {
    /// Watches an answer of so many candidates.
    pub(in crate::provider) fn new(choices: u32) -> Self {
        Self { choices, finished: 0, is_blocked: false }
    }
}

impl Watch for GeminiWatch {
    const TERMINAL: &'static [u8] = b"";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        let Ok(piece) = Piece::read(&event.data) else {
            return Meaning::malformed(work, "sent an event that is no part of an answer");
        };
        if piece.is_error {
            return Meaning::Failed(faults::in_band(&event.data, work));
        }
        if let Some(fault) = piece.failure().filter(|_| work != Work::Partial) {
            return Meaning::Failed(fault);
        }
        self.finished |= piece.finished;
        self.is_blocked |= piece.is_blocked;
        Meaning::Forward(Signals {
            content: piece.tokens > 0,
            finished: self.is_finished(),
            usage: piece.usage,
            tokens: piece.tokens,
            ..Signals::default()
        })
    }

    fn is_finished(&self) -> bool {
        self.is_blocked || self.finished.count_ones() >= self.choices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(watch: &mut GeminiWatch, data: &'static str, work: Work) -> Meaning {
        watch.meaning(&Event { data: data.as_bytes().into(), is_error: false }, work)
    }

    #[track_caller]
    fn check(data: &'static str, content: bool, finished: bool) {
        let Meaning::Forward(signals) = meaning(&mut GeminiWatch::new(1), data, Work::Ambiguous) else {
            panic!("{data} is a failure");
        };
        assert_eq!((signals.content, signals.finished, signals.done), (content, finished, false), "{data}");
    }

    #[test]
    fn only_what_a_caller_can_use_is_content() {
        check(r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}]}"#, true, false);
        check(r#"{"candidates":[{"content":{"parts":[{"text":"so","thought":true}]}}]}"#, true, false);
        check(r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#, true, false);
        check(r#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"AA"}}]}}]}"#, true, false);
        check(r#"{"candidates":[{"content":{"parts":[{"text":""}]}}]}"#, false, false);
        check(r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"s"}]}}]}"#, false, false);
        check(r#"{"candidates":[{"content":{"role":"model"}}]}"#, false, false);
        check(r#"{"candidates":[{"content":null}],"usageMetadata":{"promptTokenCount":1}}"#, false, false);
        check(r#"{"candidates":null}"#, false, false);
        check("{}", false, false);
    }

    #[test]
    fn a_reason_to_stop_and_a_refused_prompt_finish_an_answer() {
        check(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#, true, true);
        check(r#"{"candidates":[{"finishReason":"SAFETY"}]}"#, false, true);
        check(r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#, false, true);
        check(r#"{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}"#, false, false);
    }

    #[test]
    fn every_candidate_that_was_asked_for_must_finish() {
        let mut watch = GeminiWatch::new(2);
        let _ = meaning(&mut watch, r#"{"candidates":[{"index":1,"finishReason":"STOP"}]}"#, Work::Ambiguous);
        assert!(!watch.is_finished());
        let _ = meaning(&mut watch, r#"{"candidates":[{"index":0,"finishReason":"STOP"}]}"#, Work::Ambiguous);
        assert!(watch.is_finished());
    }

    #[test]
    fn the_usage_counts_thoughts_and_what_tools_read() {
        let data = r#"{"candidates":[],"usageMetadata":{"promptTokenCount":9,"toolUsePromptTokenCount":1,
            "cachedContentTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":2,"totalTokenCount":16}}"#;
        let Meaning::Forward(signals) = meaning(&mut GeminiWatch::new(1), data, Work::Ambiguous) else { panic!() };
        let expected =
            Usage { input_tokens: 10, output_tokens: 6, cached_tokens: 3, reasoning_tokens: 2, estimated: false };
        assert_eq!(signals.usage, Some(expected));
    }

    #[track_caller]
    fn check_failed(data: &'static str, kind: FaultKind) {
        let Meaning::Failed(fault) = meaning(&mut GeminiWatch::new(1), data, Work::Ambiguous) else {
            panic!("{data} is none");
        };
        assert_eq!(fault.kind, kind, "{data}");
    }

    #[test]
    fn errors_and_failed_generation_are_faults() {
        check_failed(r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, FaultKind::Overloaded);
        check_failed(r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#, FaultKind::Transient);
        for data in ["[]", "{\"candidates\":7}", "{\"candidates\":[7]}", "[DONE]"] {
            check_failed(data, FaultKind::Malformed);
        }
        let botched = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
        assert!(matches!(meaning(&mut GeminiWatch::new(1), botched, Work::Partial), Meaning::Forward(_)));
    }
}
