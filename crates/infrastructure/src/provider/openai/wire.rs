//! What the gateway reads of an answer in OpenAI's protocol, whole or as a chunk of a stream.
//!
//! One pass, borrowed, without a tree: a value that only matters by being there is a raw slice, choices are folded as they
//! are read, and whatever else a provider sends is skipped unread. Nothing is allocated.

use tidegate_domain::{
    inference::Usage,
    json::{InvalidJson, Scanner},
};

use crate::provider::usage::believed;

/// What an answer, or a chunk of one, says.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Answer {
    /// Its choices, all together.
    pub(super) choices: Choices,
    /// What it cost.
    pub(super) usage: Option<Usage>,
    /// Whether it reports an error in place of an answer.
    pub(super) is_error: bool,
}

/// What the choices of an answer say, all together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choices {
    /// The choices that are there, one bit each.
    pub(super) seen: u64,
    /// Those of them that are finished.
    pub(super) finished: u64,
    /// Whether one carries content.
    pub(super) content: bool,
    /// About how many tokens of content they carry.
    pub(super) tokens: u32,
    /// Where the text stands that is all the content there is, quotes included, if it is told so: by the delta of an only choice.
    pub(super) text: Option<(usize, usize)>,
    /// How many there are.
    count: usize,
    /// Whether one says that generation failed.
    failed: bool,
}

