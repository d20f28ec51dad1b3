//! Writes JSON, field by field, straight into the bytes that go out: no tree in between, and raw JSON stays as it was spelt.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::json::spells_itself;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut BytesMut,
    is_empty: bool,
}

/// A list that is being written.
#[derive(Debug)]
pub(super) struct List<'a> {
    out: &'a mut BytesMut,
    is_empty: bool,
}

/// Room for a body: most are written into it without being moved.
pub(super) fn body() -> BytesMut {
    BytesMut::with_capacity(1024)
}

/// Writes an object.
pub(super) fn object(out: &mut BytesMut, fill: impl FnOnce(&mut Object<'_>)) {
    out.put_u8(b'{');
    fill(&mut Object { out, is_empty: true });
    out.put_u8(b'}');
}

/// A value that can be written. Not serde's: nearly all of it is text, and most text is spelt as it reads, which a look at whole words tells.
pub(super) trait Value {
    /// Writes it.
    fn write(&self, out: &mut BytesMut);
}

impl Value for str {
    fn write(&self, out: &mut BytesMut) {
        if !spells_itself(self) {
            return by_serde(self, out);
        }
        out.reserve(self.len() + 2);
        out.put_u8(b'"');
        out.put_slice(self.as_bytes());
        out.put_u8(b'"');
    }
}

impl Value for String {
    fn write(&self, out: &mut BytesMut) {
        self.as_str().write(out);
    }
}

impl Value for RawValue {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self.get().as_bytes());
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, out: &mut BytesMut) {
        (**self).write(out);
    }
}

impl<T: Value + ?Sized> Value for Box<T> {
    fn write(&self, out: &mut BytesMut) {
        (**self).write(out);
    }
}

impl<T: Value + ToOwned + ?Sized> Value for Cow<'_, T> {
    fn write(&self, out: &mut BytesMut) {
        (**self).write(out);
    }
}

impl<T: Value> Value for Option<T> {
    fn write(&self, out: &mut BytesMut) {
        match self {
            Some(value) => value.write(out),
            None => out.put_slice(b"null"),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn write(&self, out: &mut BytesMut) {
        self.as_slice().write(out);
    }
}

impl<T: Value, const N: usize> Value for [T; N] {
    fn write(&self, out: &mut BytesMut) {
        self.as_slice().write(out);
    }
}

impl<T: Value> Value for [T] {
    fn write(&self, out: &mut BytesMut) {
        out.put_u8(b'[');
        for (at, value) in self.iter().enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            value.write(out);
        }
        out.put_u8(b']');
    }
}

/// Writes as serde does.
fn by_serde(value: &(impl serde::Serialize + ?Sized), out: &mut BytesMut) {
    // Strings and numbers: writing them into memory does not fail.
    let _ = serde_json::to_writer(out.writer(), value);
}

macro_rules! by_serde {
    ($($kind:ty),*) => {
        $(impl Value for $kind {
            fn write(&self, out: &mut BytesMut) {
                by_serde(self, out);
            }
        })*
    };
}

by_serde!((), bool, i32, i64, u32, u64, usize, f64);

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.put_u8(b',');
        }
        self.is_empty = false;
        key.write(self.out);
        self.out.put_u8(b':');
    }

    /// A field.
    pub(super) fn put<T: Value + ?Sized>(&mut self, key: &str, field: &T) {
        self.key(key);
        field.write(self.out);
    }

    /// A field, if there is a value for it.
    pub(super) fn put_some<T: Value>(&mut self, key: &str, field: Option<T>) {
        if let Some(field) = field {
            self.put(key, &field);
        }
    }

    /// A field whose value is JSON already.
    pub(super) fn put_json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.put_slice(json.as_bytes());
    }

    /// A field that is an object.
    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    /// A field that is a list.
    pub(super) fn list(&mut self, key: &str, fill: impl FnOnce(&mut List<'_>)) {
        self.key(key);
        self.out.put_u8(b'[');
        fill(&mut List { out: self.out, is_empty: true });
        self.out.put_u8(b']');
    }
}

impl List<'_> {
    /// An element that is an object.
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        if !self.is_empty {
            self.out.put_u8(b',');
        }
        self.is_empty = false;
        object(self.out, fill);
    }
}

/// Reads JSON. That it is text is found out once, and not for each string of it.
pub(super) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(json),
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
        let mut out = BytesMut::new();
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
        assert_eq!(out, expected.replace('\'', "\""));
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        for (text, expected) in [(r#" {"a":1.10}"#, r#" {"a":1.10}"#), ("", "{}"), ("[]", "{}"), ("{\"a\":", "{}")] {
            assert_eq!(object_or_empty(text), expected);
        }
    }
}
