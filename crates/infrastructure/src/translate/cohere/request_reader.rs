//! Reads a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::message_reader::read_message;
use crate::translate::{
    conversation::{Conversation, Format, Reasoning, Sampling, Thinking, Tool, ToolChoice, Turn},
    fields::{Fields, NOWHERE},
    schema::is_strict,
};

/// Reads a request; what has no place in a conversation is dropped or refused.
pub(in crate::translate) fn read_request(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    fields.refuse_unless("documents", &["[]"], NOWHERE)?;
    fields.refuse_unless("logprobs", &["false"], NOWHERE)?;
    fields.refuse_unless("raw_prompting", &["false"], NOWHERE)?;
    let tools = read_tools(&mut fields, dropped)?;
    // To leave the choice to the model is to say nothing.
    let open = (!tools.is_empty()).then_some(ToolChoice::Auto);
    let conversation = Conversation {
        turns: read_turns(&mut fields, dropped)?,
        tools,
        tool_choice: read_tool_choice(&mut fields)?.or(open),
        format: read_format(&mut fields, dropped)?,
        reasoning: Reasoning { effort: None, thinking: read_thinking(&mut fields)? },
        sampling: Sampling {
            temperature: fields.read("temperature", "a number")?,
            top_p: fields.read("p", "a number")?,
            top_k: fields.read("k", "a whole number")?,
            seed: fields.read("seed", "a whole number")?,
            presence_penalty: fields.read("presence_penalty", "a number")?,
            frequency_penalty: fields.read("frequency_penalty", "a number")?,
        },
        max_tokens: fields.read("max_tokens", "a whole number")?,
        stop: fields.read("stop_sequences", "a list of strings")?.unwrap_or_default(),
        stream: fields.read("stream", "a boolean")?.unwrap_or(false),
        ..Conversation::default()
    };
    // Which of Cohere's customers waits, and the name of the model, which is the gateway's, mean nothing elsewhere.
    fields.ignore("model");
    fields.ignore("priority");
    fields.finish(dropped);
    Ok(conversation)
}

fn read_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    let messages = fields.objects("messages")?;
    if messages.is_empty() {
        return Err(fields.wrong("messages", "is missing or empty"));
    }
    messages.into_iter().map(|message| read_message(message, dropped)).collect()
}

fn read_tools(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Unfit> {
    let strict = fields.read("strict_tools", "a boolean")?;
    fields.objects("tools")?.into_iter().map(|tool| read_tool(tool, strict, dropped)).collect()
}

fn read_tool(mut fields: Fields<'_>, strict: Option<bool>, dropped: &mut Dropped) -> Result<Tool, Unfit> {
    fields.refuse_unless("type", &[r#""function""#], "must be 'function'")?;
    let Some(mut function) = fields.object("function")? else { return Err(fields.wrong("function", "is missing")) };
    let parameters = function.json("parameters");
    let can_be_strict = parameters.as_ref().is_none_or(|parameters| is_strict(parameters.as_raw()));
    if strict == Some(true) && !can_be_strict {
        dropped.note("strict_tools");
    }
    let tool = Tool {
        name: function.required_text("name")?,
        description: function.text("description")?,
        parameters,
        // Elsewhere, a strict tool has a schema without open objects.
        strict: strict.filter(|_| can_be_strict),
        cache: None,
    };
    function.finish(dropped);
    fields.finish(dropped);
    Ok(tool)
}

fn read_tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, Unfit> {
    match fields.text("tool_choice")?.as_deref() {
        None => Ok(None),
        Some("REQUIRED") => Ok(Some(ToolChoice::Required)),
        Some("NONE") => Ok(Some(ToolChoice::None)),
        Some(_) => Err(fields.wrong("tool_choice", "must be 'REQUIRED' or 'NONE'")),
    }
}

fn read_format(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Format, Unfit> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(Format::Text) };
    let read = match &*format.word("type")? {
        "text" => Format::Text,
        // `schema` is how the schema was called first.
        "json_object" => match format.json("json_schema").or_else(|| format.json("schema")) {
            None => Format::JsonObject,
            Some(schema) => {
                // That it is kept to goes without saying here; elsewhere not every schema can be strict.
                let strict = is_strict(schema.as_raw()).then_some(true);
                Format::JsonSchema { name: None, description: None, schema, strict }
            }
        },
        _ => return Err(format.wrong("type", "must be 'text' or 'json_object'")),
    };
    format.finish(dropped);
    Ok(read)
}

fn read_thinking(fields: &mut Fields<'_>) -> Result<Option<Thinking>, Unfit> {
    let Some(mut thinking) = fields.object("thinking")? else { return Ok(None) };
    let budget: Option<u64> = thinking.read("token_budget", "a whole number")?;
    match &*thinking.word("type")? {
        "disabled" => Ok(Some(Thinking::Off)),
        "enabled" => Ok(Some(budget.map_or(Thinking::Open, Thinking::Budget))),
        _ => Err(thinking.wrong("type", "must be 'enabled' or 'disabled'")),
    }
}
