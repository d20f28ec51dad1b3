//! Recorded requests, answers and streams.

mod bedrock;
mod cohere;
mod features;
mod google;
mod logprobs;

use super::Dialect;

/// Something said in a dialect.
pub(super) struct Text {
    pub(super) dialect: Dialect,
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

const fn chat(name: &'static str, text: &'static str) -> Text {
    Text { dialect: Dialect::Chat, name, text }
}

const fn messages(name: &'static str, text: &'static str) -> Text {
    Text { dialect: Dialect::Messages, name, text }
}

const fn responses(name: &'static str, text: &'static str) -> Text {
    Text { dialect: Dialect::Responses, name, text }
}

/// Every request.
pub(super) fn requests() -> impl Iterator<Item = &'static Text> {
    REQUESTS.iter().chain(features::REQUESTS).chain(cohere::REQUESTS).chain(google::REQUESTS).chain(logprobs::REQUESTS)
}

/// Every whole answer.
pub(super) fn answers() -> impl Iterator<Item = &'static Text> {
    ANSWERS
        .iter()
        .chain(features::ANSWERS)
        .chain(bedrock::ANSWERS)
        .chain(cohere::ANSWERS)
        .chain(google::ANSWERS)
        .chain(logprobs::ANSWERS)
}

/// Every refusal of a request.
pub(super) fn errors() -> impl Iterator<Item = &'static Text> {
    features::ERRORS.iter()
}

/// Every streamed answer.
pub(super) fn streams() -> impl Iterator<Item = &'static Text> {
    STREAMS
        .iter()
        .chain(features::STREAMS)
        .chain(bedrock::STREAMS)
        .chain(cohere::STREAMS)
        .chain(google::STREAMS)
        .chain(logprobs::STREAMS)
}

