//! Reads a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::message_reader::read_message;
use crate::translate::{
    conversation::{Conversation, Format, Reasoning, Sampling, Thinking, Tool, ToolChoice, Turn},
    fields::{Fields, NOWHERE, elements},
    logprobs::LogprobsWish,
    raw::Raw,
};

/// Fields that tell OpenAI how to run its own service, in this dialect and in Responses; they mean nothing to anybody else and change
/// nothing of what is asked.
const SERVICE: [&str; 5] =
    ["service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "metadata"];

/// Reads a request; what has no place in a conversation is dropped or refused.
pub(in crate::translate) fn read_request(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    refuse(&mut fields)?;
    let mut conversation = Conversation {
        turns: read_turns(&mut fields, dropped)?,
        tools: read_tools(&mut fields, dropped)?,
        tool_choice: read_tool_choice(&mut fields)?,
        parallel_tool_calls: fields.read("parallel_tool_calls", "a boolean")?,
        format: read_format(&mut fields)?,
        reasoning: read_reasoning(&mut fields)?,
        sampling: read_sampling(&mut fields)?,
        max_tokens: None,
        stop: read_stop(&mut fields)?,
        logprobs: read_logprobs(&mut fields)?,
        user: fields.text("user")?,
        verbosity: fields.json("verbosity"),
        service: SERVICE.into_iter().filter_map(|key| Some((key, fields.json(key)?))).collect(),
        stream: fields.read("stream", "a boolean")?.unwrap_or(false),
    };
    let older = fields.read("max_tokens", "a whole number")?;
    conversation.max_tokens = fields.read("max_completion_tokens", "a whole number")?.or(older);
    if conversation.turns.is_empty() {
        return Err(fields.wrong("messages", "is missing or empty"));
    }
    for key in ["model", "stream_options"] {
        fields.ignore(key);
    }
    fields.finish(dropped);
    Ok(conversation)
}

/// What changes the answer and exists nowhere else.
fn refuse(fields: &mut Fields<'_>) -> Result<(), Unfit> {
    fields.refuse_unless("n", &["1"], "must be 1: this model's provider answers once")?;
    fields.refuse_unless("logit_bias", &["{}"], NOWHERE)?;
    fields.refuse_unless("modalities", &[r#"["text"]"#], NOWHERE)?;
    for key in ["audio", "web_search_options", "functions", "function_call"] {
        fields.refuse(key, NOWHERE)?;
    }
    // A prediction only makes an answer faster, storing it only keeps it: neither is missed in the answer.
    Ok(())
}

fn read_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    fields.objects("messages")?.into_iter().map(|message| read_message(message, dropped)).collect()
}

fn read_tools(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Unfit> {
    fields.objects("tools")?.into_iter().map(|tool| read_tool(tool, dropped)).collect()
}

fn read_tool(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Tool, Unfit> {
    if fields.word("type")? != "function" {
        return Err(fields.wrong("type", "must be 'function' for this model's provider"));
    }
    let Some(mut function) = fields.object("function")? else { return Err(fields.wrong("function", "is missing")) };
    let tool = Tool {
        name: function.required_text("name")?,
        description: function.text("description")?,
        parameters: function.json("parameters"),
        strict: function.read("strict", "a boolean")?,
        cache: fields.json("cache_control"),
    };
    function.finish(dropped);
    fields.finish(dropped);
    Ok(tool)
}

fn read_tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, Unfit> {
    const KEY: &str = "tool_choice";
    let path = fields.at(KEY);
    let Some(value) = fields.take(KEY) else { return Ok(None) };
    let unknown = || Unfit::field(&path, "must be 'auto', 'none', 'required' or one function");
    if value.get().starts_with('{') {
        let mut choice = Fields::of(path.clone(), value)?;
        let name = choice.object("function")?.map(|mut function| function.required_text("name"));
        return name.ok_or_else(unknown)?.map(ToolChoice::Named).map(Some);
    }
    match value.get() {
        r#""auto""# => Ok(Some(ToolChoice::Auto)),
        r#""none""# => Ok(Some(ToolChoice::None)),
        r#""required""# => Ok(Some(ToolChoice::Required)),
        _ => Err(unknown()),
    }
}

fn read_format(fields: &mut Fields<'_>) -> Result<Format, Unfit> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(Format::Text) };
    match &*format.word("type")? {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let Some(mut schema) = format.object("json_schema")? else {
                return Err(format.wrong("json_schema", "is missing"));
            };
            Ok(Format::JsonSchema {
                name: schema.text("name")?,
                description: schema.text("description")?,
                strict: schema.read("strict", "a boolean")?,
                schema: schema.json("schema").ok_or_else(|| schema.wrong("schema", "is missing"))?,
            })
        }
        _ => Err(format.wrong("type", "must be 'text', 'json_object' or 'json_schema'")),
    }
}

fn read_reasoning(fields: &mut Fields<'_>) -> Result<Reasoning, Unfit> {
    let effort = fields.text("reasoning_effort")?;
    let thinking = (effort.as_deref() == Some("none")).then_some(Thinking::Off);
    Ok(Reasoning { effort, thinking })
}

fn read_sampling(fields: &mut Fields<'_>) -> Result<Sampling, Unfit> {
    Ok(Sampling {
        temperature: fields.read("temperature", "a number")?,
        top_p: fields.read("top_p", "a number")?,
        top_k: fields.read("top_k", "a whole number")?,
        seed: fields.read("seed", "a whole number")?,
        presence_penalty: fields.read("presence_penalty", "a number")?,
        frequency_penalty: fields.read("frequency_penalty", "a number")?,
    })
}

fn read_logprobs(fields: &mut Fields<'_>) -> Result<Option<LogprobsWish>, Unfit> {
    if fields.read("logprobs", "a boolean")?.unwrap_or(false) {
        let top = fields.read("top_logprobs", "a whole number")?.unwrap_or(0);
        return Ok(Some(LogprobsWish { top, path: fields.at("logprobs") }));
    }
    fields.refuse_unless("top_logprobs", &["0"], "must stand beside 'logprobs', which is true")?;
    Ok(None)
}

/// One sequence or several.
fn read_stop(fields: &mut Fields<'_>) -> Result<Vec<String>, Unfit> {
    let path = fields.at("stop");
    let Some(value) = fields.take("stop") else { return Ok(Vec::new()) };
    let sequence = |path: &str, value: Raw<'_>| {
        serde_json::from_str(value.get()).map_err(|_| Unfit::field(path, "must be a string"))
    };
    if !value.get().starts_with('[') {
        return Ok(vec![sequence(&path, value)?]);
    }
    elements(&path, value)?.into_iter().map(|(path, value)| sequence(&path, value)).collect()
}
