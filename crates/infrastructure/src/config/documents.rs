//! The texts of the files for the history: variables and secret files stay the references that they are; secrets that are written
//! out are left out, and filled in again from the files of the day if somebody goes back.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use tidegate_domain::config::Document;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{findings::join, redaction::tells};

/// Stands for a secret that was written out.
const NOT_KEPT: &str = "<secret, not kept>";
/// Stands for a comment that may hold one.
const NO_COMMENT: &str = "# <comment, not kept: it may hold a secret>";

/// The keys whose values are secrets. Written out, because learning every key takes a tenth of a second and some MiB, and every
/// start needs these; a test holds them against what the loader asks for.
const SECRET_KEYS: [&str; 8] = [
    "api_key",
    "headers",
    "keys",
    "proxy_credentials",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "credentials",
];

/// What files say, secrets included; its `Debug` shows none of it.
#[derive(Clone, Default)]
pub struct Documents(Vec<(PathBuf, String)>);

impl Documents {
    /// The files without the secrets that are written out in them.
    pub fn redacted(&self) -> Vec<Document> {
        self.0.iter().map(|(path, text)| Document { path: path.clone(), text: redact(text) }).collect()
    }
}

impl Documents {
    /// These files, each named as seen from `home`: the directory of the root file may be elsewhere the next time.
    pub(super) fn below<'a>(home: &Path, files: impl Iterator<Item = (&'a Path, &'a str)>) -> Self {
        Self(files.map(|(path, text)| (named_from(home, path), text.to_owned())).collect())
    }
}

/// The path below `home`, or the whole of it if it is elsewhere.
pub(super) fn named_from(home: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix(home) {
        Ok(below) => below.to_owned(),
        Err(_) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(path, _)| path)).finish()
    }
}

/// A text in a file: its key, where it stands, and what it says.
struct Text {
    key: String,
    span: Range<usize>,
    says: String,
    is_secret: bool,
}

/// The file without secrets. What does not parse is left out whole: nobody can tell what in it is one.
fn redact(text: &str) -> String {
    let Some(texts) = texts(text) else { return String::new() };
    let secrets = texts.into_iter().filter(|text| text.is_secret && !is_reference(&text.says));
    let replaced = replace(text, secrets.map(|text| (text.span, format!("\"{NOT_KEPT}\""))).collect());
    replaced.split_inclusive('\n').map(without_telling_comment).collect()
}

/// The file with its secrets as `today` says them.
///
/// # Errors
/// The keys of those that it does not say.
pub(super) fn fill_in(text: &str, today: Option<&str>) -> Result<String, Vec<String>> {
    let known = today.and_then(texts).unwrap_or_default();
    let mut lacking = Vec::new();
    let mut found = Vec::new();
    for gap in texts(text).unwrap_or_default().into_iter().filter(|text| text.says == NOT_KEPT) {
        match (known.iter().find(|known| known.key == gap.key), today) {
            (Some(known), Some(today)) => found.push((gap.span, today[known.span.clone()].to_owned())),
            _ => lacking.push(gap.key),
        }
    }
    if lacking.is_empty() { Ok(replace(text, found)) } else { Err(lacking) }
}

/// Every text of a file; `None` if it does not parse.
fn texts(text: &str) -> Option<Vec<Text>> {
    let parsed = DeTable::parse(text).ok()?;
    let mut texts = Vec::new();
    below(parsed.get_ref(), &mut texts, ("", false));
    Some(texts)
}

fn below(table: &DeTable<'_>, texts: &mut Vec<Text>, (path, is_secret): (&str, bool)) {
    for (key, value) in table {
        let key = key.get_ref();
        let is_secret = is_secret || SECRET_KEYS.contains(&&**key) || tells(key);
        collect(value, texts, (join(path, key), is_secret));
    }
}