impl Answer {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// If `json` is no JSON object, or one whose known fields have the wrong type.
    pub(super) fn parse(json: &[u8]) -> Result<Self, InvalidJson> {
        let (mut answer, mut seen) = (Self::default(), 0);
        let mut scanner = Scanner::new(json)?;
        scanner.object(|scanner, key| {
            match key {
                "choices" => {
                    scanner.once(&mut seen, 0)?;
                    if !scanner.null()? {
                        scanner.list(|scanner| answer.choices.add(scanner))?;
                    }
                }
                "usage" => {
                    scanner.once(&mut seen, 1)?;
                    answer.usage = usage(scanner)?;
                }
                "error" => {
                    scanner.once(&mut seen, 2)?;
                    answer.is_error |= scanner.filled()?.is_some();
                }
                "object" => {
                    scanner.once(&mut seen, 3)?;
                    answer.is_error |= scanner.value()? == "\"error\"";
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        scanner.end()?;
        answer.is_error |= answer.choices.failed;
        Ok(answer)
    }

    /// Where the text stands that is all that it says, quotes included; `None` if it says anything else.
    pub(super) fn sole_text(&self) -> Option<(usize, usize)> {
        let is_all = self.usage.is_none() && !self.is_error && self.choices.finished == 0 && self.choices.count == 1;
        self.choices.text.filter(|_| is_all)
    }

    /// The same with another text, of so many bytes, in the place of its own.
    pub(super) fn with_text_of(mut self, bytes: usize) -> Self {
        self.choices.tokens = tokens_in(bytes + 2);
        self
    }
}

/// The fields of a delta that a caller can use.
const CONTENT: [&str; 7] =
    ["content", "tool_calls", "function_call", "reasoning_content", "reasoning", "refusal", "audio"];

impl Choices {
    /// Reads one choice.
    fn add(&mut self, scanner: &mut Scanner<'_>) -> Result<(), InvalidJson> {
        let (mut index, mut delta, mut text, mut finish, mut failed, mut seen) =
            (0, Delta::default(), 0, None, false, 0);
        scanner.object(|scanner, key| {
            match key {
                "index" => {
                    scanner.once(&mut seen, 0)?;
                    let value = scanner.filled()?.map(str::parse::<u32>);
                    index = value.transpose().or_else(|_| scanner.invalid())?.unwrap_or(0);
                }
                "delta" => {
                    scanner.once(&mut seen, 1)?;
                    delta = if scanner.null()? { Delta::default() } else { Delta::read(scanner)? };
                }
                // The text of a completion, which has no delta.
                "text" => {
                    scanner.once(&mut seen, 4)?;
                    text = tokens_of(scanner.filled()?);
                }
                "finish_reason" => {
                    scanner.once(&mut seen, 2)?;
                    finish = scanner.filled()?;
                }
                "error" => {
                    scanner.once(&mut seen, 3)?;
                    failed = scanner.filled()?.is_some();
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        let bit = 1 << index.min(63);
        failed |= finish == Some("\"error\"");
        self.seen |= bit;
        self.failed |= failed;
        if !failed && is_filled(finish) {
            self.finished |= bit;
        }
        self.count += 1;
        self.text = delta.text.filter(|_| self.count == 1 && text == 0);
        let tokens = delta.tokens.max(text);
        self.content |= tokens > 0;
        self.tokens = self.tokens.saturating_add(tokens);
        Ok(())
    }
}

/// What a delta carries.
#[derive(Default)]
struct Delta {
    /// About how many tokens of content; 0 if there is none.
    tokens: u32,
    /// Where its text stands, if that is all of its content.
    text: Option<(usize, usize)>,
}

impl Delta {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, InvalidJson> {
        let (mut delta, mut seen) = (Self::default(), 0);
        scanner.object(|scanner, key| {
            let field = (0..).zip(CONTENT).find(|(_, name)| *name == key);
            if let Some((bit, _)) = field {
                scanner.once(&mut seen, bit)?;
            }
            let value = scanner.filled()?;
            let tokens = if field.is_some() { tokens_of(value) } else { 0 };
            if tokens > 0 {
                let is_text =
                    key == "content" && delta.tokens == 0 && value.is_some_and(|value| value.starts_with('"'));
                let end = scanner.at();
                delta.text = value.filter(|_| is_text).map(|value| (end - value.len(), end));
                delta.tokens = delta.tokens.saturating_add(tokens);
            }
            Ok(())
        })?;
        Ok(delta)
    }
}

/// About how many tokens a value is; 0 if it says nothing.
pub(in crate::provider) fn tokens_of(value: Option<&str>) -> u32 {
    value.filter(|value| is_filled(Some(*value))).map_or(0, |value| tokens_in(value.len()))
}

/// About how many tokens so many bytes of a value are. Providers send a token at a time, or a few; what is longer than a token ever is has one
/// to every four bytes.
fn tokens_in(bytes: usize) -> u32 {
    const LONGEST_TOKEN: usize = 32;
    if bytes <= LONGEST_TOKEN { 1 } else { u32::try_from(bytes / 4).unwrap_or(u32::MAX) }
}

/// Whether a value says anything: providers fill the fields that they do not use with null and with empty values.
pub(super) fn is_filled(value: Option<&str>) -> bool {
    value.is_some_and(|value| !matches!(value, "null" | "\"\"" | "[]" | "{}"))
}

/// What a usage counts.
#[derive(Default)]
struct Counts {
    prompt: Option<u64>,
    completion: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
    /// Another spelling of the cached tokens, from before the details.
    cache_hits: Option<u64>,
}

impl Counts {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, InvalidJson> {
        let (mut counts, mut seen) = (Self::default(), 0);
        scanner.object(|scanner, key| {
            match key {
                // The second spelling is that of answers that are no conversations.
                "prompt_tokens" | "input_tokens" => {
                    scanner.once(&mut seen, 0)?;
                    counts.prompt = scanner.count()?;
                }
                "completion_tokens" | "output_tokens" => {
                    scanner.once(&mut seen, 1)?;
                    counts.completion = scanner.count()?;
                }
                "prompt_cache_hit_tokens" => {
                    scanner.once(&mut seen, 2)?;
                    counts.cache_hits = scanner.count()?;
                }
                "prompt_tokens_details" => {
                    scanner.once(&mut seen, 3)?;
                    counts.cached = detail(scanner, "cached_tokens")?;
                }
                "completion_tokens_details" => {
                    scanner.once(&mut seen, 4)?;
                    counts.reasoning = detail(scanner, "reasoning_tokens")?;
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// The usage that it makes, if it counts anything.
    fn usage(self) -> Option<Usage> {
        let Self { prompt, completion, cached, reasoning, cache_hits } = self;
        if (prompt, completion) == (None, None) {
            return None;
        }
        believed(Usage {
            input_tokens: prompt.unwrap_or(0),
            output_tokens: completion.unwrap_or(0),
            cached_tokens: cached.or(cache_hits).unwrap_or(0),
            reasoning_tokens: reasoning.unwrap_or(0),
            estimated: false,
        })
    }
}

/// The count of that name among details.
fn detail(scanner: &mut Scanner<'_>, name: &str) -> Result<Option<u64>, InvalidJson> {
    let (mut count, mut seen) = (None, 0);
    if scanner.null()? {
        return Ok(None);
    }
    scanner.object(|scanner, key| {
        if key == name {
            scanner.once(&mut seen, 0)?;
            count = scanner.count()?;
            return Ok(());
        }
        scanner.skip()
    })?;
    Ok(count)
}

/// The usage, if it is one.
pub(super) fn read_usage(json: &str) -> Option<Usage> {
    usage(&mut Scanner::of(json)).ok()?
}

/// Reads the usage, if it is one: an odd usage is no reason to throw an answer away.
fn usage(scanner: &mut Scanner<'_>) -> Result<Option<Usage>, InvalidJson> {
    Ok(scanner.read_or_skip(Counts::read)?.and_then(Counts::usage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::usage::MAX_TOKENS;

    #[track_caller]
    fn check(json: &str, content: bool, finished: bool) {
        let choices = Answer::parse(json.as_bytes()).unwrap().choices;
        assert_eq!((choices.content, choices.finished != 0), (content, finished), "{json}");
    }

    #[track_caller]
    fn check_delta(delta: &str, content: bool) {
        check(&format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#), content, false);
    }

    #[test]
    fn only_what_a_caller_can_use_is_content() {
        check_delta(r#"{"content":"a"}"#, true);
        check_delta(r#"{"content":" "}"#, true);
        check_delta(r#"{"content":"\ud83d"}"#, true);
        check_delta(r#"{"tool_calls":[{"index":0}]}"#, true);
        check_delta(r#"{"content":null,"reasoning_content":"hm"}"#, true);
        check_delta(r#"{"content":"","reasoning":"hm"}"#, true);
        check_delta(r#"{"refusal":"no"}"#, true);
        check_delta(r#"{"audio":{"id":"a"}}"#, true);
        check_delta(r#"{"role":"assistant"}"#, false);
        check_delta(r#"{"role":"assistant","content":"","tool_calls":[],"refusal":null}"#, false);
        check_delta("{}", false);
        check_delta("null", false);
        check(r#"{"choices":[{"index":0,"text":"a","finish_reason":null}]}"#, true, false);
        check(r#"{"choices":[{"index":0,"text":"","finish_reason":"stop"}]}"#, false, true);
        check(r#"{"choices":[]}"#, false, false);
        check(r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#, false, false);
        check(r#"{"choices":null}"#, false, false);
    }

    #[test]
    fn a_usage_that_no_model_can_reach_is_none() {
        let usage = |tokens: u64| {
            let json = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":{tokens}}}}}"#);
            Answer::parse(json.as_bytes()).unwrap().usage.map(|usage| usage.output_tokens)
        };
        assert_eq!(usage(MAX_TOKENS), Some(MAX_TOKENS));
        assert_eq!(usage(MAX_TOKENS + 1), None);
        assert_eq!(usage(u64::MAX), None);
    }

    #[test]
    fn an_empty_finish_reason_is_none() {
        check(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, false, true);
        check(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}"#, true, true);
        check(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#, true, false);
    }

    #[test]
    fn choices_are_told_apart() {
        let json =
            br#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":2,"delta":{"content":"a"}}]}"#;
        let choices = Answer::parse(json).unwrap().choices;
        assert_eq!((choices.seen, choices.finished), (0b101, 0b001));
    }

    #[test]
    fn a_piece_of_content_is_a_token_unless_it_is_longer_than_any() {
        let tokens = |content: &str| {
            let json =
                format!(r#"{{"choices":[{{"delta":{{"content":"{content}"}}}},{{"delta":{{"refusal":"r"}}}}]}}"#);
            Answer::parse(json.as_bytes()).unwrap().choices.tokens
        };
        assert_eq!(tokens(""), 1);
        assert_eq!(tokens("word "), 2);
        assert_eq!(tokens(&"x".repeat(398)), 101);
    }

    #[test]
    fn usage_is_read_with_its_details() {
        let json = br#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,
            "prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#;
        let expected =
            Usage { input_tokens: 9, output_tokens: 4, cached_tokens: 3, reasoning_tokens: 2, estimated: false };
        assert_eq!(Answer::parse(json).unwrap().usage, Some(expected));
        let deepseek = br#"{"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":8}}"#;
        assert_eq!(Answer::parse(deepseek).unwrap().usage.unwrap().cached_tokens, 8);
    }

    #[test]
    fn an_odd_usage_is_no_usage() {
        for odd in ["null", "{}", "[]", r#"{"prompt_tokens":-1}"#, r#""12""#] {
            assert_eq!(Answer::parse(format!(r#"{{"usage":{odd}}}"#).as_bytes()).unwrap().usage, None, "{odd}");
        }
    }

    #[test]
    fn every_way_to_report_an_error_is_seen() {
        for json in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"error":"m"}"#,
            r#"{"object":"error","message":"m","code":400}"#,
            r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#,
            r#"{"choices":[{"delta":{},"error":{"code":502}}]}"#,
        ] {
            assert!(Answer::parse(json.as_bytes()).unwrap().is_error, "{json}");
        }
        assert!(!Answer::parse(br#"{"choices":[],"error":null}"#).unwrap().is_error);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for json in ["", "[]", "12", "{\"choices\":", "{\"choices\":7}", "{}x", "<html>"] {
            assert!(Answer::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
