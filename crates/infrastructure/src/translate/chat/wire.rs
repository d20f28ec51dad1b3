//! The JSON of an answer: whole, or a piece of a streamed one. Texts are slices of it wherever they hold no escape.

use std::{borrow::Cow, ops::Range};

use tidegate_domain::{
    inference::Usage,
    json::{InvalidJson, Scanner},
};

use crate::translate::{answer::Tokens, gemini::marked};

type Read<T> = Result<T, InvalidJson>;
type Text<'a> = Option<Cow<'a, str>>;

/// An answer.
#[derive(Debug, Default)]
pub(super) struct AnswerWire<'a> {
    pub(super) id: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) created: Option<u64>,
    pub(super) choices: Option<Vec<ChoiceWire<'a>>>,
    pub(super) usage: Option<UsageWire>,
}

/// One of the answers.
#[derive(Debug, Default)]
pub(super) struct ChoiceWire<'a> {
    pub(super) index: Option<u64>,
    /// `message`, or what a piece of a stream adds to it.
    pub(super) message: Option<MessageWire<'a>>,
    pub(super) finish_reason: Text<'a>,
    /// As it is spelt.
    pub(super) logprobs: Option<&'a str>,
}

/// What the model says.
#[derive(Debug, Default)]
pub(super) struct MessageWire<'a> {
    pub(super) content: Text<'a>,
    /// Where it ends, behind its closing quote.
    content_end: usize,
    pub(super) refusal: Text<'a>,
    pub(super) reasoning_content: Text<'a>,
    pub(super) reasoning: Text<'a>,
    pub(super) tool_calls: Vec<CallWire<'a>>,
}

/// A call of a tool.
#[derive(Debug, Default)]
pub(super) struct CallWire<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Text<'a>,
    pub(super) function: Option<FunctionWire<'a>>,
    thought_signature: Text<'a>,
}

/// Which function is called, and with what.
#[derive(Debug, Default)]
pub(super) struct FunctionWire<'a> {
    pub(super) name: Text<'a>,
    pub(super) arguments: Text<'a>,
}

/// What the answer cost.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct UsageWire {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    /// `DeepSeek`'s word for `cached_tokens`.
    prompt_cache_hit_tokens: Option<u64>,
}