fn collect(value: &Spanned<DeValue<'_>>, texts: &mut Vec<Text>, (key, is_secret): (String, bool)) {
    match value.get_ref() {
        DeValue::String(says) => {
            let is_secret = is_secret || says.starts_with("sk-");
            texts.push(Text { key, span: value.span(), says: says.to_string(), is_secret });
        }
        DeValue::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, texts, (format!("{key}[{at}]"), is_secret));
            }
        }
        DeValue::Table(table) => below(table, texts, (&key, is_secret)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Whether the text only refers to a secret: variables without a default and files, perhaps behind the scheme of a header.
fn is_reference(text: &str) -> bool {
    let mut rest = ["Bearer ", "Basic "].into_iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    while let Some(form) = rest.strip_prefix("${") {
        let Some((form, after)) = form.split_once('}') else { return false };
        let is_plain = form.split_once(':').is_none_or(|(name, more)| name == "file" || more.starts_with('?'));
        if !is_plain {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn replace(text: &str, mut parts: Vec<(Range<usize>, String)>) -> String {
    parts.sort_by_key(|(span, _)| span.start);
    let mut replaced = String::with_capacity(text.len());
    let mut done = 0;
    for (span, part) in parts {
        replaced.push_str(&text[done..span.start]);
        replaced.push_str(&part);
        done = span.end;
    }
    replaced.push_str(&text[done..]);
    replaced
}

/// The line without a comment that may hold a secret. A `#` in a text may be taken for a comment's only where it tells of one.
fn without_telling_comment(line: &str) -> String {
    let comment = comment_of(line).filter(|at| tells(&line[*at..]) || line[*at..].contains("sk-"));
    let Some(at) = comment else { return line.to_owned() };
    let end = if line.ends_with('\n') { "\n" } else { "" };
    format!("{}{NO_COMMENT}{end}", &line[..at])
}

/// Where the comment of a line begins: at a `#` outside of quotes.
fn comment_of(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some('"'), '\\') if !is_escaped => {
                is_escaped = true;
                continue;
            }
            (Some(open), closing) if open == closing && !is_escaped => quote = None,
            _ => {}
        }
        is_escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{
        journal::Form,
        keys::{keys, last},
    };

    #[test]
    fn the_secret_keys_are_those_that_the_loader_asks_for_as_secrets() {
        let is_secret = |form: &Form| matches!(form, Form::Secret | Form::Secrets);
        let secret = keys().iter().filter(|key| key.forms.iter().any(is_secret));
        let spelled: BTreeSet<_> = secret.flat_map(|key| key.older.iter().copied().chain([last(&key.path)])).collect();
        assert_eq!(spelled, SECRET_KEYS.into());
    }

    const FILE: &str = r#"# the old one was sk-canary
[providers.a]
api_key = "canary" # api_key: canary
headers = { Authorization = "Bearer canary", X-Team = '''canary''' }
[providers.b]
api_key = "${KEY}"
headers = { Authorization = "Bearer ${TOKEN}" }
[providers.c]
api_key = "${KEY:canary}"
enabled = false
[pools.p.deadlines]
headers = 3 # until the head
"#;

    #[test]
    fn secrets_that_are_written_out_are_left_out_and_references_stay() {
        check(&redact(FILE));
    }

    #[track_caller]
    fn check(redacted: &str) {
        let expected = r#"# <comment, not kept: it may hold a secret>
[providers.a]
api_key = "<secret, not kept>" # <comment, not kept: it may hold a secret>
headers = { Authorization = "<secret, not kept>", X-Team = "<secret, not kept>" }
[providers.b]
api_key = "${KEY}"
headers = { Authorization = "Bearer ${TOKEN}" }
[providers.c]
api_key = "<secret, not kept>"
enabled = false
[pools.p.deadlines]
headers = 3 # until the head
"#;
        assert_eq!(redacted, expected);
    }

    #[test]
    fn what_was_left_out_is_filled_in_from_the_file_of_today() {
        let today = FILE.replace("canary", "other");
        let filled = fill_in(&redact(FILE), Some(&today)).unwrap();
        assert!(filled.contains("api_key = \"other\"") && filled.contains("X-Team = '''other'''"), "{filled}");
        assert!(filled.contains("api_key = \"${KEY:other}\""), "{filled}");
        assert!(!filled.contains(NOT_KEPT), "{filled}");
    }

    #[test]
    fn a_secret_that_nobody_knows_is_named() {
        let lacking = fill_in(&redact("[providers.a]\napi_key = \"canary\""), Some("[providers.b]\napi_key = \"x\""));
        assert_eq!(lacking.unwrap_err(), ["providers.a.api_key"]);
        assert_eq!(fill_in("a = 1", None).unwrap(), "a = 1");
    }

    #[test]
    fn a_file_that_does_not_parse_is_left_out_whole() {
        assert_eq!(redact("api_key = \"canary"), "");
    }
}
