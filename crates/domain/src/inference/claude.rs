//! In what Claude's models differ, as far as it bears on how they are asked.

/// The first version that is told an effort and no budget, and nothing of how tokens are drawn.
const FIRST_ADAPTIVE: (u32, u32) = (4, 7);

/// Whether a model is a Claude that thinks as it sees fit. Those from 4.7 on, and all of the families Fable and Mythos, refuse a budget to think, a
/// temperature and a share of the likeliest tokens; Anthropic's guides to migration say so. The name tells it, wherever the model is:
/// `claude-opus-4-7`, `us.anthropic.claude-sonnet-5-v1:0`, `anthropic/claude-opus-4.8`.
pub fn is_adaptive_claude(model: &str) -> bool {
    let Some((_, name)) = model.rsplit_once("claude-") else { return false };
    let mut words = name.split(['-', '.', ':', '@', '/']);
    let mut family = "";
    // The family stands before the version in newer names, and behind it in older ones.
    let major = words.by_ref().find_map(|word| {
        let number = version(word);
        if number.is_none() && family.is_empty() {
            family = word;
        }
        number
    });
    match major {
        Some(major) => (major, words.next().and_then(version).unwrap_or(0)) >= FIRST_ADAPTIVE,
        None => matches!(family, "fable" | "mythos"),
    }
}

/// A number of a version; a date is none.
fn version(word: &str) -> Option<u32> {
    let is_number = word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_which_claude_it_is_wherever_that_is_asked() {
        for model in [
            "claude-opus-4-7",
            "claude-opus-4-8@20260601",
            "anthropic/claude-opus-4.8",
            "claude-sonnet-5",
            "us.anthropic.claude-opus-5-v1:0",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-5-5-20260901-v1:0",
            "claude-haiku-5-5",
            "claude-fable-5-1",
            "claude-mythos-preview",
        ] {
            assert!(is_adaptive_claude(model), "{model}");
        }
        for model in [
            "claude-opus-4-20250514",
            "claude-opus-4-6",
            "anthropic.claude-sonnet-4-6",
            "claude-sonnet-4-5@20250929",
            "claude-haiku-4-5-20251001",
            "claude-3-7-sonnet-latest",
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            "anthropic.claude-v2:1",
            "claude-latest",
            "gpt-5",
            "fable",
            "",
        ] {
            assert!(!is_adaptive_claude(model), "{model}");
        }
    }
}
