//! The top-level fields of a request that the gateway reads or sets.

/// A top-level field of a request that the gateway reads or sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `model`
    Model,
    /// `stream`
    Stream,
    /// `stream_options`
    StreamOptions,
    /// `temperature`
    Temperature,
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
    /// `max_output_tokens`
    MaxOutputTokens,
    /// `response_format`
    ResponseFormat,
    /// `tool_choice`, or `toolConfig`
    ToolChoice,
    /// `messages`
    Messages,
    /// `n`
    N,
    /// `store`
    Store,
    /// `top_p`
    TopP,
    /// `reasoning_effort`
    ReasoningEffort,
    /// `thinking`
    Thinking,
    /// `tools`
    Tools,
    /// `functions`, the older form of `tools`
    Functions,
    /// `user`
    User,
    /// `prompt_cache_key`
    PromptCacheKey,
    /// `input`, the conversation in the words of Responses
    Input,
    /// `instructions`, what Responses puts before it
    Instructions,
    /// `system`, what Messages puts before it
    System,
    /// `reasoning`, how Responses is told to think
    Reasoning,
    /// `output_config`, the form of the answer in the words of Messages
    MessagesOutput,
    /// `text`, the form of the answer in the words of Responses
    Text,
    /// `p`, Cohere's `top_p`
    P,
    /// `contents`, the conversation in Google's words
    Contents,
    /// `systemInstruction`, what Google puts before it
    SystemInstruction,
    /// `generationConfig`, where Google keeps all settings
    GenerationConfig,
    /// `inferenceConfig`, how tokens are drawn in the words of Converse
    InferenceConfig,
    /// `outputConfig`, form and effort of the answer in the words of Converse
    OutputConfig,
    /// `additionalModelRequestFields`, what Converse passes on to a model as it is
    AdditionalFields,
}

impl Parameter {
    pub(super) const ALL: [Self; 32] = [
        Self::Model,
        Self::Stream,
        Self::StreamOptions,
        Self::Temperature,
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::MaxOutputTokens,
        Self::ResponseFormat,
        Self::ToolChoice,
        Self::Messages,
        Self::N,
        Self::Store,
        Self::TopP,
        Self::ReasoningEffort,
        Self::Thinking,
        Self::Tools,
        Self::Functions,
        Self::User,
        Self::PromptCacheKey,
        Self::Input,
        Self::Instructions,
        Self::System,
        Self::Reasoning,
        Self::MessagesOutput,
        Self::Text,
        Self::P,
        Self::Contents,
        Self::SystemInstruction,
        Self::GenerationConfig,
        Self::InferenceConfig,
        Self::OutputConfig,
        Self::AdditionalFields,
    ];

    /// The key, as the protocol spells it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::Temperature => "temperature",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::ResponseFormat => "response_format",
            Self::ToolChoice => "tool_choice",
            Self::Messages => "messages",
            Self::N => "n",
            Self::Store => "store",
            Self::TopP => "top_p",
            Self::ReasoningEffort => "reasoning_effort",
            Self::Thinking => "thinking",
            Self::Tools => "tools",
            Self::Functions => "functions",
            Self::User => "user",
            Self::PromptCacheKey => "prompt_cache_key",
            Self::Input => "input",
            Self::Instructions => "instructions",
            Self::System => "system",
            Self::Reasoning => "reasoning",
            Self::MessagesOutput => "output_config",
            Self::Text => "text",
            Self::P => "p",
            Self::Contents => "contents",
            Self::SystemInstruction => "systemInstruction",
            Self::GenerationConfig => "generationConfig",
            Self::InferenceConfig => "inferenceConfig",
            Self::OutputConfig => "outputConfig",
            Self::AdditionalFields => "additionalModelRequestFields",
        }
    }

    pub(super) fn of_key(key: &str) -> Option<Self> {
        match key {
            // Google takes its keys in snake case as well.
            "system_instruction" => Some(Self::SystemInstruction),
            "generation_config" => Some(Self::GenerationConfig),
            "toolConfig" | "tool_config" => Some(Self::ToolChoice),
            _ => Self::ALL.into_iter().find(|parameter| parameter.key() == key),
        }
    }
}
