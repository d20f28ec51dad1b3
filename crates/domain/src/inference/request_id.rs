//! What a request is called by, everywhere.

use std::{fmt, sync::Arc};

/// Identifies one request in headers, logs and traces.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Wraps an id that is unique enough for its reader; the gateway makes `req_` and 32 hexadecimal digits.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// Makes an id of 128 random bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("req_{bits:032x}").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
