//! Writes a request.

use tidegate_domain::inference::{Dropped, Unfit};

use super::part_writer::{Names, write_parts};
use crate::translate::{
    conversation::{Conversation, Format, Part, Reasoning, Role, Sampling, Thinking, Tool, ToolChoice},
    json::{Body, Object, object, placed},
};

/// The most tokens to think that every model takes.
const MOST_BUDGET: i64 = 24_576;

/// Writes a request.
pub(in crate::translate) fn write_request(conversation: &Conversation, dropped: &mut Dropped) -> Result<Body, Unfit> {
    conversation.refuse_one_call_at_a_time()?;
    let mut written = Ok(());
    let body = placed(|root| {
        written = write_turns(root, conversation, dropped);
        write_tools(root, conversation, dropped);
        let mut settings = Vec::new();
        object(&mut settings, |settings| write_settings(settings, conversation));
        if settings != b"{}" {
            root.put_json("generationConfig", &String::from_utf8_lossy(&settings));
        }
    });
    if conversation.user.is_some() {
        dropped.note("user");
    }
    written.map(|()| body)
}

/// All instructions stand before the conversation: among its turns there is no place for them. Neighbours of one side become one
/// turn, since the results of parallel calls must stand in one.
fn write_turns(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) -> Result<(), Unfit> {
    let (instructions, spoken): (Vec<_>, Vec<_>) =
        conversation.turns.iter().partition(|turn| turn.role == Role::System);
    let mut names = Names::default();
    let mut written = Ok(());
    if let Some(first) = instructions.first() {
        let parts: Vec<&Part> = instructions.iter().flat_map(|turn| &turn.parts).collect();
        root.object("systemInstruction", |content| {
            content.list("parts", |list| written = write_parts(list, (&parts, &first.path), &mut names, dropped));
        });
    }
    root.list("contents", |list| {
        for side in spoken.chunk_by(|one, next| one.role == next.role) {
            let parts: Vec<&Part> = side.iter().flat_map(|turn| &turn.parts).collect();
            if parts.is_empty() || written.is_err() {
                continue;
            }
            list.object(|content| {
                content.put_word("role", if side[0].role == Role::Assistant { "model" } else { "user" });
                content.list("parts", |list| {
                    written = write_parts(list, (&parts, &side[0].path), &mut names, dropped);
                });
            });
        }
    });
    written
}

fn write_tools(root: &mut Object<'_>, conversation: &Conversation, dropped: &mut Dropped) {
    let tools = &conversation.tools;
    if tools.is_empty() {
        return;
    }
    root.list("tools", |list| {
        list.object(|object| {
            object.list("functionDeclarations", |list| {
                for tool in tools {
                    list.object(|function| write_tool(function, tool));
                }
            });
        });
    });
    let lost = [
        ("tools[].strict", tools.iter().any(|tool| tool.strict == Some(true))),
        ("tools[].cache_control", tools.iter().any(|tool| tool.cache.is_some())),
    ];
    lost.into_iter().filter(|(_, is_lost)| *is_lost).for_each(|(field, _)| dropped.note(field));
    let (mode, name) = match &conversation.tool_choice {
        None => return,
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some([name])),
    };
    root.object("toolConfig", |config| {
        config.object("functionCallingConfig", |calling| {
            calling.put("mode", mode);
            calling.put_some("allowedFunctionNames", name);
        });
    });
}

fn write_tool(object: &mut Object<'_>, tool: &Tool) {
    object.put("name", &tool.name);
    object.put_some("description", tool.description.as_ref());
    object.put_some("parametersJsonSchema", tool.parameters.as_ref());
}

fn write_settings(settings: &mut Object<'_>, conversation: &Conversation) {
    let Sampling { temperature, top_p, top_k, seed, presence_penalty, frequency_penalty } = conversation.sampling;
    settings.put_some("temperature", temperature);
    settings.put_some("topP", top_p);
    settings.put_some("topK", top_k);
    settings.put_some("seed", seed);
    settings.put_some("presencePenalty", presence_penalty);
    settings.put_some("frequencyPenalty", frequency_penalty);
    settings.put_some("maxOutputTokens", conversation.max_tokens);
    if !conversation.stop.is_empty() {
        settings.put("stopSequences", &conversation.stop);
    }
    if let Some(wish) = &conversation.logprobs {
        settings.put("responseLogprobs", &true);
        settings.put_some("logprobs", (wish.top > 0).then_some(wish.top));
    }
    match &conversation.format {
        Format::Text => {}
        Format::JsonObject => settings.put_word("responseMimeType", "application/json"),
        Format::JsonSchema { schema, .. } => {
            settings.put_word("responseMimeType", "application/json");
            settings.put("responseJsonSchema", schema);
        }
    }
    write_thinking(settings, &conversation.reasoning);
}

/// An effort becomes the budget that Google itself takes it for. Older models know budgets only; newer ones take them too.
fn write_thinking(settings: &mut Object<'_>, Reasoning { effort, thinking }: &Reasoning) {
    let budget = match (thinking, effort.as_deref()) {
        (Some(Thinking::Off), _) => {
            return settings.object("thinkingConfig", |config| config.put("thinkingBudget", &0));
        }
        (Some(Thinking::Budget(tokens)), _) => i64::try_from(*tokens).unwrap_or(i64::MAX),
        (Some(Thinking::Open | Thinking::Adaptive), None) => -1,
        (_, Some("minimal" | "low")) => 1024,
        (_, Some("high" | "xhigh" | "max")) => MOST_BUDGET,
        (_, Some(_)) => 8192,
        (None, None) => return,
    };
    settings.object("thinkingConfig", |config| {
        config.put("includeThoughts", &true);
        config.put("thinkingBudget", &budget);
    });
}