impl<'a> AnswerWire<'a> {
    /// Reads an answer.
    pub(super) fn read(json: &'a [u8]) -> Read<Self> {
        let mut scanner = Scanner::new(json)?;
        let answer = object(&mut scanner, |answer: &mut Self, scanner, key| {
            match key {
                "id" => answer.id = scanner.text()?,
                "model" => answer.model = scanner.text()?,
                "created" => answer.created = scanner.count()?,
                "choices" => answer.choices = scanner.some(|scanner| list(scanner, ChoiceWire::read))?,
                "usage" => answer.usage = scanner.some(UsageWire::read)?,
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        scanner.end()?;
        Ok(answer)
    }
}

impl AnswerWire<'_> {
    /// Where the text stands that is all that a piece of a stream says, without its quotes; `None` if it says anything else.
    pub(super) fn sole_text(&self) -> Option<Range<usize>> {
        let [choice] = self.choices.as_deref()? else { return None };
        let message = choice.message.as_ref().filter(|_| self.usage.is_none())?;
        let MessageWire { content: Some(Cow::Borrowed(content)), content_end, tool_calls, .. } = message else {
            return None;
        };
        let is_all = [&message.refusal, &message.reasoning_content, &message.reasoning, &choice.finish_reason];
        let is_all = is_all.into_iter().all(Option::is_none) && tool_calls.is_empty() && choice.logprobs.is_none();
        let end = content_end - 1;
        (is_all && choice.index.unwrap_or(0) == 0).then(|| end - content.len()..end)
    }
}

impl<'a> ChoiceWire<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Read<Self> {
        object(scanner, |choice: &mut Self, scanner, key| {
            match key {
                "index" => choice.index = scanner.count()?,
                "message" | "delta" => choice.message = scanner.some(MessageWire::read)?,
                "finish_reason" => choice.finish_reason = scanner.text()?,
                "logprobs" => choice.logprobs = scanner.filled()?,
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }
}

impl<'a> MessageWire<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Read<Self> {
        object(scanner, |message: &mut Self, scanner, key| {
            match key {
                "content" => {
                    message.content = scanner.text()?;
                    message.content_end = scanner.at();
                }
                "refusal" => message.refusal = scanner.text()?,
                "reasoning_content" => message.reasoning_content = scanner.text()?,
                "reasoning" => message.reasoning = scanner.text()?,
                "tool_calls" => {
                    let calls = scanner.some(|scanner| list(scanner, CallWire::read))?;
                    message.tool_calls = calls.unwrap_or_default();
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }
}

impl<'a> CallWire<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Read<Self> {
        object(scanner, |call: &mut Self, scanner, key| {
            match key {
                "index" => call.index = scanner.count()?,
                "id" => call.id = scanner.text()?,
                "function" => call.function = scanner.some(FunctionWire::read)?,
                "extra_content" => call.thought_signature = scanner.some(thought_signature)?.flatten(),
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }

    /// The proof of the thought that the call came of, marked as Google's.
    pub(super) fn proof(&self) -> Option<String> {
        self.thought_signature.as_deref().filter(|proof| !proof.is_empty()).map(marked)
    }
}

impl<'a> FunctionWire<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Read<Self> {
        object(scanner, |function: &mut Self, scanner, key| {
            match key {
                "name" => function.name = scanner.text()?,
                "arguments" => function.arguments = scanner.text()?,
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }
}

impl UsageWire {
    fn read(scanner: &mut Scanner<'_>) -> Read<Self> {
        object(scanner, |usage: &mut Self, scanner, key| {
            match key {
                "prompt_tokens" => usage.prompt_tokens = scanner.count()?,
                "completion_tokens" => usage.completion_tokens = scanner.count()?,
                "prompt_cache_hit_tokens" => usage.prompt_cache_hit_tokens = scanner.count()?,
                "prompt_tokens_details" | "completion_tokens_details" => {
                    scanner.some(|scanner| usage.read_details(scanner))?;
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }

    fn read_details(&mut self, scanner: &mut Scanner<'_>) -> Read<()> {
        scanner.object(|scanner, key| {
            match key {
                "cached_tokens" => self.cached_tokens = scanner.count()?,
                "cache_write_tokens" => self.cache_write_tokens = scanner.count()?,
                "reasoning_tokens" => self.reasoning_tokens = scanner.count()?,
                _ => scanner.skip()?,
            }
            Ok(())
        })
    }

    pub(super) fn tokens(self) -> Tokens {
        Tokens {
            usage: Usage {
                input_tokens: self.prompt_tokens.unwrap_or(0),
                output_tokens: self.completion_tokens.unwrap_or(0),
                cached_tokens: self.cached_tokens.or(self.prompt_cache_hit_tokens).unwrap_or(0),
                reasoning_tokens: self.reasoning_tokens.unwrap_or(0),
                estimated: false,
            },
            cache_written: self.cache_write_tokens.unwrap_or(0),
        }
    }
}

/// What Google's endpoint for this dialect says beside a call.
fn thought_signature<'a>(scanner: &mut Scanner<'a>) -> Read<Text<'a>> {
    let mut signature = None;
    scanner.object(|scanner, key| match key {
        "google" => {
            let google = scanner.some(|scanner| {
                scanner.object(|scanner, key| match key {
                    "thought_signature" => scanner.text().map(|text| signature = text),
                    _ => scanner.skip(),
                })
            });
            google.map(drop)
        }
        _ => scanner.skip(),
    })?;
    Ok(signature)
}

/// Reads an object, of which `field` reads each.
fn object<'a, T: Default>(
    scanner: &mut Scanner<'a>,
    mut field: impl FnMut(&mut T, &mut Scanner<'a>, &str) -> Read<()>,
) -> Read<T> {
    let mut read = T::default();
    scanner.object(|scanner, key| field(&mut read, scanner, key))?;
    Ok(read)
}

/// Reads a list, of which `read` reads each.
fn list<'a, T>(scanner: &mut Scanner<'a>, read: impl Fn(&mut Scanner<'a>) -> Read<T>) -> Read<Vec<T>> {
    let mut elements = Vec::new();
    scanner.list(|scanner| {
        elements.push(read(scanner)?);
        Ok(())
    })?;
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_counts_where_its_own_object_names_it() {
        let answer = AnswerWire::read(
            br#"{"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":2,"prompt_tokens_details":
            {"cached_tokens":4,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":3},"total_tokens":14}}"#,
        );
        let tokens = answer.unwrap().usage.map(UsageWire::tokens).unwrap();
        let Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens, .. } = tokens.usage;
        assert_eq!((input_tokens, output_tokens, cached_tokens, reasoning_tokens), (9, 5, 4, 3));
        assert_eq!(tokens.cache_written, 1);
    }

    #[test]
    fn a_text_is_all_that_a_piece_says_unless_it_says_more() {
        let sole = |json: &str| {
            let range = AnswerWire::read(json.as_bytes()).unwrap().sole_text();
            range.map(|range| json[range].to_owned())
        };
        let piece = |delta: &str, rest: &str| format!(r#"{{"id":"c","choices":[{{"delta":{{{delta}}}{rest}}}]}}"#);
        assert_eq!(sole(&piece(r#""content": "ab" ,"role":"x""#, "")).as_deref(), Some("ab"));
        for (delta, rest) in [
            (r#""role":"assistant""#, ""),
            (r#""content":"a\n""#, ""),
            (r#""content":"a","reasoning":"b""#, ""),
            (r#""content":"a","refusal":"b""#, ""),
            (r#""content":"a","tool_calls":[{"index":0}]"#, ""),
            (r#""content":"a""#, r#","index":1"#),
            (r#""content":"a""#, r#","finish_reason":"stop""#),
            (r#""content":"a""#, r#","logprobs":{}"#),
            (r#""content":"a""#, "},{"),
        ] {
            assert_eq!(sole(&piece(delta, rest)), None, "{delta} {rest}");
        }
        assert_eq!(sole(r#"{"choices":[{"delta":{"content":"a"}}],"usage":{}}"#), None);
    }

    #[test]
    fn what_is_null_is_absent() {
        let answer = AnswerWire::read(
            br#"{"id":null,"choices":[{"delta":{"content":null,"tool_calls":null},"logprobs":null},{"delta":null}],"usage":null}"#,
        );
        let AnswerWire { id, choices: Some(choices), usage, .. } = answer.unwrap() else { panic!("no choices") };
        assert!(id.is_none() && usage.is_none() && choices[1].message.is_none() && choices[0].logprobs.is_none());
        assert!(choices[0].message.as_ref().is_some_and(|said| said.content.is_none() && said.tool_calls.is_empty()));
    }

    #[test]
    fn what_is_of_another_type_makes_an_answer_unreadable() {
        for json in [r#"{"id":7}"#, r#"{"choices":{}}"#, r#"{"usage":{"prompt_tokens":"3"}}"#, "[]", "{} {}"] {
            assert!(AnswerWire::read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
