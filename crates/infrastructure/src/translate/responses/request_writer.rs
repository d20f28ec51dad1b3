//! Writes a request.
//!
//! Nothing is kept at the provider: whoever asks in another dialect asked for that nowhere, and here it is what happens if
//! nothing is said. What the model thought comes back sealed in its stead.

use tidegate_domain::inference::{Dropped, Unfit};

use super::{
    ENCRYPTED,
    answer::{arguments_of, write_call, write_part, write_thought},
};
use crate::translate::{
    chat::{ToolWords, write_tools},
    conversation::{Content, Conversation, Format, Part, Reasoning, Role, Source, Tool, ToolResult, Turn, data_url},
    json::{Body, List, Object, placed},
};

/// Writes a request for the model of that name.
pub(in crate::translate) fn write_request(
    conversation: &Conversation,
    model: &str,
    dropped: &mut Dropped,
) -> Result<Body, Unfit> {
    if !conversation.stop.is_empty() {
        let problem = "cannot be said to this model's provider: Responses has no stop sequences; leave it out";
        return Err(Unfit::field("stop", problem));
    }
    let mut turns = Ok(());
    let body = placed(|root| {
        root.put("model", model);
        root.list("input", |list| {
            turns = conversation.turns.iter().try_for_each(|turn| write_turn(list, turn, dropped));
        });
        root.put("store", &false);
        write_tools(root, (conversation, &TOOL_WORDS), dropped);
        write_form(root, conversation);
        let thinks = write_reasoning(root, &conversation.reasoning, dropped);
        write_included(root, (conversation, thinks));
        root.put_some("temperature", conversation.sampling.temperature);
        root.put_some("top_p", conversation.sampling.top_p);
        if conversation.sampling.top_k.is_some() {
            dropped.note("top_k");
        }
        conversation.sampling.note_seed_and_penalties(dropped);
        root.put_some("max_output_tokens", conversation.max_tokens);
        root.put_some("user", conversation.user.as_ref());
        conversation.service.iter().for_each(|(key, value)| root.put(key, value));
        if conversation.stream {
            root.put("stream", &true);
        }
    });
    turns.map(|()| body)
}

/// The items of a turn: what is said in one go is a message; calls, their results and thoughts are items of their own.
fn write_turn(list: &mut List<'_>, turn: &Turn, dropped: &mut Dropped) -> Result<(), Unfit> {
    turn.note_cache(dropped);
    turn.note_names(|source| !matches!(source, Source::Base64 { .. }), dropped);
    for run in turn.parts.chunk_by(|one, next| is_said(&one.content) && is_said(&next.content)) {
        match &run[0].content {
            Content::ToolCall(call) => list.object(|item| write_call(item, call, "completed", arguments_of(call))),
            Content::ToolResult(result) => write_result(list, result, (turn, dropped))?,
            thought @ (Content::Reasoning { .. } | Content::SealedReasoning(_)) => {
                write_proven(list, thought, (turn, dropped));
            }
            _ => write_message(list, run, turn)?,
        }
    }
    Ok(())
}

fn is_said(content: &Content) -> bool {
    !matches!(
        content,
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning { .. } | Content::SealedReasoning(_)
    )
}

/// A thought goes back to who can prove it to be its own.
fn write_proven(list: &mut List<'_>, thought: &Content, (turn, dropped): (&Turn, &mut Dropped)) {
    let (text, proof) = match thought {
        Content::Reasoning { text, signature } => (text.as_str(), signature.as_deref()),
        Content::SealedReasoning(data) => ("", Some(data.as_str())),
        _ => return,
    };
    match proof.and_then(|proof| proof.strip_prefix(ENCRYPTED)) {
        Some(own) => list.object(|item| write_thought(item, text, Some(("", own)))),
        None => dropped.note(format!("{}.content[].{}", turn.path, thought.thought_word())),
    }
}

fn write_message(list: &mut List<'_>, parts: &[Part], turn: &Turn) -> Result<(), Unfit> {
    let role = match turn.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut written = Ok(());
    list.object(|message| {
        message.put_word("role", role);
        if let [Part { content: Content::Text(text), .. }] = parts {
            return message.put("content", text);
        }
        message.list("content", |content| {
            written = parts.iter().try_for_each(|part| write_said(content, part, turn));
        });
    });
    written
}

/// What the model said is told back in the words of an answer; everybody else's parts are input.
fn write_said(list: &mut List<'_>, part: &Part, turn: &Turn) -> Result<(), Unfit> {
    if turn.role == Role::Assistant && matches!(part.content, Content::Text(_) | Content::Refusal(_)) {
        list.object(|object| write_part(object, &part.content, &[]));
        return Ok(());
    }
    write_input(list, part, turn)
}

