//! Reads a message of a request.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    conversation::{Content, Part, Role, Source, ToolCall, ToolResult, Turn, source_of},
    fields::Fields,
    gemini::marked,
};

/// Reads a message.
pub(super) fn read_message(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Turn, Unfit> {
    let (role, parts) = match &*fields.word("role")? {
        "system" | "developer" => (Role::System, read_content(&mut fields, dropped)?),
        "user" => (Role::User, read_content(&mut fields, dropped)?),
        "assistant" => (Role::Assistant, read_assistant(&mut fields, dropped)?),
        "tool" => {
            let result = ToolResult {
                call: fields.required_text("tool_call_id")?,
                parts: read_content(&mut fields, dropped)?,
                is_error: false,
            };
            (Role::User, vec![Content::ToolResult(result).into()])
        }
        _ => return Err(fields.wrong("role", "must be 'system', 'developer', 'user', 'assistant' or 'tool'")),
    };
    Ok(Turn { role, parts, path: fields.finish(dropped) })
}

fn read_assistant(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    let mut parts = Vec::new();
    let reasoning = fields.text("reasoning_content")?;
    if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
        parts.push(Content::Reasoning { text, signature: None }.into());
    }
    parts.extend(read_content(fields, dropped)?);
    parts.extend(fields.text("refusal")?.map(|refusal| Content::Refusal(refusal).into()));
    for mut call in fields.objects("tool_calls")? {
        parts.extend(read_proof(&mut call, dropped)?.map(Part::from));
        parts.push(Content::ToolCall(read_call(call, dropped)?).into());
    }
    fields.refuse("audio", "cannot be said to this model's provider")?;
    fields.refuse("function_call", "is no longer spoken; use 'tool_calls'")?;
    Ok(parts)
}

/// The proof of the thought that a call came of, where Google's own endpoint for this dialect has it.
fn read_proof(call: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Option<Content>, Unfit> {
    let Some(mut extra) = call.object("extra_content")? else { return Ok(None) };
    let Some(mut google) = extra.object("google")? else {
        extra.finish(dropped);
        return Ok(None);
    };
    let proof = google.text("thought_signature")?.filter(|proof| !proof.is_empty());
    google.finish(dropped);
    extra.finish(dropped);
    Ok(proof.map(|proof| Content::Reasoning { text: String::new(), signature: Some(marked(&proof)) }))
}

/// Reads a call of a tool.
pub(in crate::translate) fn read_call(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<ToolCall, Unfit> {
    let Some(mut function) = fields.object("function")? else { return Err(fields.wrong("function", "is missing")) };
    fields.refuse_unless("type", &[r#""function""#], "must be 'function' for this model's provider")?;
    fields.ignore("index");
    let call = ToolCall {
        id: fields.required_text("id")?,
        name: function.required_text("name")?,
        arguments: function.text("arguments")?.unwrap_or_default(),
    };
    function.finish(dropped);
    fields.finish(dropped);
    Ok(call)
}

/// A text, or a list of parts.
fn read_content(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Part>, Unfit> {
    fields.content("content", "parts", |part| read_part(part, dropped))
}

fn read_part(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Part, Unfit> {
    let cache = fields.json("cache_control");
    let content = match &*fields.word("type")? {
        "text" => Content::Text(fields.required_text("text")?),
        "refusal" => Content::Refusal(fields.required_text("refusal")?),
        "image_url" => read_image(&mut fields)?,
        "input_audio" => read_audio(&mut fields)?,
        "file" => read_file(&mut fields)?,
        _ => return Err(fields.wrong("type", "names a kind of content that this model's provider does not take")),
    };
    fields.finish(dropped);
    Ok(Part { cache, ..content.into() })
}

/// Reads an image.
pub(in crate::translate) fn read_image(fields: &mut Fields<'_>) -> Result<Content, Unfit> {
    let Some(mut image) = fields.object("image_url")? else { return Err(fields.wrong("image_url", "is missing")) };
    let url = image.required_text("url")?;
    // To leave it to the model is to say nothing.
    let detail = image.text("detail")?.filter(|detail| detail != "auto");
    Ok(Content::Image { source: source_of(&url).unwrap_or(Source::Url(url)), detail })
}

fn read_audio(fields: &mut Fields<'_>) -> Result<Content, Unfit> {
    let Some(mut audio) = fields.object("input_audio")? else {
        return Err(fields.wrong("input_audio", "is missing"));
    };
    Ok(Content::Audio { data: audio.required_text("data")?, format: audio.required_text("format")? })
}

fn read_file(fields: &mut Fields<'_>) -> Result<Content, Unfit> {
    let Some(mut file) = fields.object("file")? else { return Err(fields.wrong("file", "is missing")) };
    let name = file.text("filename")?;
    if let Some(data) = file.text("file_data")? {
        let source = source_of(&data).ok_or_else(|| file.wrong("file_data", "must be a data URL in base64"))?;
        return Ok(Content::Document { source, name });
    }
    let id = file.text("file_id")?.ok_or_else(|| file.wrong("file_data", "is missing"))?;
    Ok(Content::Document { source: Source::File(id), name })
}
