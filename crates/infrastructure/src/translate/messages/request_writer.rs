//! Writes a request.

use bytes::BytesMut;
use tidegate_domain::inference::{Dropped, Unfit};

use super::block_writer::write_blocks;
use crate::translate::{
    conversation::{Conversation, Format, Part, Role, Tool, ToolChoice},
    json::{List, Object, body, object},
};

/// The fewest tokens that a budget for thinking may have.
const LEAST_BUDGET: u64 = 1024;

/// Writes a request for the model of that name.
pub(in crate::translate) fn write_request(
    conversation: &Conversation,
    model: &str,
    dropped: &mut Dropped,
) -> Result<BytesMut, Unfit> {
    if matches!(conversation.format, Format::JsonObject) {
        let problem = "is a JSON mode without a schema, which this model's provider has not; give it a schema";
        return Err(Unfit::field("response_format.type", problem));
    }
    conversation.refuse_logprobs()?;
    let mut written = Ok(());
    let mut out = body();
    object(&mut out, |root| {
        root.put("model", model);
        root.put_some("max_tokens", conversation.max_tokens);
        written = write_turns(root, conversation, dropped);
        write_tools(root, conversation);
        write_output(root, conversation);
        write_thinking(root, conversation, dropped);
        write_sampling(root, conversation, dropped);
        if !conversation.stop.is_empty() {
            root.put("stop_sequences", &conversation.stop);
        }
        if let Some(user) = &conversation.user {
            root.object("metadata", |metadata| metadata.put("user_id", user));
        }
        if conversation.stream {
            root.put("stream", &true);
        }
    });
    written.map(|()| out)
}

/// Leading instructions become `system`; those within the conversation stay where they are. Neighbours of one side become one
/// message, since the results of parallel calls must stand in one.
fn write_turns(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) -> Result<(), Unfit> {
    let turns = &conversation.turns;
    let leading = turns.iter().take_while(|turn| turn.role == Role::System).count();
    let (instructions, spoken) = turns.split_at(leading);
    let mut written = Ok(());
    let blocks: Vec<&Part> = instructions.iter().flat_map(|turn| &turn.parts).collect();
    if !blocks.is_empty() {
        root.list("system", |list| written = write_blocks(list, &blocks, &instructions[0].path, dropped));
    }
    root.list("messages", |list| {
        for side in spoken.chunk_by(|one, next| one.role == next.role) {
            let parts: Vec<&Part> = side.iter().flat_map(|turn| &turn.parts).collect();
            if parts.is_empty() {
                continue;
            }
            list.object(|message| {
                message.put("role", role_word(side[0].role));
                message.list("content", |content| {
                    let side_written = write_blocks(content, &parts, &side[0].path, dropped);
                    if written.is_ok() {
                        written = side_written;
                    }
                });
            });
        }
    });
    written
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn write_tools(root: &mut Object<'_>, conversation: &Conversation) {
    if conversation.tools.is_empty() {
        return;
    }
    root.list("tools", |list| conversation.tools.iter().for_each(|tool| write_tool(list, tool)));
    let alone = conversation.parallel_tool_calls == Some(false);
    let choice = conversation.tool_choice.as_ref();
    let (kind, name) = match choice {
        None if alone => ("auto", None),
        None => return,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name)),
    };
    root.object("tool_choice", |object| {
        object.put("type", kind);
        object.put_some("name", name);
        if alone && kind != "none" {
            object.put("disable_parallel_tool_use", &true);
        }
    });
}

fn write_tool(list: &mut List<'_>, tool: &Tool) {
    list.object(|object| {
        object.put("name", &tool.name);
        object.put_some("description", tool.description.as_ref());
        match &tool.parameters {
            Some(parameters) => object.put("input_schema", parameters),
            None => object.put_json("input_schema", r#"{"type":"object","properties":{}}"#),
        }
        object.put_some("strict", tool.strict);
        object.put_some("cache_control", tool.cache.as_ref());
    });
}

fn write_output(root: &mut Object<'_>, conversation: &Conversation) {
    let Format::JsonSchema { schema, .. } = &conversation.format else { return };
    root.object("output_config", |output| {
        output.object("format", |format| {
            format.put("type", "json_schema");
            format.put("schema", schema);
        });
    });
}

/// An effort becomes the budget that it amounts to, below the most tokens of the answer, which it is part of. Models know
/// budgets for longer than they know efforts.
fn write_thinking(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let Some(wanted) = conversation.reasoning.budget() else { return };
    let room = conversation.max_tokens.map_or(u64::MAX, |most| most / 2);
    let budget = wanted.min(room);
    // A call that is forced leaves no thought before it.
    let is_forced = matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if budget < LEAST_BUDGET || is_forced {
        dropped.note("reasoning_effort");
        return;
    }
    root.object("thinking", |object| {
        object.put("type", "enabled");
        object.put("budget_tokens", &budget);
    });
}

/// The provider takes temperatures from 0 to 1.
fn write_sampling(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let sampling = &conversation.sampling;
    if sampling.temperature.is_some_and(|temperature| temperature > 1.0) {
        dropped.note("temperature");
    } else {
        root.put_some("temperature", sampling.temperature);
    }
    root.put_some("top_p", sampling.top_p);
    root.put_some("top_k", sampling.top_k);
    sampling.note_seed_and_penalties(dropped);
}
