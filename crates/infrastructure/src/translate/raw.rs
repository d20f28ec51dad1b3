//! JSON that is passed on as it is spelt.

use super::json::Value;

/// A value of a text that was found to be JSON, as it is spelt there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a>(&'a str);

/// The same, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Json(Box<str>);

impl<'a> Raw<'a> {
    /// `json`, which must be a JSON value without space around it.
    pub(super) fn of(json: &'a str) -> Self {
        Self(json)
    }

    /// Its spelling.
    pub(super) fn get(self) -> &'a str {
        self.0
    }

    /// The same, kept.
    pub(super) fn to_json(self) -> Json {
        Json(self.0.into())
    }
}

impl Json {
    /// `json`, which must be a JSON value without space around it.
    pub(super) fn of(json: String) -> Self {
        Self(json.into())
    }

    /// Its spelling.
    pub(super) fn get(&self) -> &str {
        &self.0
    }

    /// The same, to be looked into.
    pub(super) fn as_raw(&self) -> Raw<'_> {
        Raw(&self.0)
    }
}

impl Value for Json {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}
