//! Reads a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::{
    part_reader::{Calls, read_parts},
    schema::json_schema,
};
use crate::translate::{
    conversation::{Conversation, Format, Reasoning, Role, Sampling, Thinking, Tool, ToolChoice, Turn},
    fields::{Fields, NOWHERE},
    logprobs::LogprobsWish,
    raw::Json,
};

/// Fields that tell Google how to run its own service; they mean nothing elsewhere and change nothing of what is asked.
const SERVICE: [&str; 3] = ["model", "labels", "serviceTier"];

/// Reads a request whose tokens are to be counted: it stands within another, or its contents stand alone.
pub(in crate::translate) fn read_counted(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    let Some(request) = fields.object("generateContentRequest")? else { return read_request(fields, dropped) };
    fields.ignore("model");
    fields.finish(dropped);
    read_request(request, dropped)
}

/// Reads a request; what has no place in a conversation is dropped or refused. Whether a stream is asked for is not in it.
pub(in crate::translate) fn read_request(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Conversation, Unfit> {
    fields.refuse("cachedContent", NOWHERE)?;
    let turns = read_turns(&mut fields, dropped)?;
    let tools = read_tools(&mut fields, dropped)?;
    let tool_choice = read_tool_choice(&mut fields, dropped)?;
    let mut conversation = Conversation { turns, tools, tool_choice, ..Conversation::default() };
    if let Some(settings) = fields.object("generationConfig")? {
        read_settings(settings, &mut conversation, dropped)?;
    }
    for key in SERVICE {
        fields.ignore(key);
    }
    // How careful Google is to be among the rest: nobody else has its categories.
    fields.finish(dropped);
    Ok(conversation)
}

fn read_turns(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Unfit> {
    let (mut turns, mut calls) = (Vec::new(), Calls::default());
    if let Some(mut instruction) = fields.object("systemInstruction")? {
        let parts = read_parts(&mut instruction, &mut calls, dropped)?;
        turns.push(Turn { role: Role::System, parts, path: fields.at("systemInstruction") });
    }
    let contents = fields.objects("contents")?;
    if contents.is_empty() {
        return Err(fields.wrong("contents", "is missing or empty"));
    }
    for mut content in contents {
        let role = match content.text("role")?.as_deref() {
            None | Some("" | "user" | "function") => Role::User,
            Some("model") => Role::Assistant,
            Some("system") => Role::System,
            Some(_) => return Err(content.wrong("role", "must be 'user' or 'model'")),
        };
        let parts = read_parts(&mut content, &mut calls, dropped)?;
        turns.push(Turn { role, parts, path: content.finish(dropped) });
    }
    Ok(turns)
}

fn read_tools(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Unfit> {
    let mut tools = Vec::new();
    for mut tool in fields.objects("tools")? {
        for function in tool.objects("functionDeclarations")? {
            tools.push(read_tool(function, dropped)?);
        }
        tool.refuse_rest("names a tool of Google's own, which this model's provider lacks")?;
    }
    Ok(tools)
}

fn read_tool(mut fields: Fields<'_>, dropped: &mut Dropped) -> Result<Tool, Unfit> {
    let tool = Tool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        parameters: read_schema(&mut fields, ("parametersJsonSchema", "parameters"))?,
        strict: None,
        cache: None,
    };
    fields.finish(dropped);
    Ok(tool)
}

/// A schema that stands as it is, or in Google's words.
fn read_schema(fields: &mut Fields<'_>, (plain, googles): (&str, &str)) -> Result<Option<Json>, Unfit> {
    let path = fields.at(googles);
    let schema = fields.take(googles).map(|schema| json_schema(&path, schema)).transpose()?;
    Ok(fields.json(plain).or(schema))
}

fn read_tool_choice(fields: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Option<ToolChoice>, Unfit> {
    let Some(mut config) = fields.object("toolConfig")? else { return Ok(None) };
    let Some(mut calling) = config.object("functionCallingConfig")? else {
        config.finish(dropped);
        return Ok(None);
    };
    let allowed: Vec<String> = calling.read("allowedFunctionNames", "a list of names")?.unwrap_or_default();
    let mode = calling.text("mode")?;
    let choice = match (mode.as_deref(), allowed.as_slice()) {
        (None | Some("" | "MODE_UNSPECIFIED"), []) => None,
        (Some("AUTO"), []) => Some(ToolChoice::Auto),
        (Some("NONE"), []) => Some(ToolChoice::None),
        (Some("ANY"), []) => Some(ToolChoice::Required),
        (Some("ANY"), [name]) => Some(ToolChoice::Named(name.clone())),
        (Some("VALIDATED"), []) => {
            dropped.note(calling.at("mode"));
            Some(ToolChoice::Auto)
        }
        (Some("AUTO" | "ANY" | "NONE" | "VALIDATED"), _) => return Err(calling.wrong("allowedFunctionNames", NOWHERE)),
        _ => return Err(calling.wrong("mode", "must be 'AUTO', 'ANY', 'NONE' or 'VALIDATED'")),
    };
    calling.finish(dropped);
    config.finish(dropped);
    Ok(choice)
}

fn read_settings(
    mut settings: Fields<'_>,
    conversation: &mut Conversation,
    dropped: &mut Dropped,
) -> Result<(), Unfit> {
    settings.refuse_unless("candidateCount", &["1"], "must be 1: this model's provider answers once")?;
    settings.refuse_unless("responseModalities", &["[]", r#"["TEXT"]"#], NOWHERE)?;
    for key in ["speechConfig", "imageConfig"] {
        settings.refuse(key, NOWHERE)?;
    }
    conversation.logprobs = read_logprobs(&mut settings)?;
    conversation.format = read_format(&mut settings)?;
    conversation.reasoning = read_thinking(&mut settings, dropped)?;
    conversation.sampling = read_sampling(&mut settings)?;
    conversation.max_tokens = settings.read("maxOutputTokens", "a whole number")?;
    conversation.stop = settings.read("stopSequences", "a list of strings")?.unwrap_or_default();
    settings.finish(dropped);
    Ok(())
}

fn read_logprobs(settings: &mut Fields<'_>) -> Result<Option<LogprobsWish>, Unfit> {
    if settings.read("responseLogprobs", "a boolean")?.unwrap_or(false) {
        let top = settings.read("logprobs", "a whole number")?.unwrap_or(0);
        return Ok(Some(LogprobsWish { top, path: settings.at("responseLogprobs") }));
    }
    settings.refuse_unless("logprobs", &["0"], "must stand beside 'responseLogprobs', which is true")?;
    Ok(None)
}

fn read_format(settings: &mut Fields<'_>) -> Result<Format, Unfit> {
    let schema = read_schema(settings, ("responseJsonSchema", "responseSchema"))?;
    let schema = settings.json("_responseJsonSchema").or(schema);
    match (settings.text("responseMimeType")?.as_deref(), schema) {
        (None | Some("" | "application/json"), Some(schema)) => {
            Ok(Format::JsonSchema { name: None, description: None, schema, strict: None })
        }
        (Some("application/json"), None) => Ok(Format::JsonObject),
        (None | Some("" | "text/plain"), None) => Ok(Format::Text),
        (Some(_), _) => Err(settings.wrong("responseMimeType", NOWHERE)),
    }
}

fn read_thinking(settings: &mut Fields<'_>, dropped: &mut Dropped) -> Result<Reasoning, Unfit> {
    let Some(mut config) = settings.object("thinkingConfig")? else { return Ok(Reasoning::default()) };
    let budget: Option<i64> = config.read("thinkingBudget", "a whole number")?;
    let level = config.text("thinkingLevel")?.filter(|level| level != "THINKING_LEVEL_UNSPECIFIED");
    // Thoughts are shown by whoever has them.
    config.ignore("includeThoughts");
    config.finish(dropped);
    let thinking = budget.map(|budget| match u64::try_from(budget) {
        Ok(0) => Thinking::Off,
        Ok(budget) => Thinking::Budget(budget),
        // -1 leaves it to the model.
        Err(_) => Thinking::Open,
    });
    Ok(Reasoning { effort: level.map(|level| level.to_ascii_lowercase()), thinking })
}

fn read_sampling(settings: &mut Fields<'_>) -> Result<Sampling, Unfit> {
    Ok(Sampling {
        temperature: settings.read("temperature", "a number")?,
        top_p: settings.read("topP", "a number")?,
        top_k: read_top_k(settings)?,
        seed: settings.read("seed", "a whole number")?,
        presence_penalty: settings.read("presencePenalty", "a number")?,
        frequency_penalty: settings.read("frequencyPenalty", "a number")?,
    })
}

/// A count, which SDKs write as the fraction that it is on Vertex: `40.0`.
fn read_top_k(settings: &mut Fields<'_>) -> Result<Option<u64>, Unfit> {
    let Some(value) = settings.take("topK") else { return Ok(None) };
    let digits = value.get().strip_suffix(".0").unwrap_or(value.get());
    digits.parse().map(Some).map_err(|_| settings.wrong("topK", "must be a whole number"))
}
