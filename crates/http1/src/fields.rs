//! The header fields of a head, as they came.

use std::{fmt, ops::Range};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header fields of a head: places in its bytes, found by comparing names. A head has a dozen of them, of which a few are asked for
/// once each: to put them in a map would cost more than it saves.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    head: Bytes,
    places: Vec<Place>,
}

/// Where a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    name: Range<u32>,
    value: Range<u32>,
}

impl Fields {
    /// The fields that stand at `places` in `head`: each name a token, each value free of control characters.
    pub(crate) fn new(head: Bytes, places: Vec<Place>) -> Self {
        Self { head, places }
    }

    /// The value of the first field of that name, written in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let is_it = |place: &&Place| is_named(self.at(&place.name), name.as_bytes());
        self.places.iter().find(is_it).map(|place| self.at(&place.value))
    }

    /// The same, if it is plain text: visible characters of ASCII, spaces and tabs.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.get(name)?;
        if value.is_ascii() { std::str::from_utf8(value).ok() } else { None }
    }

    /// Every name, with its value, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|place| (self.at(&place.name), self.at(&place.value)))
    }

    /// All of them in a map, for whoever needs one; values without a copy.
    pub fn to_map(&self) -> HeaderMap {
        let entry = |place: &Place| {
            let name = HeaderName::from_bytes(self.at(&place.name)).ok()?;
            let value = HeaderValue::from_maybe_shared(self.head.slice_ref(self.at(&place.value))).ok()?;
            Some((name, value))
        };
        let mut map = HeaderMap::with_capacity(self.places.len());
        // Tokens are names, and what holds no control character is a value: nothing is left out.
        for (name, value) in self.places.iter().filter_map(entry) {
            map.append(name, value);
        }
        map
    }

    fn at(&self, place: &Range<u32>) -> &[u8] {
        &self.head[place.start as usize..place.end as usize]
    }
}

/// Whether a field's name is the one that is written in lower case. Most are written so; of others that are as long, most end otherwise.
pub(crate) fn is_named(found: &[u8], lower: &[u8]) -> bool {
    found.len() == lower.len()
        && found.last().map(u8::to_ascii_lowercase).as_ref() == lower.last()
        && (found == lower || found.eq_ignore_ascii_case(lower))
}

/// Where the fields stand that were found in `head`.
pub(crate) fn places(head: &[u8], fields: &[httparse::Header<'_>]) -> Vec<Place> {
    let place = |field: &httparse::Header<'_>| Place {
        name: place_within(head, field.name.as_bytes()),
        value: place_within(head, field.value),
    };
    fields.iter().map(place).collect()
}

/// Where `part`, a slice of `head`, stands in it. A head is far shorter than four gigabytes.
fn place_within(head: &[u8], part: &[u8]) -> Range<u32> {
    let start = part.as_ptr() as usize - head.as_ptr() as usize;
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    number(start)..number(start + part.len())
}

/// Names alone: a value may be a secret.
impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| String::from_utf8_lossy(name));
        formatter.debug_list().entries(names).finish()
    }
}

/// Fields that nobody sent.
impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(fields: T) -> Self {
        let (mut head, mut places) = (Vec::new(), Vec::new());
        let mut add = |text: &str| {
            let start = head.len();
            head.extend_from_slice(text.as_bytes());
            u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(head.len()).unwrap_or(u32::MAX)
        };
        for (name, value) in fields {
            places.push(Place { name: add(name), value: add(value) });
        }
        Self { head: head.into(), places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        [("Accept", "a"), ("X-Key", "sk-canary"), ("accept", "b"), ("x-name", "\u{e9}")].into_iter().collect()
    }

    #[test]
    fn a_field_is_found_however_its_name_is_spelt() {
        let fields = fields();
        assert_eq!(fields.get("accept"), Some(&b"a"[..]));
        assert_eq!(fields.text("x-key"), Some("sk-canary"));
        assert_eq!((fields.get("accept-encoding"), fields.text("x-name")), (None, None));
    }

    #[test]
    fn a_map_holds_what_the_head_held() {
        let map = fields().to_map();
        let accepted: Vec<_> = map.get_all("accept").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!((accepted, map.len()), (vec![&b"a"[..], b"b"], 4));
        assert_eq!(map["x-name"].as_bytes(), "\u{e9}".as_bytes());
    }

    #[test]
    fn values_are_never_printed() {
        let printed = format!("{:?}", fields());
        assert!(printed.contains("X-Key") && !printed.contains("canary"), "{printed}");
    }
}
