//! Providers that other gateways know by name, and how they are spoken to here.

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// In this protocol.
    Protocol(&'static str),
    /// As the catalogue says under this word.
    Preset(&'static str),
}

/// A provider that is known by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// What other gateways call it.
    names: &'static [&'static str],
    pub(super) wire: Wire,
    pub(super) place: Whereabouts,
    /// The variable that usually holds its key; empty if it takes none.
    pub(super) variable: &'static str,
}

/// Where a provider is, unless the source says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Where everybody finds it.
    Public,
    /// On this machine, at its usual port.
    Local,
    /// Nowhere: everybody has one of their own.
    Unknown,
}

const fn preset(names: &'static [&'static str], word: &'static str, variable: &'static str) -> Known {
    Known { names, wire: Wire::Preset(word), place: Whereabouts::Public, variable }
}

const fn local(names: &'static [&'static str], word: &'static str) -> Known {
    Known { names, wire: Wire::Preset(word), place: Whereabouts::Local, variable: "" }
}

/// Whoever speaks OpenAI's protocol at a place of their own.
pub(super) const OPENAI_LIKE: Known = Known {
    names: &["openai_like", "custom_openai"],
    wire: Wire::Protocol("openai"),
    place: Whereabouts::Unknown,
    variable: "IMPORTED_API_KEY",
};

const KNOWN: &[Known] = &[
    preset(&["openai", "text-completion-openai"], "openai", "OPENAI_API_KEY"),
    Known {
        names: &["anthropic"],
        wire: Wire::Protocol("anthropic"),
        place: Whereabouts::Public,
        variable: "ANTHROPIC_API_KEY",
    },
    preset(&["gemini", "google"], "gemini", "GEMINI_API_KEY"),
    preset(&["cohere", "cohere_chat"], "cohere", "COHERE_API_KEY"),
    preset(&["groq"], "groq", "GROQ_API_KEY"),
    preset(&["mistral", "mistral-ai"], "mistral", "MISTRAL_API_KEY"),
    preset(&["deepseek"], "deepseek", "DEEPSEEK_API_KEY"),
    preset(&["openrouter"], "openrouter", "OPENROUTER_API_KEY"),
    preset(&["together_ai", "together-ai"], "together", "TOGETHER_API_KEY"),
    preset(&["fireworks_ai", "fireworks-ai"], "fireworks", "FIREWORKS_API_KEY"),
    preset(&["xai", "x-ai"], "xai", "XAI_API_KEY"),
    preset(&["perplexity", "perplexity-ai"], "perplexity", "PERPLEXITY_API_KEY"),
    preset(&["cerebras"], "cerebras", "CEREBRAS_API_KEY"),
    preset(&["sambanova"], "sambanova", "SAMBANOVA_API_KEY"),
    preset(&["nvidia_nim", "nvidia"], "nvidia", "NVIDIA_API_KEY"),
    preset(&["deepinfra"], "deepinfra", "DEEPINFRA_API_KEY"),
    preset(&["moonshot"], "moonshot", "MOONSHOT_API_KEY"),
    preset(&["dashscope"], "dashscope", "DASHSCOPE_API_KEY"),
    preset(&["zai"], "zai", "ZAI_API_KEY"),
    preset(&["huggingface"], "huggingface", "HUGGINGFACE_API_KEY"),
    preset(&["github"], "github", "GITHUB_API_KEY"),
    preset(&["voyage"], "voyage", "VOYAGE_API_KEY"),
    preset(&["jina_ai", "jina"], "jina", "JINA_AI_API_KEY"),
    local(&["ollama", "ollama_chat"], "ollama"),
    local(&["hosted_vllm", "vllm"], "vllm"),
    local(&["lm_studio"], "lmstudio"),
    local(&["llamafile"], "llamacpp"),
    OPENAI_LIKE,
];

/// The provider of that name.
pub(super) fn known(name: &str) -> Option<Known> {
    KNOWN.iter().find(|known| known.names.contains(&name)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::catalogue;

    #[test]
    fn every_preset_is_in_the_catalogue_and_every_name_means_one_provider() {
        let mut names: Vec<_> = KNOWN.iter().flat_map(|known| known.names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for known in KNOWN {
            if let Wire::Preset(word) = known.wire {
                assert!(catalogue::preset(word).is_some(), "{word}");
            }
        }
    }
}
