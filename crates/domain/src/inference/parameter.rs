//! The top-level fields of a request that the gateway reads or sets.

/// Declares the fields, each with the key that the protocol spells it by.
macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident = $key:literal,)*) => {
        /// A top-level field of a request that the gateway reads or sets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Parameter {
            $(#[doc = concat!("`", $key, "`")] #[doc = ""] $(#[$doc])* $name,)*
        }

        impl Parameter {
            /// The key, as the protocol spells it.
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }

            /// The field of that key, if it is one of them.
            pub(super) fn of_key(key: &str) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    // Google takes its keys in snake case as well.
                    "system_instruction" => Some(Self::SystemInstruction),
                    "generation_config" => Some(Self::GenerationConfig),
                    "toolConfig" | "tool_config" => Some(Self::ToolChoice),
                    _ => None,
                }
            }
        }
    };
}

parameters! {
    Model = "model",
    Stream = "stream",
    StreamOptions = "stream_options",
    Temperature = "temperature",
    MaxTokens = "max_tokens",
    MaxCompletionTokens = "max_completion_tokens",
    MaxOutputTokens = "max_output_tokens",
    ResponseFormat = "response_format",
    /// Or `toolConfig`.
    ToolChoice = "tool_choice",
    Messages = "messages",
    N = "n",
    Store = "store",
    TopP = "top_p",
    ReasoningEffort = "reasoning_effort",
    Thinking = "thinking",
    Tools = "tools",
    /// The older form of `tools`.
    Functions = "functions",
    User = "user",
    PromptCacheKey = "prompt_cache_key",
    /// The conversation in the words of Responses.
    Input = "input",
    /// What Responses puts before it.
    Instructions = "instructions",
    /// What Messages puts before it.
    System = "system",
    /// How Responses is told to think.
    Reasoning = "reasoning",
    /// The form of the answer in the words of Messages.
    MessagesOutput = "output_config",
    /// The form of the answer in the words of Responses.
    Text = "text",
    /// Cohere's `top_p`.
    P = "p",
    /// The conversation in Google's words.
    Contents = "contents",
    /// What Google puts before it.
    SystemInstruction = "systemInstruction",
    /// Where Google keeps all settings.
    GenerationConfig = "generationConfig",
    /// How tokens are drawn in the words of Converse.
    InferenceConfig = "inferenceConfig",
    /// Form and effort of the answer in the words of Converse.
    OutputConfig = "outputConfig",
    /// What Converse passes on to a model as it is.
    AdditionalFields = "additionalModelRequestFields",
}
