//! Reads the items of the input.

use tidegate_domain::inference::{Dropped, Unfit};

use super::{SEALED, SIGNED};
use crate::translate::{
    conversation::{Content, Part, Role, Source, ToolCall, ToolResult, Turn, source_of},
    fields::{Fields, objects},
    foreign::MARK,
};

/// Reads the input. Items of one side that follow each other are one turn: parallel calls belong together.
pub(super) fn read_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    let path = fields.at("input");
    let Some(value) = fields.take("input") else { return Ok(Vec::new()) };
    if !value.get().starts_with('[') {
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| Unfit::field(&path, "must be a string or a list of items"))?;
        return Ok(vec![Turn { role: Role::User, parts: vec![Content::Text(text).into()], path }]);
    }
    let mut turns: Vec<Turn> = Vec::new();
    for item in objects(&path, value)? {
        let (path, role, parts) = read_item(item, dropped)?;
        match turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(turn) if turn.role == role && role != Role::System => turn.parts.extend(parts),
            _ => turns.push(Turn { role, parts, path }),
        }
    }
    Ok(turns)
}

/// What an item says, and where it stands.
fn read_item(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<(String, Role, Vec<Part>), Unfit> {
    for key in ["id", "status", "phase"] {
        fields.ignore(key);
    }
    let kind = fields.text("type")?;
    let (role, parts) = match kind.as_deref() {
        None | Some("message") => {
            let role = match &*fields.word("role")? {
                "system" | "developer" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                _ => return Err(fields.wrong("role", "must be 'system', 'developer', 'user' or 'assistant'")),
            };
            (role, read_content(&mut fields, "content", dropped)?)
        }
        Some("function_call") => {
            let call = ToolCall {
                id: fields.required_text("call_id")?,
                name: fields.required_text("name")?,
                arguments: fields.text("arguments")?.unwrap_or_default(),
            };
            (Role::Assistant, vec![Content::ToolCall(call).into()])
        }
        Some("function_call_output") => {
            let call = fields.required_text("call_id")?;
            let parts = read_content(&mut fields, "output", dropped)?;
            (Role::User, vec![Content::ToolResult(ToolResult { call, parts, is_error: false }).into()])
        }
        Some("reasoning") => {
            (Role::Assistant, read_reasoning(&mut fields, dropped)?.map(Part::from).into_iter().collect())
        }
        Some(_) => return Err(fields.wrong("type", "names a kind of item that this model's provider does not take")),
    };
    Ok((fields.finish(dropped), role, parts))
}

/// What was thought, as [`write_answer`](super::write_answer) gives it out: the text as a summary, the proof as encrypted. A proof
/// of OpenAI's own is none to anybody else.
fn read_reasoning(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Option<Content>, Unfit> {
    fields.ignore("content");
    let mut text = String::new();
    for mut part in fields.objects("summary")? {
        text.push_str(&part.text("text")?.unwrap_or_default());
    }
    let proof = fields.text("encrypted_content")?.unwrap_or_default();
    if let Some(data) = proof.strip_prefix(SEALED) {
        return Ok(Some(Content::SealedReasoning(data.to_owned())));
    }
    let signature = proof.strip_prefix(SIGNED).map(str::to_owned);
    if signature.is_none() && !proof.is_empty() && proof != MARK {
        dropped.note(fields.at("encrypted_content"));
    }
    Ok((signature.is_some() || !text.is_empty()).then_some(Content::Reasoning { text, signature }))
}

/// A text, or a list of parts.
fn read_content(fields: &mut Fields<'_>, key: &str, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    fields.content(key, "parts", |part| read_part(part, dropped))
}

fn read_part(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Part, Unfit> {
    let content = match &*fields.word("type")? {
        "input_text" | "output_text" | "text" => Content::Text(fields.required_text("text")?),
        "refusal" => Content::Refusal(fields.required_text("refusal")?),
        "input_image" => {
            let detail = fields.text("detail")?.filter(|detail| detail != "auto");
            let source = match fields.text("image_url")? {
                Some(url) => source_of(&url).unwrap_or(Source::Url(url)),
                None => Source::File(fields.required_text("file_id")?),
            };
            Content::Image { source, detail }
        }
        "input_file" => read_file(&mut fields)?,
        _ => return Err(fields.wrong("type", "names a kind of content that this model's provider does not take")),
    };
    for key in ["annotations", "logprobs"] {
        fields.ignore(key);
    }
    fields.finish(dropped);
    Ok(content.into())
}

fn read_file(fields: &mut Fields<'_>) -> Result<Content, Unfit> {
    let name = fields.text("filename")?;
    let source = if let Some(data) = fields.text("file_data")? {
        source_of(&data).ok_or_else(|| fields.wrong("file_data", "must be a data URL in base64"))?
    } else if let Some(url) = fields.text("file_url")? {
        Source::Url(url)
    } else {
        Source::File(fields.required_text("file_id")?)
    };
    Ok(Content::Document { source, name })
}
