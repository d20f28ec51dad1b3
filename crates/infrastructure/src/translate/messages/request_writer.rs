//! Writes a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::block_writer::write_blocks;
use crate::translate::{
    conversation::{Conversation, Format, Part, Role, Sampling, Thinking, Tool, ToolChoice, Turn, is_unusual},
    json::{Body, List, Object, placed},
    schema::closed,
};

/// The fewest tokens that a budget for thinking may have.
const LEAST_BUDGET: u64 = 1024;

/// Writes a request for the model of that name.
pub(in crate::translate) fn write_request(
    conversation: &Conversation,
    model: &str,
    dropped: &mut Dropped,
) -> Result<Body, Unfit> {
    if matches!(conversation.format, Format::JsonObject) {
        let problem = "is a JSON mode without a schema, which this model's provider has not; give it a schema";
        return Err(Unfit::field("response_format.type", problem));
    }
    conversation.refuse_logprobs()?;
    let mut written = Ok(());
    let body = placed(|root| {
        root.put("model", model);
        root.put_some("max_tokens", conversation.max_tokens);
        written = write_turns(root, conversation, dropped);
        write_tools(root, conversation);
        write_output(root, conversation);
        let thinks = write_thinking(root, conversation, dropped);
        write_sampling(root, (conversation, thinks), dropped);
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
    written.map(|()| body)
}

/// Instructions become `system`, wherever they stand: among messages only some models take them, and not in every place. Neighbours of one
/// side become one message, since the results of parallel calls must stand in one.
fn write_turns(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) -> Result<(), Unfit> {
    let (instructions, spoken): (Vec<&Turn>, Vec<&Turn>) =
        conversation.turns.iter().partition(|turn| turn.role == Role::System);
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
                message.put_word("role", if side[0].role == Role::Assistant { "assistant" } else { "user" });
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
        object.put_word("type", kind);
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
            Some(parameters) if tool.strict == Some(true) => {
                object.put_json("input_schema", &closed(parameters.as_raw()));
            }
            Some(parameters) => object.put("input_schema", parameters),
            None => object.put_json("input_schema", r#"{"type":"object","properties":{}}"#),
        }
        object.put_some("strict", tool.strict);
        object.put_some("cache_control", tool.cache.as_ref());
    });
}

/// The form of the answer, and the effort of whoever is told no budget.
fn write_output(root: &mut Object<'_>, conversation: &Conversation) {
    let reasoning = &conversation.reasoning;
    let effort = reasoning.effort.as_deref().filter(|_| reasoning.thinking == Some(Thinking::Adaptive));
    let schema = match &conversation.format {
        Format::JsonSchema { schema, .. } => Some(closed(schema.as_raw())),
        Format::Text | Format::JsonObject => None,
    };
    if effort.is_none() && schema.is_none() {
        return;
    }
    root.object("output_config", |output| {
        if let Some(schema) = &schema {
            output.object("format", |format| {
                format.put_word("type", "json_schema");
                format.put_json("schema", schema);
            });
        }
        // There is none below `low`.
        output.put_some("effort", effort.map(|effort| if effort == "minimal" { "low" } else { effort }));
    });
}

/// For how many tokens to think: an effort becomes the budget that it amounts to, below the most tokens of the answer, which it is part
/// of. `Err` where that was asked for and cannot be, `Ok(None)` where nothing was asked for.
fn budget_of(conversation: &Conversation) -> Result<Option<u64>, ()> {
    let Some(wanted) = conversation.reasoning.budget() else { return Ok(None) };
    let room = conversation.max_tokens.map_or(u64::MAX, |most| most / 2);
    let budget = wanted.min(room);
    if budget < LEAST_BUDGET || is_forced(conversation) { Err(()) } else { Ok(Some(budget)) }
}

/// A call that is forced leaves no thought before it.
fn is_forced(conversation: &Conversation) -> bool {
    matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
}

/// Whether the model thinks for a budget.
fn write_thinking(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) -> bool {
    if conversation.reasoning.thinking == Some(Thinking::Adaptive) {
        if !is_forced(conversation) {
            root.object("thinking", |object| {
                object.put_word("type", "adaptive");
                // Left to itself, it would think without saying what.
                object.put_word("display", "summarized");
            });
        }
        return false;
    }
    let Ok(budget) = budget_of(conversation) else {
        dropped.note("reasoning_effort");
        return false;
    };
    if let Some(budget) = budget {
        root.object("thinking", |object| {
            object.put_word("type", "enabled");
            object.put("budget_tokens", &budget);
        });
    }
    budget.is_some()
}

/// The provider takes temperatures from 0 to 1, and one of temperature and share alone. Whoever thinks is told neither.
fn write_sampling(root: &mut Object<'_>, (conversation, thinks): (&Conversation, bool), dropped: &mut Dropped) {
    let Sampling { temperature, top_p, top_k, .. } = conversation.sampling;
    let is_hot = temperature.is_some_and(|temperature| temperature > 1.0);
    let (loses_temperature, loses_share) = (thinks || is_hot, thinks || (is_unusual(temperature) && !is_hot));
    let lost = [
        ("temperature", loses_temperature && is_unusual(temperature)),
        ("top_p", loses_share && is_unusual(top_p)),
        ("top_k", thinks && top_k.is_some()),
    ];
    root.put_some("temperature", temperature.filter(|_| !loses_temperature));
    root.put_some("top_p", top_p.filter(|_| !loses_share && is_unusual(top_p)));
    root.put_some("top_k", top_k.filter(|_| !thinks));
    lost.into_iter().filter(|(_, is_lost)| *is_lost).for_each(|(key, _)| dropped.note(key));
    conversation.sampling.note_seed_and_penalties(dropped);
}