fn write_input(list: &mut List<'_>, part: &Part, turn: &Turn) -> Result<(), Unfit> {
    let mut input = |kind: &'static str, fill: &mut dyn FnMut(&mut Object<'_>)| {
        list.object(|object| {
            object.put_word("type", kind);
            fill(object);
        });
    };
    match &part.content {
        Content::Text(text) | Content::Document { source: Source::Text(text), .. } => {
            input("input_text", &mut |object| object.put("text", text));
        }
        Content::Image { source, detail } if !matches!(source, Source::Text(_)) => {
            input("input_image", &mut |object| {
                write_source(object, source, ("image_url", "image_url"));
                object.put("detail", detail.as_deref().unwrap_or("auto"));
            });
        }
        Content::Document { source, name } => input("input_file", &mut |object| {
            write_source(object, source, ("file_data", "file_url"));
            if matches!(source, Source::Base64 { .. }) {
                object.put("filename", name.as_deref().unwrap_or("document.pdf"));
            }
        }),
        _ => {
            let field = format!("{}.content[].type", turn.path);
            return Err(Unfit::field(&field, "names a kind of content that this model's provider does not take there"));
        }
    }
    Ok(())
}

/// Where the bytes are; the keys are those of bytes that are sent along and of a URL.
fn write_source(object: &mut Object<'_>, source: &Source, (data_key, url_key): (&'static str, &'static str)) {
    match source {
        Source::Url(url) => object.put(url_key, url),
        Source::Base64 { media_type, data } => object.put(data_key, &data_url(media_type, data)),
        Source::File(id) => object.put("file_id", id),
        Source::Text(text) => object.put("text", text),
    }
}

fn write_result(list: &mut List<'_>, result: &ToolResult, (turn, dropped): (&Turn, &mut Dropped)) -> Result<(), Unfit> {
    if result.is_error {
        dropped.note(format!("{}.content[].is_error", turn.path));
    }
    let mut written = Ok(());
    list.object(|item| {
        item.put_word("type", "function_call_output");
        item.put("call_id", &result.call);
        match result.text() {
            Some(text) => item.put("output", &text),
            None => item.list("output", |output| {
                written = result.parts.iter().try_for_each(|part| write_input(output, part, turn));
            }),
        }
    });
    written
}

const TOOL_WORDS: ToolWords = ToolWords { tool: write_tool, named: |choice, name| choice.put("name", name) };

/// Here a tool is strict unless it says that it is not; everywhere else it is the other way round.
fn write_tool(list: &mut List<'_>, tool: &Tool) {
    list.object(|object| {
        object.put_word("type", "function");
        object.put("name", &tool.name);
        object.put_some("description", tool.description.as_ref());
        match &tool.parameters {
            Some(parameters) => object.put("parameters", parameters),
            None => object.put_json("parameters", r#"{"type":"object","properties":{}}"#),
        }
        object.put("strict", &tool.strict.unwrap_or(false));
    });
}

/// The form of the answer, and how wordy it is.
fn write_form(root: &mut Object<'_>, Conversation { format, verbosity, .. }: &Conversation) {
    if matches!(format, Format::Text) && verbosity.is_none() {
        return;
    }
    root.object("text", |text| {
        match format {
            Format::Text => {}
            Format::JsonObject => text.object("format", |format| format.put_word("type", "json_object")),
            Format::JsonSchema { name, description, schema, strict } => text.object("format", |format| {
                format.put_word("type", "json_schema");
                format.put("name", name.as_deref().unwrap_or("answer"));
                format.put_some("description", description.as_ref());
                format.put("schema", schema);
                format.put_some("strict", *strict);
            }),
        }
        text.put_some("verbosity", verbosity.as_ref());
    });
}

/// Whether an effort is said.
fn write_reasoning(root: &mut Object<'_>, reasoning: &Reasoning, dropped: &mut Dropped) -> bool {
    let Some(effort) = reasoning.effort_word(dropped) else { return false };
    root.object("reasoning", |object| object.put("effort", effort));
    true
}

/// What is not told unasked. Whoever has the model think gets its thoughts sealed, to send them back: nothing is kept for it.
fn write_included(root: &mut Object<'_>, (conversation, thinks): (&Conversation, bool)) {
    let sealed = thinks.then_some("reasoning.encrypted_content");
    let logprobs = conversation.logprobs.as_ref().map(|_| "message.output_text.logprobs");
    let included: Vec<&str> = sealed.into_iter().chain(logprobs).collect();
    root.put_some("include", (!included.is_empty()).then_some(included));
    root.put_some("top_logprobs", conversation.logprobs.as_ref().map(|wish| wish.top).filter(|top| *top > 0));
}
