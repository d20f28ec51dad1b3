//! Which lines of a file may not be repeated in a message.
//!
//! It goes by the text, not by the parsed file, because a file that does not parse holds secrets all the same. It rather
//! hides too much: a line that seems to hold a secret, whatever it opens and does not close (a table, a list, a text of
//! several lines), and everything below a heading that names secrets.

use std::collections::BTreeSet;

/// Words that announce a secret, in lower case and without dashes and underscores.
const TELLTALES: [&str; 11] = [
    "apikey",
    "accesskey",
    "authorization",
    "bearer",
    "secret",
    "password",
    "passwd",
    "credential",
    "accesstoken",
    "authtoken",
    "sessiontoken",
];

/// The numbers, from 0, of the lines that hold or may hold a secret.
pub(super) fn hidden_lines(text: &str) -> BTreeSet<usize> {
    let mut hidden = BTreeSet::new();
    let mut section_is_secret = false;
    let mut opened = Opened::default();
    for (number, line) in text.split('\n').enumerate() {
        let tells = tells(line);
        let goes_on = opened.is_open();
        if !goes_on && line.trim_start().starts_with('[') {
            section_is_secret = tells;
        }
        if tells || goes_on || section_is_secret {
            hidden.insert(number);
        }
        if tells || goes_on {
            opened.read(line);
        }
    }
    hidden
}

/// Whether a line holds or may hold a secret.
pub(super) fn tells(line: &str) -> bool {
    let lower = line.to_lowercase();
    let plain: String = lower.chars().filter(|character| !matches!(character, '_' | '-')).collect();
    let has_user_info = lower.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    let has_key = ["\"sk-", "'sk-", " sk-", "=sk-", ":sk-"].iter().any(|start| lower.contains(start));
    // An escaped key could spell any of the words.
    let is_escaped = line.contains("\\u") || line.contains("\\U") || line.contains("\\x");
    TELLTALES.iter().any(|word| plain.contains(word))
        || names_headers(&plain)
        || names_keys(&plain)
        || has_user_info
        || has_key
        || is_escaped
}

/// Whether the line speaks of keys by name: the word alone, as in `[providers.x.keys]` and `keys = {`.
fn names_keys(plain: &str) -> bool {
    plain.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| word == "keys")
}

/// Whether the line speaks of headers to send, not of a limit on headers.
fn names_headers(plain: &str) -> bool {
    let plain = plain.replace("headertimeout", "").replace("maxheaderbytes", "");
    plain.match_indices("header").any(|(at, word)| {
        let rest = plain[at + word.len()..].trim_start_matches('s').trim_start_matches([' ', '=']);
        !rest.starts_with(|character: char| character.is_ascii_digit())
    })
}

/// What a secret line has opened and not closed.
#[derive(Default)]
struct Opened {
    brackets: i64,
    quotes: bool,
    apostrophes: bool,
}

impl Opened {
    fn is_open(&self) -> bool {
        self.brackets > 0 || self.quotes || self.apostrophes
    }

    fn read(&mut self, line: &str) {
        let count = |wanted: &[char]| i64::try_from(line.matches(wanted).count()).unwrap_or(i64::MAX);
        self.brackets = (self.brackets + count(&['[', '{']) - count(&[']', '}'])).max(0);
        self.quotes ^= line.matches("\"\"\"").count() % 2 == 1;
        self.apostrophes ^= line.matches("'''").count() % 2 == 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, hidden: &[usize]) {
        assert_eq!(hidden_lines(text).into_iter().collect::<Vec<_>>(), hidden, "{text}");
    }

    #[test]
    fn a_line_with_a_key_is_hidden_and_its_neighbours_are_not() {
        check("a = 1\napi_key = \"x\"\nb = 2", &[1]);
        check("ApiKey = \"x\"\nAPI-KEY = 'x'\nb = 2", &[0, 1]);
        check("base_url = 'https://user:pw@host'", &[0]);
        check("key = 'sk-123'", &[0]);
        check("\"api\\u005fkey\" = 'x'", &[0]);
        check("keys = { a = 'x' }\nkey = 'a'\nmonkeys = 3", &[0]);
        check("max_tokens = 3\ntoken_interval_ms = 2\n[task-groups.task-x]\nheaders = 30\nmax_header_bytes = 1", &[]);
    }

    #[test]
    fn what_a_secret_line_opens_is_hidden_to_its_end() {
        check("headers = {\n  A = 'x',\n  B = 'y'\n}\nb = 2", &[0, 1, 2, 3]);
        check("api_key = \"\"\"\nfoo = bar\n\"\"\"\nb = 2", &[0, 1, 2]);
        check("api_key = '''\nfoo = bar", &[0, 1]);
    }

    #[test]
    fn everything_below_a_secret_heading_is_hidden() {
        check("[providers.p.keys]\nteam = 'x'\n[q]\na = 1", &[0, 1]);
        check("[p.headers]\nX-Thing = 'x'\n\n[q]\na = 1", &[0, 1, 2]);
    }
}
