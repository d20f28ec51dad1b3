//! How many tokens a conversation has, in Anthropic's words and in Google's: it is read as it is for an answer, without what shapes only
//! that.

use bytes::Bytes;
use serde::Deserialize;
use tidegate_domain::{
    fault::{Fault, Work},
    inference::{Address, Dialect, Dropped, InferenceRequest, Operation, Translation, Unfit},
};

use super::{
    conversation::{Conversation, Format},
    fields::Fields,
    gemini, in_place,
    json::{Body, object, placed},
    malformed, messages, written_for,
};

/// The request in the words of `to`.
pub(super) fn request(request: &InferenceRequest, to: Operation) -> Result<Translation, Unfit> {
    let (mut dropped, model) = (Dropped::default(), request.envelope().model());
    let is_anthropics = to == Operation::CountTokens;
    let fields = Fields::of_request(request)?;
    let (read, from) = if is_anthropics {
        (gemini::read_counted(fields, &mut dropped), Dialect::Gemini)
    } else {
        (messages::read_prompt(fields, &mut dropped), Dialect::Messages)
    };
    let counted = only_prompt(read?);
    for (name, _) in request.headers() {
        dropped.note(name);
    }
    let write = |lost: &mut Dropped| match to {
        Operation::CountTokens => messages::write_request(&counted, model, lost),
        _ => gemini::write_request(&counted, lost).map(|contents| wrapped(&contents)),
    };
    let (written, dropped) = written_for((request, from), (&dropped, Dropped::default()), write)?;
    let asked = in_place(to, written, Address { model: model.into(), stream: false })?;
    Ok(Translation::new(asked, dropped))
}

/// What of a conversation has tokens.
fn only_prompt(Conversation { turns, tools, tool_choice, format, .. }: Conversation) -> Conversation {
    let format = match format {
        schema @ Format::JsonSchema { .. } => schema,
        Format::Text | Format::JsonObject => Format::Text,
    };
    Conversation { turns, tools, tool_choice, format, ..Conversation::default() }
}

/// Instructions and tools are counted within a request of their own, which names its model once more: it is filled in for each provider.
fn wrapped(contents: &Body) -> Body {
    let contents = String::from_utf8_lossy(&contents.bytes);
    placed(|root| {
        let fields = contents.strip_prefix('{').unwrap_or_default();
        root.put_json("generateContentRequest", &format!(r#"{{"model":"",{fields}"#));
    })
}

#[derive(Deserialize)]
struct CountWire {
    #[serde(rename = "totalTokens", alias = "input_tokens")]
    tokens: u64,
}

/// The count for a caller who asked for `to`.
pub(super) fn answer(body: &[u8], to: Operation) -> Result<Bytes, Fault> {
    let CountWire { tokens } = serde_json::from_slice(body).map_err(|_| malformed(Work::Ambiguous))?;
    let key = if to == Operation::CountTokens { "input_tokens" } else { "totalTokens" };
    let mut out = Vec::new();
    object(&mut out, |root| root.put(key, &tokens));
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(operation: Operation, body: &str) -> Result<Translation, Unfit> {
        let body = Bytes::from(body.to_owned());
        let (asked, to) = if operation == Operation::CountTokens {
            (InferenceRequest::read(operation, body), Operation::CountContents)
        } else {
            let address = Address { model: "m".into(), stream: false };
            (InferenceRequest::addressed(operation, body, address), Operation::CountTokens)
        };
        request(&asked.unwrap(), to)
    }

    #[track_caller]
    fn check(operation: Operation, body: &str, (expected, dropped): (&str, &str)) {
        let translated = counted(operation, body).unwrap();
        assert_eq!(translated.request.body(), expected);
        assert_eq!(translated.dropped.to_string(), dropped);
    }

    #[test]
    fn a_count_in_anthropics_words_needs_no_limit_and_leaves_out_what_shapes_the_answer() {
        check(
            Operation::CountTokens,
            r#"{"model":"m","system":"Be brief.","thinking":{"type":"enabled","budget_tokens":2000},"odd":1,
            "tools":[{"name":"f","input_schema":{"a":1.10}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true},
            "messages":[{"role":"user","content":"Hi"}]}"#,
            (
                r#"{"generateContentRequest":{"model":"","systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"a":1.10}}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}}"#,
                "odd",
            ),
        );
    }

    #[test]
    fn a_count_in_googles_words_is_of_contents_or_of_a_whole_request() {
        let expected = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#;
        check(Operation::CountContents, r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#, (expected, ""));
        check(
            Operation::CountContents,
            r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"Hi"}]}],"safetySettings":[],
            "generationConfig":{"temperature":2,"maxOutputTokens":9,"responseMimeType":"application/json"}},"odd":1}"#,
            (expected, "odd, generateContentRequest.safetySettings"),
        );
    }

    #[test]
    fn what_cannot_be_counted_elsewhere_is_refused_by_its_field() {
        let refused = |operation, body| counted(operation, body).unwrap_err().param().unwrap().to_owned();
        let wrapped = r#"{"generateContentRequest":{"contents":[{"parts":[{"text":"Hi"}]}],"cachedContent":"c"}}"#;
        assert_eq!(refused(Operation::CountContents, wrapped), "generateContentRequest.cachedContent");
        assert_eq!(refused(Operation::CountContents, "{}"), "contents");
        let file = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#;
        assert_eq!(refused(Operation::CountTokens, file), "messages[0].content[].source.file_id");
    }

    #[test]
    fn a_count_is_told_in_the_words_of_who_asked() {
        let told = |body: &str, to| String::from_utf8(answer(body.as_bytes(), to).unwrap().to_vec()).unwrap();
        assert_eq!(told(r#"{"totalTokens":7,"x":[]}"#, Operation::CountTokens), r#"{"input_tokens":7}"#);
        assert_eq!(told(r#"{"input_tokens":7}"#, Operation::CountContents), r#"{"totalTokens":7}"#);
        assert!(answer(b"{}", Operation::CountTokens).is_err());
    }
}