const REQUESTS: &[Text] = &[
    chat(
        "text",
        r#"{"model":"m","temperature":0.5,"top_p":0.9,"seed":7,"presence_penalty":0,"frequency_penalty":0.1,"max_tokens":50,
        "stop":"END","user":"ada","store":true,"messages":[
        {"role":"system","content":"Be brief."},{"role":"developer","content":"In verse."},
        {"role":"user","content":"Hi","name":"ada"},{"role":"assistant","content":"Yes?"},
        {"role":"system","content":"Be long."},{"role":"user","content":[{"type":"text","text":"Go on"}]}]}"#,
    ),
    chat(
        "tools",
        r#"{"model":"m","stream":true,"parallel_tool_calls":false,"tool_choice":"required",
        "tools":[{"type":"function","function":{"name":"add","description":"Adds.","strict":true,
        "parameters":{"type":"object","properties":{"a":{"type":"number","default":1.10}}}}},
        {"type":"function","function":{"name":"now"}}],
        "messages":[{"role":"user","content":"2+3, and the time?"},
        {"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\": 1e400}"}},
        {"id":"c2","type":"function","function":{"name":"now","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"5"},{"role":"tool","tool_call_id":"c2","content":"noon"},
        {"role":"user","content":"Thanks"}]}"#,
    ),
    chat(
        "media",
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://e.example/a.png"}},
        {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]}]}"#,
    ),
    chat(
        "parallel",
        r#"{"model":"m","tool_choice":"auto","tools":[{"type":"function","function":{"name":"add","description":"","strict":true,
        "parameters":{"type":"object","properties":{"a":{"type":"number","default":1.10}}}}},
        {"type":"function","function":{"name":"now"}}],
        "messages":[{"role":"user","content":"2+3, and the time?"},
        {"role":"assistant","content":"One moment","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\": 1e400}"}},
        {"id":"c2","type":"function","function":{"name":"now","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"5"},{"role":"tool","tool_call_id":"c2","content":"noon"}]}"#,
    ),
    chat(
        "structured",
        r#"{"model":"m","reasoning_effort":"high","max_completion_tokens":40000,
        "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},
        "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},
        "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hm","reasoning_content":"so"},
        {"role":"user","content":"And?"}]}"#,
    ),
    chat(
        "reasoning",
        r#"{"model":"m","reasoning_effort":"medium","max_tokens":10000,"messages":[{"role":"user","content":"Hi"}]}"#,
    ),
    messages(
        "text",
        r#"{"model":"m","max_tokens":50,"temperature":0.5,"top_k":4,"stop_sequences":["END"],"metadata":{"user_id":"ada"},
        "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"service_tier":"auto",
        "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[
        {"type":"thinking","thinking":"so","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"Yes?"}]},
        {"role":"user","content":[{"type":"text","text":"Go on"}]}]}"#,
    ),
    messages(
        "tools",
        r#"{"model":"m","max_tokens":50,"stream":true,"tool_choice":{"type":"any","disable_parallel_tool_use":true},
        "tools":[{"name":"add","description":"Adds.","input_schema":{"type":"object","properties":{"a":{"default":1.10}}}},
        {"type":"custom","name":"now","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"2+3, and the time?"},
        {"role":"assistant","content":[{"type":"text","text":"One moment"},
        {"type":"tool_use","id":"c1","name":"add","input":{"a": 1e400}},{"type":"tool_use","id":"c2","name":"now","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"5"},
        {"type":"tool_result","tool_use_id":"c2","is_error":true,"content":[{"type":"text","text":"no clock"}]},
        {"type":"text","text":"Thanks"}]}]}"#,
    ),
    messages(
        "media",
        r#"{"model":"m","max_tokens":50,"messages":[{"role":"user","content":[
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},
        {"type":"image","source":{"type":"url","url":"https://e.example/a.png"}},
        {"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}}]}]}"#,
    ),
    messages(
        "structured",
        r#"{"model":"m","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096},
        "output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}},
        "messages":[{"role":"user","content":"Hi"}]}"#,
    ),
    messages(
        "budget",
        r#"{"model":"m","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096},
        "tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"},
        "messages":[{"role":"user","content":"Hi"}]}"#,
    ),
    messages(
        "inline",
        r#"{"model":"m","max_tokens":9,"tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
        "tool_choice":{"type":"none"},"messages":[{"role":"user","content":[
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},
        {"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}}]}]}"#,
    ),
    messages(
        "failed",
        r#"{"model":"m","max_tokens":9,"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},
        "messages":[{"role":"user","content":"Hi"},
        {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no"}]}]}"#,
    ),
    responses(
        "plain",
        r#"{"model":"m","input":"Hi","instructions":"Be brief.","max_output_tokens":50,"temperature":0.5,"top_p":0.9,"user":"ada",
        "store":true,"truncation":"auto","service_tier":"auto","text":{"format":{"type":"text"},"verbosity":"low"},
        "include":["reasoning.encrypted_content"],"metadata":{"a":"b"},"unknown":1}"#,
    ),
    responses(
        "tools",
        r#"{"model":"m","stream":true,"store":false,"parallel_tool_calls":false,"tool_choice":{"type":"function","name":"add"},
        "max_output_tokens":9000,"tools":[{"type":"function","name":"add","description":"Adds.","strict":true,
        "parameters":{"type":"object","properties":{"a":{"type":"number","default":1.10}}}}],
        "input":[{"role":"developer","content":"Be brief."},{"type":"message","role":"user","content":"2+3, and the time?"},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"so"}],"encrypted_content":"tidegate:signature:s"},
        {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"tidegate:sealed:d"},
        {"type":"reasoning","id":"rs_3","summary":[],"encrypted_content":"gAAAA"},
        {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[
        {"type":"output_text","text":"One moment","annotations":[],"logprobs":[]}]},
        {"type":"function_call","id":"fc_1","status":"completed","call_id":"c1","name":"add","arguments":"{\"a\": 1e400}"},
        {"type":"function_call","call_id":"c2","name":"add","arguments":""},
        {"type":"function_call_output","call_id":"c1","output":"5"},
        {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"noon"}]},
        {"role":"user","content":"Thanks"}]}"#,
    ),
    responses(
        "media",
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"What is this?"},
        {"type":"input_image","image_url":"data:image/png;base64,iVBO","detail":"low"},
        {"type":"input_image","image_url":"https://e.example/a.png","detail":"auto"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}]}]}"#,
    ),
    responses(
        "structured",
        r#"{"model":"m","max_output_tokens":40000,"reasoning":{"effort":"high","summary":"auto"},
        "text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}},"input":"Hi"}"#,
    ),
];

const ANSWERS: &[Text] = &[
    chat(
        "text",
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt","choices":[{"index":0,
        "message":{"role":"assistant","content":"Hello","reasoning_content":"so","refusal":null},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3},
        "completion_tokens_details":{"reasoning_tokens":2}}}"#,
    ),
    chat(
        "tools",
        r#"{"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\": 1.10}"}},
        {"id":"c2","type":"function","function":{"name":"now","arguments":"not JSON"}}]},"finish_reason":"tool_calls"}]}"#,
    ),
    chat(
        "refused",
        r#"{"id":"chatcmpl-1","model":"gpt","choices":[{"message":{"content":null,"refusal":"No."},
        "finish_reason":"content_filter"}]}"#,
    ),
    chat("cut", r#"{"id":"c","model":"gpt","choices":[{"message":{"content":"Hel"},"finish_reason":"length"}]}"#),
    messages(
        "text",
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"so","signature":"s"},{"type":"redacted_thinking","data":"d"},
        {"type":"text","text":"Hel"},{"type":"text","text":"lo","citations":[]}],"stop_reason":"end_turn","stop_sequence":null,
        "usage":{"input_tokens":3,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":5,
        "output_tokens_details":{"thinking_tokens":1}}}"#,
    ),
    messages(
        "tools",
        r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"text","text":"One moment"},
        {"type":"tool_use","id":"c1","name":"add","input":{"a": 1e400}},{"type":"tool_use","id":"c2","name":"now","input":{}}],
        "stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":5}}"#,
    ),
    messages(
        "stopped",
        r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"text","text":"a"}],
        "stop_reason":"stop_sequence","stop_sequence":"END","usage":{"input_tokens":3,"output_tokens":5}}"#,
    ),
    responses(
        "text",
        r#"{"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","error":null,"incomplete_details":null,
        "model":"gpt","output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"so"},
        {"type":"summary_text","text":"then"}],"encrypted_content":"gAAAA"},{"type":"web_search_call","id":"ws_1"},
        {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[
        {"type":"output_text","text":"Hel","annotations":[]},{"type":"output_text","text":"lo","annotations":[]}]}],
        "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":4,
        "output_tokens_details":{"reasoning_tokens":2},"total_tokens":13}}"#,
    ),
    responses(
        "tools",
        r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt","output":[
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAA"},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"add","arguments":"{\"a\": 1.10}","status":"completed"},
        {"type":"function_call","id":"fc_2","call_id":"c2","name":"now","arguments":"{}","status":"completed"}]}"#,
    ),
    responses(
        "cut",
        r#"{"id":"resp_1","object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},
        "model":"gpt","output":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
        {"type":"message","content":[{"type":"output_text","text":"Hel"}]}]}"#,
    ),
    responses(
        "refused",
        r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt","output":[
        {"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}"#,
    ),
];

