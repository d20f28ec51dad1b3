//! The fields of a JSON object on their way into another dialect: each is taken, refused, or noted as dropped; none is
//! overlooked.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_domain::{
    inference::{Dropped, InferenceRequest, Unfit},
    json::{self, InvalidJson, Scanner},
};

use tidegate_http1::decimal;

use super::{
    conversation::{Content, Part},
    raw::{Json, Raw},
};

/// What is wrong with a field that changes what is asked and has no counterpart.
pub(super) const NOWHERE: &str = "cannot be said to this model's provider, which speaks another protocol; leave it out";

/// A key and its value.
type Entry<'a> = (Cow<'a, str>, Raw<'a>);

/// The fields of one object that have not been taken yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Where the object stands, without a dot at its end; empty for the body itself.
    path: String,
    entries: Vec<Entry<'a>>,
    /// The [`ends`] of all their keys: most of what is looked for is not there.
    ends: u64,
}

impl<'a> Fields<'a> {
    /// The fields of the whole body, which is not read again where routing knows all of it.
    pub(super) fn of_request(request: &'a InferenceRequest) -> Result<Self, Unfit> {
        if let Some(fields) = request.fields() {
            let entries = fields.map(|(key, value)| (Cow::Borrowed(key), Raw::of(value))).collect();
            return Ok(Self::new(String::new(), entries));
        }
        let text = std::str::from_utf8(request.body()).unwrap_or_default();
        Self::of(String::new(), Raw::of(text))
    }

    /// The fields of the object at `path`.
    pub(super) fn of(path: String, value: Raw<'a>) -> Result<Self, Unfit> {
        let mut scanner = Scanner::of(value.get());
        match entries(&mut scanner).and_then(|entries| scanner.end().map(|()| entries)) {
            Ok(entries) => Ok(Self::new(path, entries)),
            Err(_) => Err(Unfit::field(&path, "must be an object")),
        }
    }

    fn new(path: String, entries: Vec<Entry<'a>>) -> Self {
        let ends = entries.iter().fold(0, |all, (key, _)| all | ends(key));
        Self { path, entries, ends }
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
    #[inline]
    pub(super) fn take(&mut self, key: &str) -> Option<Raw<'a>> {
        if self.ends & ends(key) == 0 { None } else { self.take_likely(key) }
    }

    fn take_likely(&mut self, key: &str) -> Option<Raw<'a>> {
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

    /// The elements of the list at `key`, which are objects.
    pub(super) fn objects(&mut self, key: &str) -> Result<Vec<Fields<'a>>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        objects(&self.at(key), value)
    }

    /// What is said at `key`: a text, or a list of what `what` names, each of which `read` reads.
    pub(super) fn content(
        &mut self,
        key: &str,
        what: &str,
        read: impl FnMut(Fields<'a>) -> Result<Part, Unfit>,
    ) -> Result<Vec<Part>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        if value.get().starts_with('[') {
            return objects(&self.at(key), value)?.into_iter().map(read).collect();
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
        let Self { path, entries, .. } = self;
        entries.into_iter().map(move |(key, value)| (format!("{path}.{key}"), key, value))
    }

    /// Notes whatever is left as dropped; where the object stands.
    pub(super) fn finish(self, dropped: &mut Dropped) -> String {
        for (key, value) in &self.entries {
            if value.get() != "null" {
                dropped.note(self.at(key));
            }
        }
        self.path
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

/// A bit for the first and the last letter of a key, the same in camel case as in snake case.
#[inline]
fn ends(key: &str) -> u64 {
    let letter = |letter: Option<&u8>| letter.map_or(0, |letter| u32::from(letter.to_ascii_lowercase()));
    let bytes = key.as_bytes();
    1 << ((letter(bytes.first()) + 7 * letter(bytes.last())) % 64)
}

/// The fields of the object that comes next. A key that stands twice is left to the upstream.
fn entries<'a>(scanner: &mut Scanner<'a>) -> Result<Vec<Entry<'a>>, InvalidJson> {
    let mut entries = Vec::with_capacity(4);
    scanner.fields(|scanner, key| {
        entries.push((key, Raw::of(scanner.value()?)));
        Ok(())
    })?;
    Ok(entries)
}

/// The elements of a list, which are objects.
pub(super) fn objects<'a>(path: &str, value: Raw<'a>) -> Result<Vec<Fields<'a>>, Unfit> {
    let mut objects = Vec::new();
    let read = Scanner::of(value.get()).list(|scanner| {
        objects.push(Fields::new(element(path, objects.len()), entries(scanner)?));
        Ok(())
    });
    match read {
        Ok(()) => Ok(objects),
        // One by one, they tell which of them is none.
        Err(_) => elements(path, value)?.into_iter().map(|(path, element)| Fields::of(path, element)).collect(),
    }
}

/// The path of the element at `at` of the list at `path`.
fn element(path: &str, at: usize) -> String {
    let mut element = String::with_capacity(path.len() + 4);
    element.push_str(path);
    element.push('[');
    element.extend(decimal(at as u64, &mut [0; 20]).iter().copied().map(char::from));
    element.push(']');
    element
}

/// The elements of a list, each with its path.
pub(super) fn elements<'a>(path: &str, value: Raw<'a>) -> Result<Vec<(String, Raw<'a>)>, Unfit> {
    let mut elements = Vec::new();
    let read = Scanner::of(value.get()).list(|scanner| {
        elements.push((element(path, elements.len()), Raw::of(scanner.value()?)));
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

    fn of(json: &str) -> Fields<'_> {
        Fields::of(String::new(), Raw::of(json)).unwrap()
    }

    #[test]
    fn what_nobody_took_is_named_as_dropped() {
        let mut fields = of(r#"{"a":1,"b":{"c":2,"d":null,"e":3},"f":null,"g":[]}"#);
        let mut dropped = Dropped::default();
        let mut inner = fields.object("b").unwrap().unwrap();
        assert_eq!(inner.read::<u64>("c", "a number"), Ok(Some(2)));
        inner.finish(&mut dropped);
        fields.finish(&mut dropped);
        assert_eq!(dropped.fields().collect::<Vec<_>>(), ["b.e", "a", "g"]);
    }

    #[test]
    fn a_key_in_camel_case_is_found_in_snake_case() {
        let mut fields = of(r#"{"max_output_tokens":1,"topp":2,"top_p":3,"max_tokens":4,"maxTokens":5}"#);
        assert_eq!(fields.take("maxOutputTokens").map(Raw::get), Some("1"));
        assert_eq!(fields.take("topP").map(Raw::get), Some("3"));
        assert_eq!(fields.take("max_tokens").map(Raw::get), Some("4"));
        assert!(fields.take("max_tokens").is_none());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_its_path() {
        let mut element = of(r#"{"a":[{"b":7}]}"#).objects("a").unwrap().remove(0);
        assert_eq!(element.text("b"), Err(Unfit::field("a[0].b", "must be a string")));
    }

    #[test]
    fn an_element_that_is_no_object_is_named() {
        let list = format!(r#"{{"a":[{}7]}}"#, "{},".repeat(12));
        let wrong = of(&list).objects("a").unwrap_err();
        assert_eq!(wrong, Unfit::field("a[12]", "must be an object"));
        assert_eq!(of(r#"{"a":{}}"#).objects("a").unwrap_err(), Unfit::field("a", "must be a list"));
    }
}
