//! What a request is called by, everywhere.

use std::{fmt, sync::Arc};

use arrayvec::ArrayString;

/// Identifies one request in headers, logs and traces.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Text);

/// How long an id is that the gateway makes.
const MADE: usize = 36;

/// An id that is no longer than the gateway's own is one of these, whoever made it: so equal ids are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    /// In place: a request copies its id several times.
    Short(ArrayString<MADE>),
    Long(Arc<str>),
}

impl RequestId {
    /// Wraps an id that is unique enough for its reader; the gateway makes `req_` and 32 hexadecimal digits.
    pub fn new(id: &str) -> Self {
        Self(ArrayString::from(id).map_or_else(|_| Text::Long(id.into()), Text::Short))
    }

    /// Makes an id of 128 random bits.
    pub fn from_bits(bits: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = *b"req_00000000000000000000000000000000";
        for (place, digit) in id[4..].iter_mut().rev().enumerate() {
            *digit = DIGITS[((bits >> (4 * place)) & 0xF) as usize];
        }
        Self(Text::Short(ArrayString::from_byte_string(&id).unwrap_or_default()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short(id) => id,
            Text::Long(id) => id,
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_all_its_bits() {
        for bits in [0, 1, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX] {
            assert_eq!(RequestId::from_bits(bits).as_str(), format!("req_{bits:032x}"));
        }
    }

    #[test]
    fn an_id_is_what_it_was_made_of_whoever_made_it() {
        let made = RequestId::from_bits(7);
        assert_eq!(RequestId::new(made.as_str()), made);
        for id in ["", "x", "an id of eighteen two-byte characters", &"\u{e4}".repeat(18)] {
            assert_eq!(RequestId::new(id).as_str(), id);
        }
    }
}