const STREAMS: &[Text] = &[
    chat(
        "all",
        concat!(
            r#"data: {"id":"chatcmpl-1","created":1700000000,"model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            "\n\n: ping\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"reasoning_content":"so"}}]}"#,
            "\r\n\r\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":"Grüße, \u00e9"}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"add","arguments":""}}]}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1.10}"}}]}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"now","arguments":"{}"}}]}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            "\n\n",
            r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3}}}"#,
            "\n\ndata: [DONE]\n\n",
        ),
    ),
    messages(
        "all",
        concat!(
            "event: message_start\n",
            r#"data: {"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":1}}}"#,
            "\n\nevent: content_block_start\n",
            r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
            r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"so"}}"#,
            "\n\n",
            r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            "\n\n",
            r#"data: {"type":"content_block_stop","index":0}"#,
            "\n\n",
            r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            "\r\n\r\n",
            r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Grüße"}}"#,
            "\n\n",
            r#"data: {"type":"content_block_stop","index":1}"#,
            "\n\n",
            r#"data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"c1","name":"add","input":{}}}"#,
            "\n\n",
            r#"data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            "\n\n",
            r#"data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1.10}"}}"#,
            "\n\n",
            r#"data: {"type":"content_block_stop","index":2}"#,
            "\n\n",
            r#"data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"c2","name":"now","input":{}}}"#,
            "\n\n",
            r#"data: {"type":"content_block_stop","index":3}"#,
            "\n\n",
            r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}"#,
            "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    ),
    responses(
        "all",
        concat!(
            r#"data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1700000000,"status":"in_progress","model":"gpt","output":[],"usage":null}}"#,
            "\n\n",
            r#"data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","object":"response","created_at":1700000000,"status":"in_progress","model":"gpt","output":[]}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
            "\n\n",
            r#"data: {"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
            "\n\n",
            r#"data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"so"}"#,
            "\n\n",
            r#"data: {"type":"response.reasoning_summary_text.done","item_id":"rs_1","output_index":0,"summary_index":0,"text":"so"}"#,
            "\n\n",
            r#"data: {"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}"#,
            "\n\n",
            r#"data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":1,"delta":"then"}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"so"},{"type":"summary_text","text":"then"}],"encrypted_content":"gAAAA"}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.added","output_index":1,"item":{"id":"rs_2","type":"reasoning","summary":[]}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.done","output_index":1,"item":{"id":"rs_2","type":"reasoning","summary":[],"encrypted_content":"gBBBB"}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.added","output_index":2,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
            "\n\n",
            r#"data: {"type":"response.content_part.added","item_id":"msg_1","output_index":2,"content_index":0,"part":{"type":"output_text","text":""}}"#,
            "\n\n",
            r#"data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":2,"content_index":0,"delta":"Grüße, \u00e9","obfuscation":"x"}"#,
            "\n\n",
            r#"data: {"type":"response.output_text.done","item_id":"msg_1","output_index":2,"content_index":0,"text":"Grüße, \u00e9"}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.done","output_index":2,"item":{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","text":"Grüße, \u00e9"}]}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.added","output_index":3,"item":{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"c1","name":"add","arguments":""}}"#,
            "\n\n",
            r#"data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":3,"delta":"{\"a\":"}"#,
            "\n\n",
            r#"data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":3,"delta":"1.10}"}"#,
            "\n\n",
            r#"data: {"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":3,"arguments":"{\"a\":1.10}"}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.done","output_index":3,"item":{"id":"fc_1","type":"function_call","status":"completed","call_id":"c1","name":"add","arguments":"{\"a\":1.10}"}}"#,
            "\n\n",
            r#"data: {"type":"response.output_item.done","output_index":4,"item":{"id":"fc_2","type":"function_call","status":"completed","call_id":"c2","name":"now","arguments":"{\"z\":1}"}}"#,
            "\n\n",
            r#"data: {"type":"response.completed","sequence_number":22,"response":{"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","model":"gpt","output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2}}}}"#,
            "\n\n",
        ),
    ),
];
