//! Writes JSON, field by field, straight into the bytes that go out: no tree in between, and raw JSON stays as it was spelt.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

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

/// Writes an object.
pub(super) fn object(out: &mut BytesMut, fill: impl FnOnce(&mut Object<'_>)) {
    out.put_u8(b'{');
    fill(&mut Object { out, is_empty: true });
    out.put_u8(b'}');
}

/// Writes a value.
fn value<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    // Strings, numbers and JSON that was parsed before: writing them into memory does not fail.
    let _ = serde_json::to_writer(out.writer(), value);
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.put_u8(b',');
        }
        self.is_empty = false;
        value(self.out, key);
        self.out.put_u8(b':');
    }

    /// A field.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, key: &str, field: &T) {
        self.key(key);
        value(self.out, field);
    }

    /// A field, if there is a value for it.
    pub(super) fn put_some<T: Serialize>(&mut self, key: &str, field: Option<T>) {
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
            root.put_some("none", None::<u8>);
            root.put_json("j", "1e400");
            root.list("l", |list| {
                list.object(|inner| inner.put("a", &1));
                list.object(|_| {});
            });
            root.object("o", |_| {});
        });
        assert_eq!(&out[..], br#"{"b":"x\"y","j":1e400,"l":[{"a":1},{}],"o":{}}"#);
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        for (text, expected) in [(r#" {"a":1.10}"#, r#" {"a":1.10}"#), ("", "{}"), ("[]", "{}"), ("{\"a\":", "{}")] {
            assert_eq!(object_or_empty(text), expected);
        }
    }
}
