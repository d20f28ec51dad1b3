//! Writes a request.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    conversation::{
        Content, Conversation, Format, Part, Role, Sampling, Source, Tool, ToolCall, ToolChoice, ToolResult, Turn,
        data_url,
    },
    json::{Body, List, Object, object_or_empty, placed},
};

/// Writes a request for the model of that name.
pub(in crate::translate) fn write_request(
    conversation: &Conversation,
    model: &str,
    dropped: &mut Dropped,
) -> Result<Body, Unfit> {
    let mut messages = Ok(());
    let body = placed(|root| {
        root.put("model", model);
        root.list("messages", |list| {
            messages = conversation.turns.iter().try_for_each(|turn| write_turn(list, turn, dropped));
        });
        write_tools(root, (conversation, &TOOL_WORDS), dropped);
        write_format(root, &conversation.format);
        root.put_some("reasoning_effort", conversation.reasoning.effort_word(dropped));
        write_sampling(root, &conversation.sampling, dropped);
        root.put_some("max_completion_tokens", conversation.max_tokens);
        if !conversation.stop.is_empty() {
            root.put("stop", &conversation.stop);
        }
        if let Some(wish) = &conversation.logprobs {
            root.put("logprobs", &true);
            root.put_some("top_logprobs", (wish.top > 0).then_some(wish.top));
        }
        root.put_some("user", conversation.user.as_ref());
        if conversation.stream {
            root.put("stream", &true);
            root.object("stream_options", |options| options.put("include_usage", &true));
        }
    });
    messages.map(|()| body)
}

fn write_turn(list: &mut List<'_>, turn: &Turn, dropped: &mut Dropped) -> Result<(), Unfit> {
    turn.note_cache(dropped);
    turn.note_names(|source| matches!(source, Source::Text(_)), dropped);
    match turn.role {
        Role::System => write_said(list, "system", turn),
        Role::User => {
            for part in &turn.parts {
                if let Content::ToolResult(result) = &part.content {
                    write_result(list, result, turn, dropped)?;
                }
            }
            write_said(list, "user", turn)
        }
        Role::Assistant => write_assistant(list, turn, dropped),
    }
}

/// Writes the message of a tool.
pub(in crate::translate) fn write_result(
    list: &mut List<'_>,
    result: &ToolResult,
    turn: &Turn,
    dropped: &mut Dropped,
) -> Result<(), Unfit> {
    let Some(text) = result.text() else {
        let field = format!("{}.content[].content", turn.path);
        return Err(Unfit::field(&field, "must be text: this model's provider takes nothing else from a tool"));
    };
    if result.is_error {
        dropped.note(format!("{}.content[].is_error", turn.path));
    }
    list.object(|message| {
        message.put_word("role", "tool");
        message.put("tool_call_id", &result.call);
        message.put("content", &text);
    });
    Ok(())
}

/// The message of whoever is not the model.
fn write_said(list: &mut List<'_>, role: &'static str, turn: &Turn) -> Result<(), Unfit> {
    let said: Vec<&Part> = turn.parts.iter().filter(|part| !matches!(part.content, Content::ToolResult(_))).collect();
    if said.is_empty() {
        return Ok(());
    }
    let mut written = Ok(());
    list.object(|message| {
        message.put_word("role", role);
        if let Some(text) = only_text(&said) {
            return message.put("content", text);
        }
        message.list("content", |content| {
            written = said.iter().try_for_each(|part| write_part(content, part, turn));
        });
    });
    written
}

fn only_text<'a>(parts: &[&'a Part]) -> Option<&'a str> {
    match parts {
        [Part { content: Content::Text(text), .. }] => Some(text),
        _ => None,
    }
}

fn write_part(list: &mut List<'_>, part: &Part, turn: &Turn) -> Result<(), Unfit> {
    let no_place = |what: &str| {
        let field = format!("{}.content[].type", turn.path);
        Err(Unfit::field(&field, &format!("is {what}, which this model's provider does not take there")))
    };
    match &part.content {
        Content::Text(text) => write_text(list, text),
        Content::Image { source, detail } => match source {
            Source::Url(url) => write_image(list, url, detail.as_deref()),
            Source::Base64 { media_type, data } => {
                write_image(list, &data_url(media_type, data), detail.as_deref());
            }
            Source::File(_) | Source::Text(_) => return no_place("an uploaded image"),
        },
        Content::Document { source, name } => match source {
            Source::Base64 { media_type, data } => {
                write_file(list, &data_url(media_type, data), name.as_deref());
            }
            Source::Text(text) => write_text(list, text),
            Source::Url(_) => return no_place("a document by its URL"),
            Source::File(_) => return no_place("an uploaded document"),
        },
        Content::Audio { data, format } => list.object(|part| {
            part.put_word("type", "input_audio");
            part.object("input_audio", |audio| {
                audio.put("data", data);
                audio.put("format", format);
            });
        }),
        Content::Refusal(refusal) => list.object(|part| {
            part.put_word("type", "refusal");
            part.put("refusal", refusal);
        }),
        Content::Reasoning { .. } | Content::SealedReasoning(_) => return no_place("a thought"),
        Content::ToolCall(_) | Content::ToolResult(_) => return no_place("part of a tool call"),
    }
    Ok(())
}

/// Writes a part that is a text.
pub(in crate::translate) fn write_text(list: &mut List<'_>, text: &str) {
    list.object(|part| {
        part.put_word("type", "text");
        part.put("text", text);
    });
}

