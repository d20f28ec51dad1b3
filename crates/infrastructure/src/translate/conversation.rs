//! A conversation in nobody's words: what every dialect's request is read into, and written from.
//!
//! It holds what at least two dialects can say. What only one can say is either an error of its reader ([`Unfit`]), because
//! leaving it out would change what is asked, or dropped by it and named. Schemas and arguments of tools stay the text that
//! they were: no number is ever respelled.
//!
//! [`Unfit`]: tidegate_domain::inference::Unfit

use tidegate_domain::inference::{Dropped, ReasoningEffort, Unfit};

use super::{
    logprobs::{LogprobsWish, TokenLogprob},
    raw::Json,
};

/// A request for the next turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conversation {
    pub(crate) turns: Vec<Turn>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called in one turn; open if absent.
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) format: Format,
    pub(crate) reasoning: Reasoning,
    pub(crate) sampling: Sampling,
    /// The most tokens to generate, reasoning included.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stop: Vec<String>,
    /// Whether, and how, to tell how likely the tokens of the answer were.
    pub(crate) logprobs: Option<LogprobsWish>,
    /// What the caller calls its own user.
    pub(crate) user: Option<String>,
    /// How wordy the answer is to be, in OpenAI's words.
    pub(crate) verbosity: Option<Json>,
    /// What Chat Completions tells OpenAI about running its service, and Responses in the same words: keys and values.
    pub(crate) service: Vec<(&'static str, Json)>,
    pub(crate) stream: bool,
}

impl Conversation {
    /// Refuses that tools are called one at a time, for a provider that cannot be told so.
    pub(crate) fn refuse_one_call_at_a_time(&self) -> Result<(), Unfit> {
        if self.tools.is_empty() || self.parallel_tool_calls != Some(false) {
            return Ok(());
        }
        let problem = "is not to be had: this model's provider cannot be told to call one tool at a time";
        Err(Unfit::field("parallel_tool_calls", problem))
    }

    /// Makes it what [adaptive](tidegate_domain::inference::is_adaptive_claude) models can be told: an effort and no budget, not that they
    /// must not think, and nothing of how tokens are drawn. Whether that changes anything.
    pub(crate) fn make_adaptive(&mut self, dropped: &mut Dropped) -> bool {
        let Sampling { temperature, top_p, top_k, .. } = &mut self.sampling;
        let (temperature, top_p, top_k) = (temperature.take(), top_p.take(), top_k.take());
        let lost = [("temperature", is_unusual(temperature)), ("top_p", is_unusual(top_p)), ("top_k", top_k.is_some())];
        lost.into_iter().filter(|(_, is_lost)| *is_lost).for_each(|(key, _)| dropped.note(key));
        let was_drawn = temperature.is_some() || top_p.is_some() || top_k.is_some();
        let reasoning = &mut self.reasoning;
        let was_told = reasoning.thinking.is_some() || reasoning.effort.is_some();
        if reasoning.thinking == Some(Thinking::Off) {
            dropped.note("reasoning_effort");
            *reasoning = Reasoning::default();
        } else if was_told {
            *reasoning =
                Reasoning { effort: reasoning.amount().map(str::to_owned), thinking: Some(Thinking::Adaptive) };
        }
        was_drawn || was_told
    }
}

/// What one side says in one go.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part>,
    /// Where it stood, for messages: `messages[2]`.
    pub(crate) path: String,
}

impl Turn {
    /// Notes that what was to be kept of the prompt is not.
    pub(crate) fn note_cache(&self, dropped: &mut Dropped) {
        if self.parts.iter().any(|part| part.cache.is_some()) {
            dropped.note(format!("{}.content[].cache_control", self.path));
        }
    }

    /// Notes that documents have lost their names: those whose bytes are where `has_none` says that there is no place for one.
    pub(crate) fn note_names(&self, has_none: impl Fn(&Source) -> bool, dropped: &mut Dropped) {
        let is_lost = |part: &Part| match &part.content {
            Content::Document { source, name: Some(_) } => has_none(source),
            _ => false,
        };
        if self.parts.iter().any(is_lost) {
            dropped.note(format!("{}.content[].filename", self.path));
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Whoever gives the model its instructions.
    System,
    /// The user, and the tools that answer on the user's side.
    User,
    /// The model.
    Assistant,
}

/// A part of what is said.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    /// Anthropic's `cache_control`: the prompt up to here is to be kept.
    pub(crate) cache: Option<Json>,
    /// How likely the tokens of a text were, in an answer to whoever asked for that.
    pub(crate) logprobs: Vec<TokenLogprob>,
}

impl From<Content> for Part {
    fn from(content: Content) -> Self {
        Self { content, cache: None, logprobs: Vec::new() }
    }
}

/// What a part says.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Text(String),
    /// `detail` is OpenAI's `low`, `high` or `auto`.
    Image {
        source: Source,
        detail: Option<String>,
    },
    Document {
        source: Source,
        name: Option<String>,
    },
    Audio {
        data: String,
        format: String,
    },
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    /// What the model thought; `signature` is its maker's proof, without which nobody takes it back.
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    /// What the model thought, readable only to its maker.
    SealedReasoning(String),
    /// Why the model will not answer.
    Refusal(String),
}

