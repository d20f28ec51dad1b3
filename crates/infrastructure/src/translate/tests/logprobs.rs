//! Who is asked how likely tokens are.

use super::*;

#[test]
fn how_likely_tokens_are_is_asked_of_those_alone_who_tell_it() {
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"logprobs":true,"top_logprobs":2}"#;
    let include = r#"{"model":"m","input":"Hi","include":["x","message.output_text.logprobs"]}"#;
    let top = r#"{"model":"m","input":"Hi","top_logprobs":2}"#;
    let gemini = r#"{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"responseLogprobs":true}}"#;
    for (from, body, field) in [
        (Dialect::Chat, chat, "logprobs"),
        (Dialect::Responses, include, "include[1]"),
        (Dialect::Responses, top, "top_logprobs"),
        (Dialect::Gemini, gemini, "generationConfig.responseLogprobs"),
    ] {
        for to in [Dialect::Messages, Dialect::Cohere, Dialect::Bedrock] {
            check_unfit(from, to, body, field);
        }
        for to in [Dialect::Chat, Dialect::Responses, Dialect::Gemini].into_iter().filter(|to| *to != from) {
            assert!(super::super::request(&read(from, body), from, to).is_ok(), "{from:?} to {to:?}");
        }
    }
    let lone = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"top_logprobs":2}"#;
    check_unfit(Dialect::Chat, Dialect::Responses, lone, "top_logprobs");
    let lone = r#"{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"logprobs":2}}"#;
    check_unfit(Dialect::Gemini, Dialect::Chat, lone, "generationConfig.logprobs");
    let coheres = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"logprobs":true}"#;
    check_unfit(Dialect::Cohere, Dialect::Chat, coheres, "logprobs");
}
