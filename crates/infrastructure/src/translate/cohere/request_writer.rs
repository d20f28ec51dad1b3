//! Writes a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::message_writer::write_turn;
use crate::translate::{
    conversation::{Conversation, Format, Thinking, Tool, ToolChoice},
    json::{Body, List, Object, placed},
};

/// The largest share of the likeliest tokens that the provider takes: all of them would be 1.
const MOST_LIKELY: f64 = 0.99;

/// Writes a request for the model of that name.
pub(in crate::translate) fn write_request(
    conversation: &Conversation,
    model: &str,
    dropped: &mut Dropped,
) -> Result<Body, Unfit> {
    conversation.refuse_one_call_at_a_time()?;
    conversation.refuse_logprobs()?;
    if !conversation.tools.is_empty() && !matches!(conversation.format, Format::Text) {
        let problem = "cannot be asked for together with tools: this model's provider takes the one or the other";
        return Err(Unfit::field("response_format", problem));
    }
    let mut messages = Ok(());
    let body = placed(|root| {
        root.put("model", model);
        root.list("messages", |list| {
            messages = conversation.turns.iter().try_for_each(|turn| write_turn(list, turn, dropped));
        });
        write_tools(root, conversation, dropped);
        write_format(root, &conversation.format);
        write_thinking(root, conversation);
        write_sampling(root, conversation, dropped);
        root.put_some("max_tokens", conversation.max_tokens);
        if !conversation.stop.is_empty() {
            root.put("stop_sequences", &conversation.stop);
        }
        if conversation.user.is_some() {
            dropped.note("user");
        }
        if conversation.stream {
            root.put("stream", &true);
        }
    });
    messages.map(|()| body)
}

/// There is no word for one tool: it is the only one that is told, and one must be called.
fn write_tools(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let named = |tool: &&Tool| match &conversation.tool_choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        _ => true,
    };
    let tools: Vec<&Tool> = conversation.tools.iter().filter(named).collect();
    if tools.is_empty() {
        return;
    }
    root.list("tools", |list| tools.iter().for_each(|tool| write_tool(list, tool)));
    if tools.iter().any(|tool| tool.cache.is_some()) {
        dropped.note("tools[].cache_control");
    }
    // All of them are strict, or none is.
    if tools.iter().all(|tool| tool.strict == Some(true)) {
        root.put("strict_tools", &true);
    } else if tools.iter().any(|tool| tool.strict == Some(true)) {
        dropped.note("tools[].strict");
    }
    match &conversation.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        Some(ToolChoice::None) => root.put_word("tool_choice", "NONE"),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => root.put_word("tool_choice", "REQUIRED"),
    }
}

fn write_tool(list: &mut List<'_>, tool: &Tool) {
    list.object(|object| {
        object.put_word("type", "function");
        object.object("function", |function| {
            function.put("name", &tool.name);
            function.put_some("description", tool.description.as_ref());
            match &tool.parameters {
                Some(parameters) => function.put("parameters", parameters),
                None => function.put_json("parameters", r#"{"type":"object","properties":{}}"#),
            }
        });
    });
}

fn write_format(root: &mut Object<'_>, format: &Format) {
    let schema = match format {
        Format::Text => return,
        Format::JsonObject => None,
        Format::JsonSchema { schema, .. } => Some(schema),
    };
    root.object("response_format", |object| {
        object.put_word("type", "json_object");
        object.put_some("json_schema", schema);
    });
}

/// An effort becomes the budget that it amounts to, and leaves half of the answer for what is said; a budget stands as it is.
fn write_thinking(root: &mut Object<'_>, Conversation { reasoning, max_tokens, .. }: &Conversation) {
    let room = max_tokens.map_or(u64::MAX, |most| most / 2).max(1);
    let (kind, budget) = match (reasoning.thinking, reasoning.budget()) {
        (Some(Thinking::Off), _) => ("disabled", None),
        (Some(Thinking::Open), _) if reasoning.effort.is_none() => ("enabled", None),
        (Some(Thinking::Budget(budget)), _) => ("enabled", Some(budget)),
        (_, Some(budget)) => ("enabled", Some(budget.min(room))),
        (_, None) => return,
    };
    root.object("thinking", |thinking| {
        thinking.put_word("type", kind);
        thinking.put_some("token_budget", budget);
    });
}

/// Penalties go from 0 to 1 here, and from -2 to 2 elsewhere.
fn write_sampling(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let sampling = &conversation.sampling;
    root.put_some("temperature", sampling.temperature);
    root.put_some("p", sampling.top_p.map(|p| p.min(MOST_LIKELY)));
    root.put_some("k", sampling.top_k);
    root.put_some("seed", sampling.seed);
    let penalties =
        [("presence_penalty", sampling.presence_penalty), ("frequency_penalty", sampling.frequency_penalty)];
    for (key, penalty) in penalties {
        match penalty {
            Some(penalty) if !(0.0..=1.0).contains(&penalty) => dropped.note(key),
            _ => root.put_some(key, penalty),
        }
    }
}
