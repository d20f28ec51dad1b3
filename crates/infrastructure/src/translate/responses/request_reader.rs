//! Reads a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::item_reader::read_turns;
use crate::translate::{
    conversation::{Content, Conversation, Format, Reasoning, Role, Sampling, Thinking, Tool, ToolChoice, Turn},
    fields::{Fields, NOWHERE},
    logprobs::LogprobsWish,
};

/// Fields that tell OpenAI how to run its own service; they mean nothing elsewhere and change nothing of what is asked.
const SERVICE: [&str; 9] = [
    "model",
    "stream_options",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "metadata",
    "max_tool_calls",
    "moderation",
];

/// How the log probabilities of an answer are asked for.
const LOGPROBS: &str = r#""message.output_text.logprobs""#;

/// Reads a request; what has no place in a conversation is dropped or refused.
pub(in crate::translate) fn read_request(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    refuse(&mut fields)?;
    note(&mut fields, dropped)?;
    let format = read_format(&mut fields, dropped)?;
    let conversation = Conversation {
        turns: read_all_turns(&mut fields, dropped)?,
        tools: read_tools(&mut fields, dropped)?,
        tool_choice: read_tool_choice(&mut fields)?,
        parallel_tool_calls: fields.read("parallel_tool_calls", "a boolean")?,
        format,
        reasoning: read_reasoning(&mut fields, dropped)?,
        sampling: Sampling {
            temperature: fields.read("temperature", "a number")?,
            top_p: fields.read("top_p", "a number")?,
            ..Sampling::default()
        },
        max_tokens: fields.read("max_output_tokens", "a whole number")?,
        stop: Vec::new(),
        logprobs: read_logprobs(&mut fields)?,
        user: fields.text("user")?,
        stream: fields.read("stream", "a boolean")?.unwrap_or(false),
        ..Conversation::default()
    };
    for key in SERVICE {
        fields.ignore(key);
    }
    fields.finish(dropped);
    Ok(conversation)
}

/// What lives at OpenAI, or changes the answer and exists nowhere else.
fn refuse(fields: &mut Fields<'_>) -> Result<(), Unfit> {
    for key in ["previous_response_id", "conversation", "prompt"] {
        fields.refuse(key, NOWHERE)?;
    }
    fields.refuse_unless("background", &["false"], NOWHERE)?;
    fields.refuse("stop", "is no field of Responses; ask by Chat Completions, which has it, or leave it out")?;
    Ok(())
}

/// Whatever else can be included belongs to tools of OpenAI's own or is given anyway.
fn read_logprobs(fields: &mut Fields<'_>) -> Result<Option<LogprobsWish>, Unfit> {
    let included = fields.list("include")?.into_iter();
    let path = included.filter(|(_, what)| what.get() == LOGPROBS).map(|(path, _)| path).next();
    let top: u64 = fields.read("top_logprobs", "a whole number")?.unwrap_or(0);
    let path = path.or_else(|| (top > 0).then(|| fields.at("top_logprobs")));
    Ok(path.map(|path| LogprobsWish { top, path }))
}

/// What is not done here and missed only by who relies on it: that the answer is kept, that a long input is cut.
fn note(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<(), Unfit> {
    if fields.read("store", "a boolean")?.unwrap_or(false) {
        dropped.note("store");
    }
    if fields.text("truncation")?.is_some_and(|how| how != "disabled") {
        dropped.note("truncation");
    }
    Ok(())
}

fn read_all_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    let mut turns = Vec::new();
    if let Some(text) = fields.text("instructions")? {
        let path = fields.at("instructions");
        turns.push(Turn { role: Role::System, parts: vec![Content::Text(text).into()], path });
    }
    let spoken = read_turns(fields, dropped)?;
    if spoken.is_empty() {
        return Err(fields.wrong("input", "is missing or empty"));
    }
    turns.extend(spoken);
    Ok(turns)
}

fn read_tools(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Unfit> {
    fields.objects("tools")?.into_iter().map(|tool| read_tool(tool, dropped)).collect()
}

fn read_tool(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Tool, Unfit> {
    if fields.word("type")? != "function" {
        return Err(fields.wrong("type", "must be 'function' for this model's provider"));
    }
    let tool = Tool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        parameters: fields.json("parameters"),
        // To say that it is not strict means something here alone: elsewhere no tool is that does not say so.
        strict: fields.read("strict", "a boolean")?.filter(|strict| *strict),
        cache: None,
    };
    fields.finish(dropped);
    Ok(tool)
}

fn read_tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, Unfit> {
    const KEY: &str = "tool_choice";
    let path = fields.at(KEY);
    let Some(value) = fields.take(KEY) else { return Ok(None) };
    match value.get() {
        r#""auto""# => Ok(Some(ToolChoice::Auto)),
        r#""none""# => Ok(Some(ToolChoice::None)),
        r#""required""# => Ok(Some(ToolChoice::Required)),
        choice if choice.starts_with('{') => {
            let mut choice = Fields::of(path, value)?;
            if choice.word("type")? != "function" {
                return Err(choice.wrong("type", "must be 'function' for this model's provider"));
            }
            choice.required_text("name").map(ToolChoice::Named).map(Some)
        }
        _ => Err(Unfit::field(&path, "must be 'auto', 'none', 'required' or one function")),
    }
}

fn read_format(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Format, Unfit> {
    let Some(mut text) = fields.object("text")? else { return Ok(Format::Text) };
    let format = match text.object("format")? {
        None => Format::Text,
        Some(mut format) => match &*format.word("type")? {
            "text" => Format::Text,
            "json_object" => Format::JsonObject,
            "json_schema" => Format::JsonSchema {
                name: format.text("name")?,
                description: format.text("description")?,
                strict: format.read("strict", "a boolean")?,
                schema: format.json("schema").ok_or_else(|| format.wrong("schema", "is missing"))?,
            },
            _ => return Err(format.wrong("type", "must be 'text', 'json_object' or 'json_schema'")),
        },
    };
    text.finish(dropped);
    Ok(format)
}

fn read_reasoning(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Reasoning, Unfit> {
    let Some(mut reasoning) = fields.object("reasoning")? else { return Ok(Reasoning::default()) };
    let effort = reasoning.text("effort")?;
    let thinking = (effort.as_deref() == Some("none")).then_some(Thinking::Off);
    reasoning.ignore("summary");
    reasoning.finish(dropped);
    Ok(Reasoning { effort, thinking })
}
