//! Whether what a caller got is an answer to its request, all of one attempt, in order and whole.

use serde_json::Value;

/// What an attempt calls itself in each piece of its answer: for which request, by whom, which attempt, and how long.
pub fn name(nonce: &str, upstream: usize, serial: u64, tokens: usize) -> String {
    format!("{nonce}/{upstream}/{serial}/{tokens}")
}

/// Checks the text of an answer to `nonce`.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str, nonce: &str, is_whole: bool) -> Result<(), String> {
    let mut words = text.split_whitespace();
    let Some(first) = words.next() else {
        return if is_whole { Err(format!("{nonce} got nothing for the whole")) } else { Ok(()) };
    };
    let (name, at) = first.rsplit_once('-').ok_or_else(|| format!("{nonce} got '{first}'"))?;
    let mut parts = name.split('/');
    if parts.next() != Some(nonce) {
        return Err(format!("{nonce} got the answer of '{name}'"));
    }
    let tokens: usize = parts.nth(2).and_then(|count| count.parse().ok()).ok_or_else(|| format!("'{name}'"))?;
    let mut seen = 1;
    if at != "0" {
        return Err(format!("{nonce} misses the beginning: '{first}'"));
    }
    for word in words {
        if word != format!("{name}-{seen}") {
            return Err(format!("{nonce} got '{word}' instead of piece {seen} of '{name}'"));
        }
        seen += 1;
    }
    if is_whole && seen != tokens {
        return Err(format!("{nonce} got {seen} of {tokens} pieces of '{name}' as the whole"));
    }
    Ok(())
}

/// The text of a stream so far, and how it ended.
#[derive(Debug, Default)]
pub struct Heard {
    /// The text.
    pub text: String,
    /// Whether its terminal event came.
    pub is_done: bool,
    /// Whether it was told that it broke.
    pub is_broken: bool,
}

/// Reads the events of a stream.
pub fn hear(body: &str) -> Heard {
    let mut heard = Heard::default();
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        if data == "[DONE]" {
            heard.is_done = true;
            continue;
        }
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        heard.is_broken |= event.get("error").is_some();
        heard.text.push_str(event["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    heard
}
