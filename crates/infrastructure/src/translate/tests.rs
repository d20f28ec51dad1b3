//! What becomes of requests, answers and streams in each other dialect, looked over by a person's eye; and that no cut of a
//! stream and no way there and back changes anything.

mod fixtures;
mod logprobs;
mod naming;
mod proofs;
mod round_trip;
mod streams;

use tidegate_domain::{fault::UpstreamError, inference::InvalidEnvelope};

use self::fixtures::{Text, answers, errors, requests};
use super::*;

fn read(dialect: Dialect, body: &str) -> InferenceRequest {
    request_in(dialect, body).unwrap()
}

/// The request of that body, for the model `m` where the dialect names it elsewhere.
fn request_in(dialect: Dialect, body: &str) -> Result<InferenceRequest, InvalidEnvelope> {
    let (operation, body) = (Operation::Converse(dialect), body.to_owned().into());
    match dialect {
        Dialect::Gemini | Dialect::Bedrock => {
            InferenceRequest::addressed(operation, body, Address { model: "m".into(), stream: false })
        }
        Dialect::Chat | Dialect::Responses | Dialect::Messages | Dialect::Cohere => {
            InferenceRequest::read(operation, body)
        }
    }
}

/// A body as it was written, a field a line: a tree in between would respell numbers.
fn pretty(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap().replace(",\"", ",\n\"").replace("},{", "},\n{")
}

fn snapshot(kind: &str, Text { dialect, name, .. }: &Text, to: Dialect, text: &str) {
    let words = [*dialect, to].map(|dialect| Operation::Converse(dialect).as_str());
    insta::assert_snapshot!(format!("{kind}_{name}_{}_to_{}", words[0], words[1]), text);
}

fn others(dialect: Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.into_iter().filter(move |other| *other != dialect)
}

/// The other dialects that callers ask in.
fn callers(dialect: Dialect) -> impl Iterator<Item = Dialect> {
    others(dialect).filter(|other| other.has_callers())
}

