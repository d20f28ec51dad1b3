//! The fields of a JSON object on their way into another dialect: each is taken, refused, or noted as dropped; none is
//! overlooked.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_domain::{
    inference::{Dropped, Unfit},
    json::{self, Scanner},
};

use super::{
    conversation::{Content, Part},
    raw::{Json, Raw},
};

/// What is wrong with a field that changes what is asked and has no counterpart.
pub(super) const NOWHERE: &str = "cannot be said to this model's provider, which speaks another protocol; leave it out";

/// The fields of one object that have not been taken yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Where the object stands, without a dot at its end; empty for the body itself.
    path: String,
    entries: Vec<(Cow<'a, str>, Raw<'a>)>,
}

impl<'a> Fields<'a> {
    /// The fields of the whole body.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Unfit> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        Self::parse(String::new(), text)
    }

    /// The fields of the object at `path`.
    pub(super) fn of(path: String, value: Raw<'a>) -> Result<Self, Unfit> {
        Self::parse(path, value.get())
    }

    fn parse(path: String, json: &'a str) -> Result<Self, Unfit> {
        let mut entries = Vec::with_capacity(8);
        let mut scanner = Scanner::of(json);
        // A nested key that stands twice is left to the upstream.
        let read = scanner.fields(|scanner, key| {
            entries.push((key, Raw::of(scanner.value()?)));
            Ok(())
        });
        match read.and_then(|()| scanner.end()) {
            Ok(()) => Ok(Self { path, entries }),
            Err(_) => Err(Unfit::field(&path, "must be an object")),
        }
    }

    /// The path of the field `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { [&self.path, ".", key].concat() }
    }

    /// The error of the field `key`.
    pub(super) fn wrong(&self, key: &str, problem: &str) -> Unfit {
        Unfit::field(&self.at(key), problem)
    }

    /// Takes the value of `key`; `null` is none. One in camel case may stand there in snake case, as Google takes it.
    pub(super) fn take(&mut self, key: &str) -> Option<Raw<'a>> {
        let at = self.entries.iter().position(|(known, _)| known == key).or_else(|| self.snake_case_position(key))?;
        let (_, value) = self.entries.swap_remove(at);
        (value.get() != "null").then_some(value)
    }

    fn snake_case_position(&self, key: &str) -> Option<usize> {
        if !key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        // Longer by its underscores.
        self.entries.iter().position(|(known, _)| known.len() > key.len() && is_snake_case_of(known, key))
    }

    /// Takes and reads the value of `key`, which is `expected`: "a string".
    pub(super) fn read<T: Deserialize<'a>>(&mut self, key: &str, expected: &str) -> Result<Option<T>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let read = serde_json::from_str(value.get()).map(Some);
        read.map_err(|_| self.wrong(key, &format!("must be {expected}")))
    }

    /// A string.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Unfit> {
        Ok(self.borrowed_text(key)?.map(Cow::into_owned))
    }

    fn borrowed_text(&mut self, key: &str) -> Result<Option<Cow<'a, str>>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let text = json::text(value.get()).ok_or_else(|| self.wrong(key, "must be a string"))?;
        Ok(Some(text))
    }

    /// A string that must be there.
    pub(super) fn required_text(&mut self, key: &str) -> Result<String, Unfit> {
        self.word(key).map(Cow::into_owned)
    }

    /// A string that must be there, and is only looked at.
    pub(super) fn word(&mut self, key: &str) -> Result<Cow<'a, str>, Unfit> {
        self.borrowed_text(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// The object at `key`.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Fields<'a>>, Unfit> {
        self.take(key).map(|value| Fields::of(self.at(key), value)).transpose()
    }

    /// The elements of the list at `key`, each with its path.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<(String, Raw<'a>)>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        elements(&self.at(key), value)
    }

    /// What is said at `key`: a text, or a list of what `what` names, each element read with its path.
    pub(super) fn content(
        &mut self,
        key: &str,
        what: &str,
        read: impl FnMut((String, Raw<'a>)) -> Result<Part, Unfit>,
    ) -> Result<Vec<Part>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        if value.get().starts_with('[') {
            return elements(&self.at(key), value)?.into_iter().map(read).collect();
        }
        let text =
            json::text(value.get()).ok_or_else(|| self.wrong(key, &format!("must be a string or a list of {what}")))?;
        Ok(if text.is_empty() { Vec::new() } else { vec![Content::Text(text.into_owned()).into()] })
    }

    /// Any JSON, in its own spelling.
    pub(super) fn json(&mut self, key: &str) -> Option<Json> {
        self.take(key).map(Raw::to_json)
    }

    /// Refuses the field `key` unless it is absent or says one of `harmless`.
    pub(super) fn refuse_unless(&mut self, key: &str, harmless: &[&str], problem: &str) -> Result<(), Unfit> {
        match self.take(key) {
            Some(value) if !harmless.contains(&value.get()) => Err(self.wrong(key, problem)),
            _ => Ok(()),
        }
    }

    /// Refuses the field `key`.
    pub(super) fn refuse(&mut self, key: &str, problem: &str) -> Result<(), Unfit> {
        self.refuse_unless(key, &[], problem)
    }

    /// Lets go of the field `key`, which means nothing elsewhere.
    pub(super) fn ignore(&mut self, key: &str) {
        self.take(key);
    }

    /// Refuses whatever is left.
    pub(super) fn refuse_rest(self, problem: &str) -> Result<(), Unfit> {
        match self.entries.iter().find(|(_, value)| value.get() != "null") {
            Some((key, _)) => Err(self.wrong(key, problem)),
            None => Ok(()),
        }
    }

    /// Whatever is left, with its path.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Cow<'a, str>, Raw<'a>)> {
        let Self { path, entries } = self;
        entries.into_iter().map(move |(key, value)| (format!("{path}.{key}"), key, value))
    }

    /// Notes whatever is left as dropped.
    pub(super) fn finish(self, dropped: &mut Dropped) {
        for (key, value) in &self.entries {
            if value.get() != "null" {
                dropped.note(self.at(key));
            }
        }
    }
}

