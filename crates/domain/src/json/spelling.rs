//! How strings are spelt: which of their bytes stand for themselves is told for whole words at once.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// `text` as a string is spelt.
pub fn quoted(text: &str) -> String {
    if spells_itself(text) { ["\"", text, "\""].concat() } else { serde_json::Value::from(text).to_string() }
}

/// The text that `value` spells; `None` if it is no string.
pub fn text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(value).ok().map(Cow::Owned)
}

/// Whether `text` is spelt as it reads, but for the quotes around it.
pub fn spells_itself(text: &str) -> bool {
    let is_plain = |byte: u8| byte >= 0x20 && !matches!(byte, b'"' | b'\\');
    let (words, rest) = text.as_bytes().as_chunks();
    words.iter().all(|word| marks(u64::from_le_bytes(*word)) == 0) && rest.iter().copied().all(is_plain)
}

/// Where the next quote or backslash stands; `None` if there is none, or a control character before it.
pub(super) fn plain_until(bytes: &[u8], from: usize) -> Option<usize> {
    if let Some(marks) = marks_at(bytes, from).filter(|marks| *marks != 0) {
        let marked = from + first_of(marks);
        return (bytes[marked] >= 0x20).then_some(marked);
    }
    let rest = bytes.get(from..)?;
    let plain = memchr2(b'"', b'\\', rest)?;
    // Folded, not searched: so that whole vectors are compared at once.
    let lowest = rest[..plain].iter().copied().fold(u8::MAX, u8::min);
    (lowest >= 0x20).then_some(from + plain)
}

/// The marks of the eight bytes from `from` on; `None` if there are no eight.
pub(super) fn marks_at(bytes: &[u8], from: usize) -> Option<u64> {
    let word = bytes.get(from..)?.first_chunk()?;
    Some(marks(u64::from_le_bytes(*word)))
}

/// Which of the bytes the first mark is on.
pub(super) fn first_of(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// Marks the first byte of `word` that is a quote, a backslash or a control character in its highest bit; bits above that one mean
/// nothing. Source: the tests for a zero byte and for a small one of Sean Anderson's Bit Twiddling Hacks.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7)
}
