//! Writes JSON, field by field, straight into the bytes that go out: no tree in between, and raw JSON stays as it was spelt.

use std::{borrow::Cow, ops::Range};

use serde_json::value::RawValue;
use tidegate_domain::json::spells_itself;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
    /// Where its fields stand, if that is to be known.
    places: Option<&'a mut Vec<Place>>,
}

/// A field, and where its value stands.
pub(super) type Place = (&'static str, Range<usize>);

/// A body that was written.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Its fields.
    pub(super) places: Vec<Place>,
}

/// A list that is being written.
#[derive(Debug)]
pub(super) struct List<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

/// Room for a body: most are written into it without being moved.
pub(super) fn body() -> Vec<u8> {
    Vec::with_capacity(1024)
}

/// Writes a body, and keeps where its fields stand.
pub(super) fn placed(fill: impl FnOnce(&mut Object<'_>)) -> Body {
    let mut written = Body { bytes: body(), places: Vec::with_capacity(8) };
    braced(&mut written.bytes, Some(&mut written.places), fill);
    written
}

/// Writes an object.
pub(super) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    braced(out, None, fill);
}

fn braced(out: &mut Vec<u8>, places: Option<&mut Vec<Place>>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    let mut object = Object { out, is_empty: true, places };
    fill(&mut object);
    object.end_field();
    object.out.push(b'}');
}

/// A value that can be written. Not serde's: nearly all of it is text, and most text is spelt as it reads, which a look at whole words tells.
pub(super) trait Value {
    /// Writes it.
    fn write(&self, out: &mut Vec<u8>);
}

impl Value for str {
    fn write(&self, out: &mut Vec<u8>) {
        if !spells_itself(self) {
            return by_serde(self, out);
        }
        write_plain(self, out);
    }
}

impl Value for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Value for RawValue {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.get().as_bytes());
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<T: Value + ?Sized> Value for Box<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<T: Value + ToOwned + ?Sized> Value for Cow<'_, T> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<T: Value> Value for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_slice().write(out);
    }
}

impl<T: Value, const N: usize> Value for [T; N] {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_slice().write(out);
    }
}

impl<T: Value> Value for [T] {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, value) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            value.write(out);
        }
        out.push(b']');
    }
}

/// Writes what stands between two fields or elements.
fn separate(out: &mut Vec<u8>, is_empty: &mut bool) {
    if !std::mem::take(is_empty) {
        out.push(b',');
    }
}

/// Writes a string that spells itself.
fn write_plain(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Writes as serde does.
fn by_serde(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    // Strings and numbers: writing them into memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

macro_rules! by_serde {
    ($($kind:ty),*) => {
        $(impl Value for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                by_serde(self, out);
            }
        })*
    };
}

by_serde!((), bool, i32, i64, u32, u64, usize, f64);

impl Object<'_> {
    /// A key of ours, which spells itself.
    fn key(&mut self, key: &'static str) {
        debug_assert!(spells_itself(key), "{key} needs an escape");
        self.end_field();
        separate(self.out, &mut self.is_empty);
        write_plain(key, self.out);
        self.out.push(b':');
        if let Some(places) = &mut self.places {
            places.push((key, self.out.len()..self.out.len()));
        }
    }

    /// What was written since the last key is its value.
    fn end_field(&mut self) {
        if let Some((_, value)) = self.places.as_mut().and_then(|places| places.last_mut()) {
            value.end = self.out.len();
        }
    }

    /// A field.
    pub(super) fn put<T: Value + ?Sized>(&mut self, key: &'static str, field: &T) {
        self.key(key);
        field.write(self.out);
    }

    /// A field whose value is a word of ours, which spells itself.
    pub(super) fn put_word(&mut self, key: &'static str, word: &'static str) {
        debug_assert!(spells_itself(word), "{word} needs an escape");
        self.key(key);
        write_plain(word, self.out);
    }

    /// A field, if there is a value for it.
    pub(super) fn put_some<T: Value>(&mut self, key: &'static str, field: Option<T>) {
        if let Some(field) = field {
            self.put(key, &field);
        }
    }

    /// A field whose value is JSON already.
    pub(super) fn put_json(&mut self, key: &'static str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A field of the caller's, whose value is JSON already.
    pub(super) fn put_foreign(&mut self, key: &str, json: &str) {
        debug_assert!(self.places.is_none(), "{key} would be missing");
        separate(self.out, &mut self.is_empty);
        key.write(self.out);
        self.out.push(b':');
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A field that is an object.
    pub(super) fn object(&mut self, key: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    /// A field that is a list.
    pub(super) fn list(&mut self, key: &'static str, fill: impl FnOnce(&mut List<'_>)) {
        self.key(key);
        self.out.push(b'[');
        fill(&mut List { out: self.out, is_empty: true });
        self.out.push(b']');
    }
}

impl List<'_> {
    /// An element that is an object.
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        separate(self.out, &mut self.is_empty);
        object(self.out, fill);
    }
}

/// `text` as the JSON object that it should be: models are free to write anything into the arguments of a call.
pub(super) fn object_or_empty(text: &str) -> &str {
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if is_object { text } else { "{}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_the_order_in_which_they_are_put() {
        let mut out = Vec::new();
        object(&mut out, |root| {
            root.put("b", "x\"y");
            root.put_some("none", None::<u32>);
            root.put("t", "caf\u{e9}\u{1}");
            root.put("s", &vec!["a", "b"]);
            root.put_json("j", "1e400");
            root.list("l", |list| {
                list.object(|inner| inner.put("a", &1));
                list.object(|_| {});
            });
            root.object("o", |_| {});
        });
        let expected = "{'b':'x\\'y','t':'caf\u{e9}\\u0001','s':['a','b'],'j':1e400,'l':[{'a':1},{}],'o':{}}";
        assert_eq!(String::from_utf8(out).unwrap(), expected.replace('\'', "\""));
    }

    #[test]
    fn the_places_of_fields_are_those_of_their_values() {
        let Body { bytes, places } = placed(|root| {
            root.put("a", "x");
            root.object("b", |inner| inner.put("c", &1));
            root.list("d", |_| {});
        });
        let placed: Vec<_> = places.into_iter().map(|(key, place)| (key, &bytes[place])).collect();
        assert_eq!(placed, [("a", &br#""x""#[..]), ("b", br#"{"c":1}"#), ("d", b"[]")]);
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        for (text, expected) in [(r#" {"a":1.10}"#, r#" {"a":1.10}"#), ("", "{}"), ("[]", "{}"), ("{\"a\":", "{}")] {
            assert_eq!(object_or_empty(text), expected);
        }
    }
}
