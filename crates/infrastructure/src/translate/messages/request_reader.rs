//! Reads a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::block_reader::read_blocks;
use crate::translate::{
    conversation::{Conversation, Format, Reasoning, Role, Sampling, Thinking, Tool, ToolChoice, Turn},
    fields::{Fields, NOWHERE},
};

/// Fields that tell Anthropic how to run its own service; they mean nothing elsewhere and change nothing of what is asked.
const SERVICE: [&str; 6] = ["model", "service_tier", "inference_geo", "speed", "diagnostics", "user_profile_id"];

/// Reads a request; what has no place in a conversation is dropped or refused.
pub(in crate::translate) fn read_request(fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    let conversation = read_prompt(fields, dropped)?;
    if conversation.max_tokens.is_none() {
        return Err(Unfit::field("max_tokens", "is missing"));
    }
    Ok(conversation)
}

/// Reads a request of which nothing but the prompt may be there, since it is only counted.
pub(in crate::translate) fn read_prompt(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    for key in ["container", "mcp_servers", "context_management"] {
        fields.refuse(key, NOWHERE)?;
    }
    let (tool_choice, parallel_tool_calls) = read_tool_choice(&mut fields)?;
    let (format, effort) = read_output(&mut fields, dropped)?;
    let conversation = Conversation {
        turns: read_turns(&mut fields, dropped)?,
        tools: read_tools(&mut fields, dropped)?,
        tool_choice,
        parallel_tool_calls,
        format,
        reasoning: Reasoning { effort, thinking: read_thinking(&mut fields)? },
        sampling: Sampling {
            temperature: fields.read("temperature", "a number")?,
            top_p: fields.read("top_p", "a number")?,
            top_k: fields.read("top_k", "a whole number")?,
            ..Sampling::default()
        },
        max_tokens: fields.read("max_tokens", "a whole number")?,
        stop: fields.read("stop_sequences", "a list of strings")?.unwrap_or_default(),
        logprobs: None,
        user: read_user(&mut fields, dropped)?,
        stream: fields.read("stream", "a boolean")?.unwrap_or(false),
        ..Conversation::default()
    };
    for key in SERVICE {
        fields.ignore(key);
    }
    fields.finish(dropped);
    Ok(conversation)
}

fn read_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    let mut turns = Vec::new();
    let instructions = read_blocks(fields, "system", dropped)?;
    if !instructions.is_empty() {
        turns.push(Turn { role: Role::System, parts: instructions, path: fields.at("system") });
    }
    let messages = fields.objects("messages")?;
    if messages.is_empty() {
        return Err(fields.wrong("messages", "is missing or empty"));
    }
    for mut message in messages {
        let role = match &*message.word("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(message.wrong("role", "must be 'user' or 'assistant'")),
        };
        let parts = read_blocks(&mut message, "content", dropped)?;
        turns.push(Turn { role, parts, path: message.finish(dropped) });
    }
    Ok(turns)
}

fn read_tools(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Unfit> {
    fields.objects("tools")?.into_iter().map(|tool| read_tool(tool, dropped)).collect()
}

fn read_tool(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Tool, Unfit> {
    fields.refuse_unless(
        "type",
        &[r#""custom""#],
        "names a tool of Anthropic's own, which this model's provider lacks",
    )?;
    let tool = Tool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        parameters: fields.json("input_schema"),
        strict: fields.read("strict", "a boolean")?,
        cache: fields.json("cache_control"),
    };
    fields.finish(dropped);
    Ok(tool)
}

/// The choice, and whether several tools may be called at once.
fn read_tool_choice(fields: &mut Fields<'_>) -> Result<(Option<ToolChoice>, Option<bool>), Unfit> {
    let Some(mut choice) = fields.object("tool_choice")? else { return Ok((None, None)) };
    let kind = match &*choice.word("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required_text("name")?),
        _ => return Err(choice.wrong("type", "must be 'auto', 'any', 'tool' or 'none'")),
    };
    let disabled: Option<bool> = choice.read("disable_parallel_tool_use", "a boolean")?;
    Ok((Some(kind), disabled.map(|disabled| !disabled)))
}

/// The format of the answer, and the effort.
fn read_output(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<(Format, Option<String>), Unfit> {
    let Some(mut output) = fields.object("output_config")? else { return Ok((Format::Text, None)) };
    let effort = output.text("effort")?;
    let format = match output.object("format")? {
        None => Format::Text,
        Some(mut format) => {
            if format.word("type")? != "json_schema" {
                return Err(format.wrong("type", "must be 'json_schema'"));
            }
            let schema = format.json("schema").ok_or_else(|| format.wrong("schema", "is missing"))?;
            Format::JsonSchema { name: None, description: None, schema, strict: Some(true) }
        }
    };
    output.finish(dropped);
    Ok((format, effort))
}

fn read_thinking(fields: &mut Fields<'_>) -> Result<Option<Thinking>, Unfit> {
    let Some(mut thinking) = fields.object("thinking")? else { return Ok(None) };
    match &*thinking.word("type")? {
        "disabled" => Ok(Some(Thinking::Off)),
        "enabled" => {
            let budget: Option<u64> = thinking.read("budget_tokens", "a whole number")?;
            Ok(Some(budget.map_or(Thinking::Open, Thinking::Budget)))
        }
        _ => Ok(Some(Thinking::Open)),
    }
}

fn read_user(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Option<String>, Unfit> {
    let Some(mut metadata) = fields.object("metadata")? else { return Ok(None) };
    let user = metadata.text("user_id")?;
    metadata.finish(dropped);
    Ok(user)
}