impl Content {
    /// The last step of the path of a thought, as it is named where it is not sent back: what of it there is to name.
    pub(crate) fn thought_word(&self) -> &'static str {
        match self {
            Self::Reasoning { signature: Some(signature), .. } if !signature.is_empty() => "signature",
            Self::SealedReasoning(_) => "data",
            _ => "thinking",
        }
    }
}

/// Where the bytes of an image or a document are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url(String),
    Base64 {
        media_type: String,
        data: String,
    },
    /// A file that was uploaded to the provider.
    File(String),
    /// A document that is plain text.
    Text(String),
}

/// What a `data:` URL holds, if it is one in base64.
pub(crate) fn source_of(url: &str) -> Option<Source> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let media_type = media_type.split(';').next().unwrap_or_default();
    Some(Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

/// A `data:` URL of base64.
pub(crate) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// The model's wish to have a tool called.
#[derive(Debug, Clone)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A JSON object, as text.
    pub(crate) arguments: String,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct ToolResult {
    pub(crate) call: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) is_error: bool,
}

impl ToolResult {
    /// What came of it, if that is nothing but text.
    pub(crate) fn text(&self) -> Option<String> {
        let text = |part: &Part| match &part.content {
            Content::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.parts.iter().map(text).collect()
    }
}

/// A tool that the caller can call for the model.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// A JSON schema of its arguments.
    pub(crate) parameters: Option<Json>,
    pub(crate) strict: Option<bool>,
    pub(crate) cache: Option<Json>,
}

/// Which tools the model may or must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
}

/// What the answer must look like.
#[derive(Debug, Clone, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    JsonSchema {
        name: Option<String>,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    },
}

/// How much the model is to think.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasoning {
    /// `low`, `medium`, `high` and their neighbours.
    pub(crate) effort: Option<String>,
    pub(crate) thinking: Option<Thinking>,
}

impl Reasoning {
    /// For how many tokens to think: an effort becomes the budget that it amounts to. `None` if not at all, or if nothing is said.
    pub(crate) fn budget(&self) -> Option<u64> {
        match (self.thinking, self.effort.as_deref()) {
            (Some(Thinking::Off), _) | (None, None) => None,
            (Some(Thinking::Budget(tokens)), _) => Some(tokens),
            (_, Some("minimal")) => Some(1024),
            (_, Some("low")) => Some(2048),
            (_, Some("high")) => Some(16_384),
            (_, Some("xhigh" | "max")) => Some(32_768),
            (Some(Thinking::Open | Thinking::Adaptive), None) | (_, Some(_)) => Some(8192),
        }
    }

    /// Whether it is told for how many tokens to think.
    pub(crate) fn is_budget(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Budget(_)))
    }

    /// The effort: as it stands, or the one that a budget amounts to.
    fn amount(&self) -> Option<&str> {
        match (&self.effort, self.thinking) {
            (Some(effort), _) => Some(effort),
            (None, Some(Thinking::Off | Thinking::Open | Thinking::Adaptive) | None) => None,
            (None, Some(Thinking::Budget(tokens))) => Some(ReasoningEffort::of_budget(tokens).as_str()),
        }
    }

    /// The effort in OpenAI's words, which know no budget, and nothing above `high` that every model has. Not to think at all is said
    /// as the caller said it, or left out: some models have no word for it.
    pub(crate) fn effort_word(&self, dropped: &mut Dropped) -> Option<&str> {
        match (self.amount(), self.thinking) {
            (Some("max"), _) => Some("high"),
            (None, Some(Thinking::Off)) => {
                dropped.note("reasoning_effort");
                None
            }
            (effort, _) => effort,
        }
    }
}

/// Whether the model is to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    Off,
    /// As long as it sees fit.
    Open,
    /// For so many tokens.
    Budget(u64),
    /// As long as it sees fit, guided by the effort alone: Claude's newer models can be told nothing else.
    Adaptive,
}

/// How tokens are drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) seed: Option<i64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
}

/// Whether a temperature or a share of the likeliest tokens is another than 1, by which models draw them unless they are told.
pub(crate) fn is_unusual(value: Option<f64>) -> bool {
    value.is_some_and(|value| (value - 1.0).abs() > 0.0)
}

impl Sampling {
    /// Notes what some dialects have no word for; a penalty of 0 says nothing.
    pub(crate) fn note_seed_and_penalties(&self, dropped: &mut Dropped) {
        let given = [
            ("seed", self.seed.is_some()),
            ("presence_penalty", self.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
            ("frequency_penalty", self.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).for_each(|(key, _)| dropped.note(key));
    }
}
