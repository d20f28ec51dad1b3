//! Reads a message of a request.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    chat::{read_call, read_image},
    conversation::{Content, Part, Role, Source, ToolResult, Turn},
    fields::Fields,
};

/// Reads a message.
pub(super) fn read_message(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Turn, Unfit> {
    let (role, parts) = match &*fields.word("role")? {
        "system" => (Role::System, read_content(&mut fields, dropped)?),
        "user" => (Role::User, read_content(&mut fields, dropped)?),
        "assistant" => (Role::Assistant, read_assistant(&mut fields, dropped)?),
        "tool" => {
            let call = fields.required_text("tool_call_id")?;
            let parts = read_content(&mut fields, dropped)?;
            if parts.iter().any(|part| matches!(part.content, Content::Document { name: Some(_), .. })) {
                dropped.note(fields.at("content[].document.id"));
            }
            let parts = parts.into_iter().map(spoken).collect();
            (Role::User, vec![Content::ToolResult(ToolResult { call, parts, is_error: false }).into()])
        }
        _ => return Err(fields.wrong("role", "must be 'system', 'user', 'assistant' or 'tool'")),
    };
    Ok(Turn { role, parts, path: fields.finish(dropped) })
}

/// Documents that a tool found are what it says: others take nothing but text from a tool.
fn spoken(part: Part) -> Part {
    match part.content {
        Content::Document { source: Source::Text(text), .. } => Content::Text(text).into(),
        _ => part,
    }
}

fn read_assistant(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    let plan = fields.text("tool_plan")?.filter(|plan| !plan.is_empty());
    let mut parts: Vec<Part> =
        plan.into_iter().map(|text| Content::Reasoning { text, signature: None }.into()).collect();
    parts.extend(read_content(fields, dropped)?);
    for call in fields.objects("tool_calls")? {
        parts.push(Content::ToolCall(read_call(call, dropped)?).into());
    }
    // They point into documents for the reader; the text stands without them.
    fields.ignore("citations");
    Ok(parts)
}

fn read_content(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    fields.content("content", "parts", |part| read_part(part, dropped))
}

fn read_part(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Part, Unfit> {
    let content = match &*fields.word("type")? {
        "text" => Content::Text(fields.required_text("text")?),
        "thinking" => Content::Reasoning { text: fields.required_text("thinking")?, signature: None },
        "image_url" => read_image(&mut fields)?,
        "document" => {
            let document = fields.object("document")?;
            read_document(document.ok_or_else(|| fields.wrong("document", "is missing"))?)?
        }
        _ => return Err(fields.wrong("type", "names a kind of content that this model's provider does not take")),
    };
    fields.finish(dropped);
    Ok(content.into())
}

/// A document is a text, or an object of texts.
fn read_document(mut fields: Fields<'_>) -> Result<Content, Unfit> {
    let name = fields.text("id")?;
    let Some(data) = fields.take("data") else { return Err(fields.wrong("data", "is missing")) };
    let text = serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned());
    Ok(Content::Document { source: Source::Text(text), name })
}
