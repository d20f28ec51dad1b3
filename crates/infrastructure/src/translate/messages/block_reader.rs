//! Reads the blocks of a message.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    conversation::{Content, Part, Source, ToolCall, ToolResult},
    fields::Fields,
    foreign::MARK,
};

/// Reads the text, or the list of blocks, at `key`.
pub(super) fn read_blocks(fields: &mut Fields<'_>, key: &str, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    fields.content(key, "blocks", |block| read_block(block, dropped))
}

fn read_block(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Part, Unfit> {
    let cache = fields.json("cache_control");
    let content = match &*fields.word("type")? {
        "text" => Content::Text(fields.required_text("text")?),
        "image" => Content::Image { source: read_source(&mut fields)?, detail: None },
        "document" => Content::Document { source: read_source(&mut fields)?, name: fields.text("title")? },
        "tool_use" => Content::ToolCall(ToolCall {
            id: fields.required_text("id")?,
            name: fields.required_text("name")?,
            arguments: fields.json("input").map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
        }),
        "tool_result" => Content::ToolResult(ToolResult {
            call: fields.required_text("tool_use_id")?,
            parts: read_blocks(&mut fields, "content", dropped)?,
            is_error: fields.read("is_error", "a boolean")?.unwrap_or(false),
        }),
        "thinking" => {
            let signature = fields.text("signature")?.filter(|signature| signature != MARK);
            Content::Reasoning { text: fields.required_text("thinking")?, signature }
        }
        "redacted_thinking" => Content::SealedReasoning(fields.required_text("data")?),
        _ => return Err(fields.wrong("type", "names a block that this model's provider does not take")),
    };
    // Citations point into documents for the reader; the text stands without them.
    fields.finish(dropped);
    Ok(Part { cache, ..content.into() })
}

fn read_source(fields: &mut Fields<'_>) -> Result<Source, Unfit> {
    let Some(mut source) = fields.object("source")? else { return Err(fields.wrong("source", "is missing")) };
    match &*source.word("type")? {
        "base64" => {
            Ok(Source::Base64 { media_type: source.required_text("media_type")?, data: source.required_text("data")? })
        }
        "url" => Ok(Source::Url(source.required_text("url")?)),
        "file" => Ok(Source::File(source.required_text("file_id")?)),
        "text" => Ok(Source::Text(source.required_text("data")?)),
        _ => Err(source.wrong("type", "must be 'base64', 'url', 'file' or 'text' for this model's provider")),
    }
}