/// Writes a part that is an image.
pub(in crate::translate) fn write_image(list: &mut List<'_>, url: &str, detail: Option<&str>) {
    list.object(|part| {
        part.put_word("type", "image_url");
        part.object("image_url", |image| {
            image.put("url", url);
            image.put_some("detail", detail);
        });
    });
}

fn write_file(list: &mut List<'_>, data: &str, name: Option<&str>) {
    list.object(|part| {
        part.put_word("type", "file");
        part.object("file", |file| {
            file.put("filename", name.unwrap_or("document.pdf"));
            file.put("file_data", data);
        });
    });
}

fn write_assistant(list: &mut List<'_>, turn: &Turn, dropped: &mut Dropped) -> Result<(), Unfit> {
    let is_call = |part: &&Part| call_of(part).is_some();
    let is_thought = |part: &&Part| matches!(part.content, Content::Reasoning { .. } | Content::SealedReasoning(_));
    for thought in turn.parts.iter().filter(is_thought) {
        dropped.note(format!("{}.content[].{}", turn.path, thought.content.thought_word()));
    }
    let calls: Vec<&ToolCall> = turn.parts.iter().filter_map(call_of).collect();
    let said: Vec<&Part> = turn.parts.iter().filter(|part| !is_call(part) && !is_thought(part)).collect();
    let mut written = Ok(());
    list.object(|message| {
        message.put_word("role", "assistant");
        let texts: Option<Vec<&str>> = said.iter().map(|part| only_text(&[part])).collect();
        match texts.as_deref() {
            Some([]) => message.put("content", &None::<&str>),
            Some(texts) => message.put("content", &texts.concat()),
            None => message.list("content", |content| {
                written = said.iter().try_for_each(|part| write_part(content, part, turn));
            }),
        }
        if !calls.is_empty() {
            message.list("tool_calls", |list| {
                for call in &calls {
                    write_call(list, call);
                }
            });
        }
    });
    written
}

/// The call of a tool that `part` is, if it is one.
pub(in crate::translate) fn call_of(part: &Part) -> Option<&ToolCall> {
    match &part.content {
        Content::ToolCall(call) => Some(call),
        _ => None,
    }
}

/// Writes a call of a tool, in a request as in an answer.
pub(in crate::translate) fn write_call(list: &mut List<'_>, call: &ToolCall) {
    list.object(|object| write_call_fields(object, call));
}

/// Writes the fields of a call of a tool, in a request as in an answer.
pub(super) fn write_call_fields(object: &mut Object<'_>, call: &ToolCall) {
    object.put("id", &call.id);
    object.put_word("type", "function");
    object.object("function", |function| {
        function.put("name", &call.name);
        function.put("arguments", object_or_empty(&call.arguments));
    });
}

/// How one of OpenAI's dialects writes a tool, and the name of the one that must be called.
pub(in crate::translate) struct ToolWords {
    pub(in crate::translate) tool: fn(&mut List<'_>, &Tool),
    pub(in crate::translate) named: fn(&mut Object<'_>, &str),
}

const TOOL_WORDS: ToolWords = ToolWords {
    tool: write_tool,
    named: |choice, name| choice.object("function", |function| function.put("name", name)),
};

/// Writes the tools, and which of them may be called, in the words of the dialect.
pub(in crate::translate) fn write_tools(
    root: &mut Object<'_>,
    (conversation, words): (&Conversation, &ToolWords),
    dropped: &mut Dropped,
) {
    if conversation.tools.is_empty() {
        return;
    }
    root.list("tools", |list| conversation.tools.iter().for_each(|tool| (words.tool)(list, tool)));
    if conversation.tools.iter().any(|tool| tool.cache.is_some()) {
        dropped.note("tools[].cache_control");
    }
    match &conversation.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => root.put_word("tool_choice", "auto"),
        Some(ToolChoice::None) => root.put_word("tool_choice", "none"),
        Some(ToolChoice::Required) => root.put_word("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => root.object("tool_choice", |choice| {
            choice.put_word("type", "function");
            (words.named)(choice, name);
        }),
    }
    root.put_some("parallel_tool_calls", conversation.parallel_tool_calls);
}

fn write_tool(list: &mut List<'_>, tool: &Tool) {
    list.object(|object| {
        object.put_word("type", "function");
        object.object("function", |function| {
            function.put("name", &tool.name);
            function.put_some("description", tool.description.as_ref());
            function.put_some("parameters", tool.parameters.as_ref());
            function.put_some("strict", tool.strict);
        });
    });
}

fn write_format(root: &mut Object<'_>, format: &Format) {
    match format {
        Format::Text => {}
        Format::JsonObject => root.object("response_format", |object| object.put_word("type", "json_object")),
        Format::JsonSchema { name, description, schema, strict } => root.object("response_format", |object| {
            object.put_word("type", "json_schema");
            object.object("json_schema", |json_schema| {
                json_schema.put("name", name.as_deref().unwrap_or("answer"));
                json_schema.put_some("description", description.as_ref());
                json_schema.put("schema", schema);
                json_schema.put_some("strict", *strict);
            });
        }),
    }
}

fn write_sampling(root: &mut Object<'_>, sampling: &Sampling, dropped: &mut Dropped) {
    let Sampling { temperature, top_p, top_k, seed, presence_penalty, frequency_penalty } = *sampling;
    root.put_some("temperature", temperature);
    root.put_some("top_p", top_p);
    root.put_some("seed", seed);
    root.put_some("presence_penalty", presence_penalty);
    root.put_some("frequency_penalty", frequency_penalty);
    if top_k.is_some() {
        dropped.note("top_k");
    }
}
