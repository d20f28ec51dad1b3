//! Writes the messages of a request.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    chat::{call_of, write_call, write_image, write_result, write_text},
    conversation::{Content, Part, Role, Source, ToolCall, Turn, data_url},
    json::{List, Object},
};

/// Writes what a turn says; the results of tools are messages of their own.
pub(super) fn write_turn(list: &mut List<'_>, turn: &Turn, dropped: &mut Dropped) -> Result<(), Unfit> {
    turn.note_cache(dropped);
    turn.note_names(|_| true, dropped);
    let mut said: Vec<&Part> = Vec::new();
    for part in &turn.parts {
        match &part.content {
            Content::ToolResult(result) => write_result(list, result, turn, dropped)?,
            _ => said.push(part),
        }
    }
    if said.is_empty() {
        return Ok(());
    }
    match turn.role {
        Role::System => write_said(list, "system", (&said, turn)),
        Role::User => write_said(list, "user", (&said, turn)),
        Role::Assistant => write_assistant(list, (&said, turn), dropped),
    }
}

fn write_said(list: &mut List<'_>, role: &'static str, (said, turn): (&[&Part], &Turn)) -> Result<(), Unfit> {
    let mut written = Ok(());
    list.object(|message| {
        message.put_word("role", role);
        written = write_content(message, said, turn);
    });
    written
}

/// Before a call, a thought is the plan of it; elsewhere it is part of what is said. One that somebody else can prove to be its own is not
/// Cohere's.
fn write_assistant(list: &mut List<'_>, (parts, turn): (&[&Part], &Turn), dropped: &mut Dropped) -> Result<(), Unfit> {
    let calls: Vec<&ToolCall> = parts.iter().filter_map(|part| call_of(part)).collect();
    let (mut plan, mut said) = (String::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::ToolCall(_) => {}
            Content::Reasoning { signature: Some(proof), .. } if !proof.is_empty() => {
                note_thought(part, turn, dropped);
            }
            Content::SealedReasoning(_) => note_thought(part, turn, dropped),
            Content::Reasoning { text, .. } if !calls.is_empty() => plan.push_str(text),
            _ => said.push(*part),
        }
    }
    let mut written = Ok(());
    list.object(|message| {
        message.put_word("role", "assistant");
        message.put_some("tool_plan", (!plan.is_empty()).then_some(&plan));
        if !said.is_empty() {
            written = write_content(message, &said, turn);
        }
        if !calls.is_empty() {
            message.list("tool_calls", |list| calls.iter().for_each(|call| write_call(list, call)));
        }
    });
    written
}

fn note_thought(part: &Part, turn: &Turn, dropped: &mut Dropped) {
    dropped.note(format!("{}.content[].{}", turn.path, part.content.thought_word()));
}

fn write_content(message: &mut Object<'_>, parts: &[&Part], turn: &Turn) -> Result<(), Unfit> {
    if let [Part { content: Content::Text(text), .. }] = parts {
        message.put("content", text);
        return Ok(());
    }
    let mut written = Ok(());
    message.list("content", |list| written = parts.iter().try_for_each(|part| write_part(list, part, turn)));
    written
}

fn write_part(list: &mut List<'_>, part: &Part, turn: &Turn) -> Result<(), Unfit> {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) | Content::Document { source: Source::Text(text), .. } => {
            write_text(list, text);
        }
        Content::Image { source: Source::Url(url), detail } => write_image(list, url, detail.as_deref()),
        Content::Image { source: Source::Base64 { media_type, data }, detail } => {
            write_image(list, &data_url(media_type, data), detail.as_deref());
        }
        Content::Reasoning { text, .. } => list.object(|part| {
            part.put_word("type", "thinking");
            part.put("thinking", text);
        }),
        _ => {
            let field = format!("{}.content[].type", turn.path);
            return Err(Unfit::field(&field, "names a kind of content that this model's provider does not take there"));
        }
    }
    Ok(())
}
