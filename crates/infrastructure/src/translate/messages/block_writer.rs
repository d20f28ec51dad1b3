//! Writes the blocks of a message.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    conversation::{Content, Part, Source, ToolCall, ToolResult},
    json::{List, Object, object_or_empty},
    messages::may_be_anthropics,
    responses::is_openais,
};

/// Writes the blocks of the message at `path`.
pub(super) fn write_blocks(
    list: &mut List<'_>,
    parts: &[&Part],
    path: &str,
    dropped: &mut Dropped,
) -> Result<(), Unfit> {
    parts.iter().try_for_each(|part| write_block(list, part, path, dropped))
}

fn write_block(list: &mut List<'_>, part: &Part, path: &str, dropped: &mut Dropped) -> Result<(), Unfit> {
    let cache = part.cache.as_ref();
    let mut block = |kind: &'static str, fill: &mut dyn FnMut(&mut Object<'_>)| {
        list.object(|object| {
            object.put_word("type", kind);
            fill(object);
            object.put_some("cache_control", cache);
        });
    };
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => block("text", &mut |object| object.put("text", text)),
        Content::Image { source, detail } => {
            block("image", &mut |object| write_source(object, source));
            if detail.is_some() {
                dropped.note(format!("{path}.content[].detail"));
            }
        }
        Content::Document { source, name } => block("document", &mut |object| {
            write_source(object, source);
            object.put_some("title", name.as_ref());
        }),
        Content::ToolCall(call) => block("tool_use", &mut |object| write_call(object, call)),
        Content::ToolResult(result) => {
            let mut written = Ok(());
            block("tool_result", &mut |object| written = write_result(object, result, (path, dropped)));
            written?;
        }
        Content::Reasoning { text, signature: Some(signature) } if may_be_anthropics(signature) => {
            block("thinking", &mut |object| {
                object.put("thinking", text);
                object.put("signature", signature);
            });
        }
        // Without the proof of its maker a thought is not taken back.
        Content::Reasoning { .. } => dropped.note(format!("{path}.content[].{}", part.content.thought_word())),
        Content::SealedReasoning(data) if is_openais(data) => {
            dropped.note(format!("{path}.content[].{}", part.content.thought_word()));
        }
        Content::SealedReasoning(data) => block("redacted_thinking", &mut |object| object.put("data", data)),
        Content::Audio { .. } => {
            let field = format!("{path}.content[].type");
            return Err(Unfit::field(&field, "is audio, which this model's provider does not take"));
        }
    }
    Ok(())
}

fn write_source(object: &mut Object<'_>, source: &Source) {
    object.object("source", |object| match source {
        Source::Base64 { media_type, data } => {
            object.put_word("type", "base64");
            object.put("media_type", media_type);
            object.put("data", data);
        }
        Source::Url(url) => {
            object.put_word("type", "url");
            object.put("url", url);
        }
        Source::File(id) => {
            object.put_word("type", "file");
            object.put("file_id", id);
        }
        Source::Text(text) => {
            object.put_word("type", "text");
            object.put_word("media_type", "text/plain");
            object.put("data", text);
        }
    });
}

fn write_call(object: &mut Object<'_>, call: &ToolCall) {
    object.put("id", &call.id);
    object.put("name", &call.name);
    object.put_json("input", object_or_empty(&call.arguments));
}

fn write_result(
    object: &mut Object<'_>,
    result: &ToolResult,
    (path, dropped): (&str, &mut Dropped),
) -> Result<(), Unfit> {
    object.put("tool_use_id", &result.call);
    let mut written = Ok(());
    if !result.parts.is_empty() {
        let parts: Vec<&Part> = result.parts.iter().collect();
        object.list("content", |list| written = write_blocks(list, &parts, path, dropped));
    }
    if result.is_error {
        object.put("is_error", &true);
    }
    written
}
