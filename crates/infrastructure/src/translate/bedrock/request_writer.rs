//! Writes a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::block_writer::{BlockWriter, write_cache_point};
use crate::translate::{
    conversation::{Content, Conversation, Format, Part, Reasoning, Role, Thinking, Tool, ToolChoice, Turn},
    json::{Body, List, Object, placed},
    schema::closed,
};

/// Writes a request; its model stands in the path.
pub(in crate::translate) fn write_request(conversation: &Conversation, dropped: &mut Dropped) -> Result<Body, Unfit> {
    refuse(conversation)?;
    let mut written = Ok(());
    let body = placed(|root| {
        written = write_turns(root, conversation, dropped);
        write_tools(root, conversation);
        write_sampling(root, conversation, dropped);
        write_output(root, conversation);
        if let Some(Thinking::Budget(tokens)) = conversation.reasoning.thinking {
            root.object("additionalModelRequestFields", |fields| write_budget(fields, tokens));
        }
    });
    written.map(|()| body)
}

/// What changes the answer and cannot be said.
fn refuse(conversation: &Conversation) -> Result<(), Unfit> {
    if matches!(conversation.format, Format::JsonObject) {
        let problem = "is a JSON mode without a schema, which this model's provider has not; give it a schema";
        return Err(Unfit::field("response_format.type", problem));
    }
    conversation.refuse_one_call_at_a_time()?;
    conversation.refuse_logprobs()?;
    let has_tools = !conversation.tools.is_empty();
    if has_tools && conversation.tool_choice == Some(ToolChoice::None) && conversation.turns.iter().any(has_called) {
        let problem = "forbids tools that were called before, which this model's provider cannot be told";
        return Err(Unfit::field("tool_choice", problem));
    }
    Ok(())
}

/// Whether the turn calls a tool, or says what came of it: the tools must then be told.
fn has_called(turn: &Turn) -> bool {
    turn.parts.iter().any(|part| matches!(part.content, Content::ToolCall(_) | Content::ToolResult(_)))
}

/// Instructions become `system`, wherever they stand: messages are the user's and the model's alone. Neighbours of one side become one
/// message, since the two must alternate.
fn write_turns(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) -> Result<(), Unfit> {
    let (instructions, spoken): (Vec<&Turn>, Vec<&Turn>) =
        conversation.turns.iter().partition(|turn| turn.role == Role::System);
    let path = instructions.first().map_or("", |turn| &turn.path);
    let instructions: Vec<&Part> = instructions.iter().flat_map(|turn| &turn.parts).collect();
    let mut writer = BlockWriter { dropped, documents: 0 };
    let mut written = Ok(());
    if !instructions.is_empty() {
        root.list("system", |list| written = writer.write(list, &instructions, path));
    }
    root.list("messages", |list| {
        for side in spoken.chunk_by(|one, next| one.role == next.role) {
            let parts: Vec<&Part> = side.iter().flat_map(|turn| &turn.parts).collect();
            if parts.is_empty() || written.is_err() {
                continue;
            }
            list.object(|message| {
                message.put_word("role", if side[0].role == Role::Assistant { "assistant" } else { "user" });
                message.list("content", |content| written = writer.write(content, &parts, &side[0].path));
            });
        }
    });
    written
}

/// Tools that must not be called are not told: the choice has no word for it.
fn write_tools(root: &mut Object<'_>, conversation: &Conversation) {
    let choice = conversation.tool_choice.as_ref();
    if conversation.tools.is_empty() || choice == Some(&ToolChoice::None) {
        return;
    }
    root.object("toolConfig", |config| {
        config.list("tools", |list| conversation.tools.iter().for_each(|tool| write_tool(list, tool)));
        match choice {
            None | Some(ToolChoice::None) => {}
            Some(ToolChoice::Auto) => config.object("toolChoice", |choice| choice.object("auto", |_| {})),
            Some(ToolChoice::Required) => config.object("toolChoice", |choice| choice.object("any", |_| {})),
            Some(ToolChoice::Named(name)) => config.object("toolChoice", |choice| {
                choice.object("tool", |tool| tool.put("name", name));
            }),
        }
    });
}

fn write_tool(list: &mut List<'_>, tool: &Tool) {
    list.object(|object| {
        object.object("toolSpec", |spec| {
            spec.put("name", &tool.name);
            spec.put_some("description", tool.description.as_ref().filter(|text| !text.is_empty()));
            spec.object("inputSchema", |schema| match &tool.parameters {
                Some(parameters) if tool.strict == Some(true) => schema.put_json("json", &closed(parameters.as_raw())),
                Some(parameters) => schema.put("json", parameters),
                None => schema.put_json("json", r#"{"type":"object","properties":{}}"#),
            });
            spec.put_some("strict", tool.strict);
        });
    });
    write_cache_point(list, tool.cache.as_ref());
}

/// The provider takes temperatures from 0 to 1.
fn write_sampling(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let sampling = &conversation.sampling;
    let is_hot = sampling.temperature.is_some_and(|temperature| temperature > 1.0);
    let temperature = sampling.temperature.filter(|_| !is_hot);
    let has_stop = !conversation.stop.is_empty();
    if has_stop || temperature.is_some() || sampling.top_p.is_some() || conversation.max_tokens.is_some() {
        root.object("inferenceConfig", |config| {
            config.put_some("maxTokens", conversation.max_tokens);
            config.put_some("temperature", temperature);
            config.put_some("topP", sampling.top_p);
            config.put_some("stopSequences", has_stop.then_some(&conversation.stop));
        });
    }
    let missing = [("temperature", is_hot), ("top_k", sampling.top_k.is_some()), ("user", conversation.user.is_some())];
    missing.into_iter().filter(|(_, is_given)| *is_given).for_each(|(key, _)| dropped.note(key));
    sampling.note_seed_and_penalties(dropped);
}

/// The form of the answer, whose schema is a text here and has no open objects, and the effort.
fn write_output(root: &mut Object<'_>, conversation: &Conversation) {
    let effort = effort_of(&conversation.reasoning);
    let schema = match &conversation.format {
        Format::JsonSchema { name, description, schema, .. } => Some((name, description, closed(schema.as_raw()))),
        Format::Text | Format::JsonObject => None,
    };
    if effort.is_none() && schema.is_none() {
        return;
    }
    root.object("outputConfig", |output| {
        if let Some((name, description, schema)) = schema {
            output.object("textFormat", |format| {
                format.put_word("type", "json_schema");
                format.object("structure", |structure| {
                    structure.object("jsonSchema", |object| {
                        object.put("schema", &schema);
                        object.put_some("name", name.as_ref());
                        object.put_some("description", description.as_ref());
                    });
                });
            });
        }
        output.put_some("effort", effort);
    });
}

/// The effort in the provider's words, which has none below `low`.
fn effort_of(reasoning: &Reasoning) -> Option<&str> {
    match (reasoning.thinking, reasoning.effort.as_deref()?) {
        (Some(Thinking::Off), _) => None,
        (_, "minimal") => Some("low"),
        (_, effort) => Some(effort),
    }
}

/// A budget is said as Claude is told it: the provider has no words of its own for one.
fn write_budget(fields: &mut Object<'_>, tokens: u64) {
    fields.object("thinking", |thinking| {
        thinking.put_word("type", "enabled");
        thinking.put("budget_tokens", &tokens);
    });
}
