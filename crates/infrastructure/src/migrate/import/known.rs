//! Where providers are that other gateways know by name, and how they are spoken to.

/// A provider that is known by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// What other gateways call it.
    pub(super) names: &'static [&'static str],
    pub(super) protocol: &'static str,
    /// Where its API is; empty if everybody has one of their own.
    pub(super) base_url: &'static str,
    /// The variable that usually holds its key; empty if it takes none.
    pub(super) variable: &'static str,
}

const fn openai(names: &'static [&'static str], base_url: &'static str, variable: &'static str) -> Known {
    Known { names, protocol: "openai", base_url, variable }
}

const KNOWN: &[Known] = &[
    openai(&["openai", "text-completion-openai"], "https://api.openai.com/v1", "OPENAI_API_KEY"),
    Known {
        names: &["anthropic"],
        protocol: "anthropic",
        base_url: "https://api.anthropic.com/v1",
        variable: "ANTHROPIC_API_KEY",
    },
    openai(&["gemini", "google"], "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    openai(&["groq"], "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    openai(&["mistral", "mistral-ai"], "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    openai(&["deepseek"], "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    openai(&["openrouter"], "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    openai(&["together_ai", "together-ai"], "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    openai(&["fireworks_ai", "fireworks-ai"], "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    openai(&["xai", "x-ai"], "https://api.x.ai/v1", "XAI_API_KEY"),
    openai(&["perplexity", "perplexity-ai"], "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    openai(&["cerebras"], "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    openai(&["nvidia_nim"], "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    openai(&["ollama", "ollama_chat"], "http://localhost:11434/v1", ""),
    openai(&["hosted_vllm", "vllm", "lm_studio", "llamafile", "openai_like", "custom_openai"], "", ""),
];

/// The provider of that name.
pub(super) fn known(name: &str) -> Option<Known> {
    KNOWN.iter().find(|known| known.names.contains(&name)).copied()
}