/// Whether `known` is `key`, which is in camel case, in snake case.
fn is_snake_case_of(known: &str, key: &str) -> bool {
    let mut rest = known;
    let is_spelt = key.chars().all(|letter| {
        let behind = if letter.is_ascii_uppercase() {
            rest.strip_prefix('_').and_then(|rest| rest.strip_prefix(letter.to_ascii_lowercase()))
        } else {
            rest.strip_prefix(letter)
        };
        behind.map(|behind| rest = behind).is_some()
    });
    is_spelt && rest.is_empty()
}

/// The elements of a list, each with its path.
pub(super) fn elements<'a>(path: &str, value: Raw<'a>) -> Result<Vec<(String, Raw<'a>)>, Unfit> {
    let mut elements = Vec::new();
    let read = Scanner::of(value.get()).list(|scanner| {
        elements.push((format!("{path}[{}]", elements.len()), Raw::of(scanner.value()?)));
        Ok(())
    });
    match read {
        Ok(()) => Ok(elements),
        Err(_) => Err(Unfit::field(path, "must be a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_took_is_named_as_dropped() {
        let mut fields = Fields::of_body(br#"{"a":1,"b":{"c":2,"d":null,"e":3},"f":null,"g":[]}"#).unwrap();
        let mut dropped = Dropped::default();
        let mut inner = fields.object("b").unwrap().unwrap();
        assert_eq!(inner.read::<u64>("c", "a number"), Ok(Some(2)));
        inner.finish(&mut dropped);
        fields.finish(&mut dropped);
        assert_eq!(dropped.fields().collect::<Vec<_>>(), ["b.e", "a", "g"]);
    }

    #[test]
    fn a_key_in_camel_case_is_found_in_snake_case() {
        let mut fields =
            Fields::of_body(br#"{"max_output_tokens":1,"topp":2,"top_p":3,"max_tokens":4,"maxTokens":5}"#).unwrap();
        assert_eq!(fields.take("maxOutputTokens").map(Raw::get), Some("1"));
        assert_eq!(fields.take("topP").map(Raw::get), Some("3"));
        assert_eq!(fields.take("max_tokens").map(Raw::get), Some("4"));
        assert!(fields.take("max_tokens").is_none());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_its_path() {
        let mut fields = Fields::of_body(br#"{"a":[{"b":7}]}"#).unwrap();
        let (path, value) = fields.list("a").unwrap().remove(0);
        let mut element = Fields::of(path, value).unwrap();
        assert_eq!(element.text("b"), Err(Unfit::field("a[0].b", "must be a string")));
    }
}
