//! Whatever is refused or left out is named as its caller named it.

use super::*;

/// What the callers of each dialect can say that some other dialect cannot.
const ODD: &[(Dialect, &str)] = &[
    (Dialect::Chat, r#""stop":["a"]"#),
    (Dialect::Chat, r#""user":"u","seed":1,"top_k":4,"presence_penalty":1.5,"frequency_penalty":-1,"temperature":1.5"#),
    (Dialect::Chat, r#""response_format":{"type":"json_object"}"#),
    (Dialect::Chat, r#""reasoning_effort":"high","max_tokens":9"#),
    (
        Dialect::Chat,
        r#""parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"f","strict":true}}]"#,
    ),
    (Dialect::Chat, r#""tools":[{"type":"function","cache_control":{},"function":{"name":"f","strict":true}}]"#),
    (
        Dialect::Chat,
        r#""messages":[{"role":"tool","tool_call_id":"c","content":[{"type":"image_url","image_url":{"url":"u"}}]}]"#,
    ),
    (
        Dialect::Chat,
        r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f","filename":"n"}}]}]"#,
    ),
    (
        Dialect::Chat,
        r#""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"A","format":"wav"}}]}]"#,
    ),
    (
        Dialect::Chat,
        r#""messages":[{"role":"system","content":[{"type":"text","text":"t","cache_control":{}}]},{"role":"user","content":"q"},
        {"role":"assistant","content":"a","reasoning_content":"so"},{"role":"user","content":"q"}]"#,
    ),
    (
        Dialect::Chat,
        r#""messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"c","type":"function",
        "function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"cHJvb2Y="}}}]},
        {"role":"tool","tool_call_id":"c","content":"5"}]"#,
    ),
    (Dialect::Messages, r#""stop_sequences":["a"]"#),
    (Dialect::Messages, r#""top_k":4,"metadata":{"user_id":"u"}"#),
    (
        Dialect::Messages,
        r#""thinking":{"type":"enabled","budget_tokens":2000},"tools":[{"name":"f"}],"tool_choice":{"type":"any"}"#,
    ),
    (Dialect::Messages, r#""output_config":{"effort":"high"}"#),
    (
        Dialect::Messages,
        r#""tools":[{"name":"f","strict":true,"cache_control":{}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#,
    ),
    (
        Dialect::Messages,
        r#""system":[{"type":"text","text":"t","cache_control":{}}],"tools":[{"name":"f","strict":true,"cache_control":{}}]"#,
    ),
    (
        Dialect::Messages,
        r#""messages":[{"role":"user","content":[{"type":"document","title":"n","source":{"type":"file","file_id":"f"}}]}]"#,
    ),
    (
        Dialect::Messages,
        r#""messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"so","signature":"s"},
        {"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"c","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","is_error":true,"content":"no","cache_control":{}}]}]"#,
    ),
    (
        Dialect::Messages,
        r#""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[
        {"type":"image","source":{"type":"url","url":"u"}}]}]}]"#,
    ),
    (Dialect::Responses, r#""text":{"format":{"type":"json_object"}}"#),
    (Dialect::Responses, r#""reasoning":{"effort":"high"},"max_output_tokens":9,"user":"u","temperature":1.5"#),
    (Dialect::Responses, r#""parallel_tool_calls":false,"tools":[{"type":"function","name":"f"}]"#),
    (
        Dialect::Responses,
        r#""tools":[{"type":"function","name":"f","strict":true},{"type":"function","name":"g","strict":false}]"#,
    ),
    (
        Dialect::Responses,
        r#""input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"so"}]},{"role":"user","content":"q"}]"#,
    ),
    (
        Dialect::Responses,
        r#""input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"u"}]}]"#,
    ),
    (Dialect::Responses, r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"f","filename":"n"}]}]"#),
    (Dialect::Cohere, r#""stop_sequences":["a"]"#),
    (Dialect::Cohere, r#""k":4,"seed":1,"presence_penalty":0.5,"frequency_penalty":0.5"#),
    (Dialect::Cohere, r#""response_format":{"type":"json_object"}"#),
    (
        Dialect::Cohere,
        r#""thinking":{"type":"enabled","token_budget":2000},"max_tokens":9,"tools":[{"type":"function","function":{"name":"f"}}]"#,
    ),
    (Dialect::Cohere, r#""strict_tools":true,"tools":[{"type":"function","function":{"name":"f"}}]"#),
    (
        Dialect::Cohere,
        r#""messages":[{"role":"user","content":"q"},{"role":"assistant","tool_plan":"so","tool_calls":[
        {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"d","content":"5"}]"#,
    ),
    (
        Dialect::Cohere,
        r#""messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"so"}]},
        {"role":"user","content":[{"type":"document","document":{"id":"n","data":"d"}}]}]"#,
    ),
    (Dialect::Gemini, r#""generationConfig":{"stopSequences":["a"]}"#),
    (
        Dialect::Gemini,
        r#""generationConfig":{"topK":4,"seed":1,"presencePenalty":1.5,"frequencyPenalty":-1,"temperature":1.5}"#,
    ),
    (Dialect::Gemini, r#""generationConfig":{"responseMimeType":"application/json"}"#),
    (Dialect::Gemini, r#""generationConfig":{"thinkingConfig":{"thinkingBudget":2000},"maxOutputTokens":9}"#),
    (
        Dialect::Gemini,
        r#""contents":[{"parts":[{"inlineData":{"mimeType":"application/x-a","data":"A","displayName":"n"}}]}]"#,
    ),
    (Dialect::Gemini, r#""contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"A"}}]}]"#),
    (
        Dialect::Gemini,
        r#""toolConfig":{"functionCallingConfig":{"mode":"NONE"}},"tools":[{"functionDeclarations":[{"name":"f"}]}],
        "contents":[{"parts":[{"text":"q"}]},{"role":"model","parts":[{"thought":true,"text":"so"},
        {"functionCall":{"name":"f"},"thoughtSignature":"cHJvb2Y="}]},
        {"parts":[{"functionResponse":{"name":"f","response":{"error":"no"},"parts":[{"inlineData":{"mimeType":"image/png","data":"A"}}]}}]}]"#,
    ),
];

/// A request with those fields, and whatever else one must have.
fn odd(dialect: Dialect, fields: &str) -> String {
    let said = match dialect {
        Dialect::Chat | Dialect::Messages | Dialect::Cohere => ("messages", r#"[{"role":"user","content":"Hi"}]"#),
        Dialect::Responses => ("input", r#""Hi""#),
        Dialect::Gemini | Dialect::Bedrock => ("contents", r#"[{"parts":[{"text":"Hi"}]}]"#),
    };
    let is_said = fields.contains(&format!("\"{}\":", said.0));
    let said = if is_said { String::new() } else { format!(r#""{}":{},"#, said.0, said.1) };
    let model = if dialect == Dialect::Gemini { "" } else { r#""model":"m","# };
    let limit = if dialect == Dialect::Messages { r#""max_tokens":9,"# } else { "" };
    format!("{{{model}{limit}{said}{fields}}}")
}

#[test]
fn whatever_is_refused_or_left_out_is_named_as_the_caller_named_it() {
    let odd = ODD.iter().map(|(dialect, fields)| (*dialect, odd(*dialect, fields)));
    let recorded = requests().map(|Text { dialect, text, .. }| (*dialect, (*text).to_owned()));
    let mut named = 0;
    for (from, body) in odd.chain(recorded) {
        let said = serde_json::from_str(&body).unwrap();
        for to in others(from) {
            let fields = match super::request(&read(from, &body), from, to) {
                Ok(Translation { dropped, adaptive, .. }) => {
                    let others = adaptive.iter().flat_map(|reworded| reworded.dropped.fields());
                    dropped.fields().chain(others).map(str::to_owned).collect()
                }
                Err(unfit) => vec![unfit.param().unwrap_or_default().to_owned()],
            };
            for field in fields {
                assert!(
                    !field.is_empty() && words::has(said, &field),
                    "{from:?} to {to:?}: '{field}' is not in {body}"
                );
                named += 1;
            }
        }
    }
    assert!(named > 150, "{named} fields");
}