/// A caller's request that was answered; it asked for its usage where that must be asked for.
fn asked(dialect: Dialect) -> InferenceRequest {
    let usage = r#""stream":true,"stream_options":{"include_usage":true}"#;
    let repeated = r#""metadata":{"a":"b"},"temperature":1.10,"tools":[{"type":"function","name":"add"}]"#;
    let rest = if dialect == Dialect::Responses { repeated } else { usage };
    read(dialect, &format!(r#"{{"model":"m",{rest}}}"#))
}

/// When it came.
const AT: u64 = 1_700_000_007;

fn answered(body: &[u8], (from, to): (Dialect, Dialect)) -> Result<Bytes, Fault> {
    answer(body, (from, to), about(&asked(to)))
}

fn about(request: &InferenceRequest) -> Asked<'_> {
    Asked { request, at: AT, id: "req_1", model: "asked" }
}

#[test]
fn requests_say_the_same_in_every_other_dialect() {
    for request in requests() {
        for to in others(request.dialect) {
            let text = match super::request(&read(request.dialect, request.text), request.dialect, to) {
                Ok(Translation { request, dropped, adaptive, .. }) => {
                    let said = |request: &InferenceRequest, dropped: &Dropped| {
                        format!("dropped: [{dropped}]\n{}", pretty(request.body()))
                    };
                    let adaptive = adaptive.as_deref().map(|Rewording { request, dropped }| {
                        format!("\n\nto a Claude that thinks as it sees fit, {}", said(request, dropped))
                    });
                    said(&request, &dropped) + &adaptive.unwrap_or_default()
                }
                Err(unfit) => format!("unfit: {unfit}"),
            };
            snapshot("request", request, to, &text);
        }
    }
}

#[test]
fn answers_say_the_same_in_every_other_dialect() {
    for recorded in answers() {
        for to in callers(recorded.dialect) {
            let translated = answered(recorded.text.as_bytes(), (recorded.dialect, to)).unwrap();
            snapshot("answer", recorded, to, &pretty(&translated));
        }
    }
}

#[test]
fn errors_say_the_same_in_every_other_dialect() {
    for recorded in errors() {
        for to in callers(recorded.dialect) {
            let mut refused = Fault::new(FaultKind::Client, Work::Refused, "refused");
            refused.upstream = Some(UpstreamError { status: 400, body: recorded.text.as_bytes().into() });
            let error = fault(refused, to.family()).upstream.unwrap();
            snapshot("error", recorded, to, &format!("{}\n{}", error.status, pretty(&error.body)));
        }
    }
}

#[track_caller]
fn check_unfit(from: Dialect, to: Dialect, body: &str, field: &str) {
    let unfit = super::request(&read(from, body), from, to).unwrap_err();
    assert_eq!(unfit.param(), Some(field), "{body}: {unfit}");
}

#[test]
fn what_would_change_the_answer_is_refused_by_its_field() {
    let chat = |extra: &str, field: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}}],{extra}}}"#);
        check_unfit(Dialect::Chat, Dialect::Messages, &body, field);
    };
    chat(r#""n":2"#, "n");
    chat(r#""logprobs":true"#, "logprobs");
    chat(r#""logit_bias":{"1":-100}"#, "logit_bias");
    chat(r#""modalities":["text","audio"]"#, "modalities");
    chat(r#""web_search_options":{}"#, "web_search_options");
    chat(r#""response_format":{"type":"json_object"}"#, "response_format.type");
    chat(r#""tools":[{"type":"custom","custom":{"name":"c"}}]"#, "tools[0].type");
    chat(r#""tool_choice":{"type":"allowed_tools"}"#, "tool_choice");
    chat(r#""temperature":"hot""#, "temperature");
    let part = |part: &str, field: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#);
        check_unfit(Dialect::Chat, Dialect::Messages, &body, field);
    };
    part(r#"{"type":"video_url","video_url":{}}"#, "messages[0].content[0].type");
    part(r#"{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}"#, "messages[0].content[].type");
    let bedrock = |fields: &str, field: &str| {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        check_unfit(Dialect::Chat, Dialect::Bedrock, &body, field);
    };
    let hi = r#""messages":[{"role":"user","content":"Hi"}]"#;
    let tool = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
    let called = r#""messages":[{"role":"tool","tool_call_id":"c","content":"5"}]"#;
    bedrock(&format!(r#"{hi},"response_format":{{"type":"json_object"}}"#), "response_format.type");
    bedrock(&format!(r#"{hi},{tool},"parallel_tool_calls":false"#), "parallel_tool_calls");
    bedrock(&format!(r#"{called},{tool},"tool_choice":"none""#), "tool_choice");
    let bedrock_part = |part: &str| {
        bedrock(&format!(r#""messages":[{{"role":"user","content":[{part}]}}]"#), "messages[0].content[].type");
    };
    bedrock_part(r#"{"type":"image_url","image_url":{"url":"https://e.example/a.png"}}"#);
    bedrock_part(r#"{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AA"}}"#);
    bedrock_part(r#"{"type":"file","file":{"file_id":"f"}}"#);
    bedrock_part(r#"{"type":"file","file":{"file_data":"data:application/zip;base64,AA"}}"#);
    let messages = |extra: &str, field: &str| {
        let body = format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"Hi"}}],{extra}}}"#);
        check_unfit(Dialect::Messages, Dialect::Chat, &body, field);
    };
    messages(r#""container":"c""#, "container");
    messages(r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "tools[0].type");
    check_unfit(Dialect::Messages, Dialect::Chat, r#"{"model":"m","messages":[{"role":"user"}]}"#, "max_tokens");
    check_unfit(Dialect::Messages, Dialect::Chat, r#"{"model":"m","max_tokens":9}"#, "messages");
}

#[test]
fn what_google_cannot_be_told_or_does_by_itself_is_refused_by_its_field() {
    let gemini = |extra: &str, field: &str| {
        for to in [Dialect::Chat, Dialect::Messages] {
            let body = format!(r#"{{"contents":[{{"parts":[{{"text":"Hi"}}]}}],{extra}}}"#);
            check_unfit(Dialect::Gemini, to, &body, field);
        }
    };
    gemini(r#""cachedContent":"c""#, "cachedContent");
    gemini(r#""tools":[{"googleSearch":{}}]"#, "tools[0].googleSearch");
    gemini(r#""toolConfig":{"functionCallingConfig":{"mode":"SOME"}}"#, "toolConfig.functionCallingConfig.mode");
    let names = "toolConfig.functionCallingConfig.allowedFunctionNames";
    gemini(r#""toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a","b"]}}"#, names);
    let settings = |settings: &str, field: &str| {
        gemini(&format!(r#""generationConfig":{{{settings}}}"#), &format!("generationConfig.{field}"));
    };
    settings(r#""candidateCount":2"#, "candidateCount");
    settings(r#""responseModalities":["IMAGE"]"#, "responseModalities");
    settings(r#""responseMimeType":"text/x.enum""#, "responseMimeType");
    settings(r#""topK":1.5"#, "topK");
    settings(r#""responseSchema":{"properties":{"a":7}}"#, "responseSchema.properties.a");
    let part = |part: &str, field: &str| {
        let body = format!(r#"{{"contents":[{{"role":"user","parts":[{part}]}}]}}"#);
        check_unfit(Dialect::Gemini, Dialect::Chat, &body, &format!("contents[0].parts[0].{field}"));
    };
    part(r#"{"executableCode":{}}"#, "executableCode");
    part(r#"{"inlineData":{"mimeType":"video/mp4","data":"AA"}}"#, "inlineData.mimeType");
    part(r#"{"fileData":{"mimeType":"image/png","fileUri":"gs://b/a"}}"#, "fileData.fileUri");
    part(r#"{"functionResponse":{"name":"f","response":{}}}"#, "functionResponse.name");
    let chat = |extra: &str, field: &str| {
        check_unfit(Dialect::Chat, Dialect::Gemini, &format!(r#"{{"model":"m",{extra}}}"#), field);
    };
    let (messages, tools) =
        (r#""messages":[{"role":"user","content":"Hi"}]"#, r#"{"type":"function","function":{"name":"f"}}"#);
    chat(&format!(r#"{messages},"parallel_tool_calls":false,"tools":[{tools}]"#), "parallel_tool_calls");
    chat(r#""messages":[{"role":"tool","tool_call_id":"c","content":"5"}]"#, "messages[0].tool_call_id");
    let file = r#"{"type":"file","file":{"file_id":"file-1"}}"#;
    chat(&format!(r#""messages":[{{"role":"user","content":[{file}]}}]"#), "messages[0].content[].file.file_id");
}

#[test]
fn a_request_by_path_keeps_its_model_and_its_stream() {
    let address = Address { model: "chat".into(), stream: true };
    let body = r#"{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":9}}"#.into();
    let asked = InferenceRequest::addressed(Operation::Converse(Dialect::Gemini), body, address).unwrap();
    for to in callers(Dialect::Gemini) {
        let there = super::request(&asked, Dialect::Gemini, to).unwrap();
        assert_eq!((there.request.envelope().model(), there.request.envelope().stream()), ("chat", true));
        let back = super::request(&there.request, to, Dialect::Gemini).unwrap();
        assert_eq!((back.request.envelope().model(), back.request.envelope().stream()), ("chat", true));
    }
}

#[test]
fn what_openai_keeps_or_does_by_itself_is_refused_by_its_field() {
    let responses = |extra: &str, field: &str| {
        for to in others(Dialect::Responses) {
            check_unfit(Dialect::Responses, to, &format!(r#"{{"model":"m","input":"Hi",{extra}}}"#), field);
        }
    };
    responses(r#""previous_response_id":"resp_1""#, "previous_response_id");
    responses(r#""conversation":{"id":"c"}"#, "conversation");
    responses(r#""prompt":{"id":"p"}"#, "prompt");
    responses(r#""background":true"#, "background");
    responses(r#""stop":["END"]"#, "stop");
    responses(r#""tools":[{"type":"web_search"}]"#, "tools[0].type");
    responses(r#""tool_choice":{"type":"web_search"}"#, "tool_choice.type");
    responses(r#""text":{"format":{"type":"grammar"}}"#, "text.format.type");
    let items = |items: &str, field: &str| {
        for to in others(Dialect::Responses) {
            check_unfit(Dialect::Responses, to, &format!(r#"{{"model":"m","input":{items}}}"#), field);
        }
    };
    items("[]", "input");
    items("7", "input");
    items(r#"[{"type":"item_reference","id":"msg_1"}]"#, "input[0].type");
    items(r#"[{"role":"user","content":[{"type":"input_audio"}]}]"#, "input[0].content[0].type");
    items(r#"[{"type":"function_call","name":"f","arguments":"{}"}]"#, "input[0].call_id");
}

#[test]
fn an_answer_of_another_dialect_is_a_fault() {
    let other = r#"{"choices":[]}"#;
    for (from, body) in [(Dialect::Chat, r#"{"type":"message"}"#), (Dialect::Messages, other), (Dialect::Gemini, other)]
    {
        for to in others(from) {
            assert_eq!(answered(body.as_bytes(), (from, to)).unwrap_err().kind, FaultKind::Malformed);
        }
    }
}
