//! How strings are spelt: which of their bytes stand for themselves is told for whole blocks at once.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use wide::u8x16;

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
    let bytes = text.as_bytes();
    // The last block may overlap the one before.
    match bytes.last_chunk() {
        Some(last) => bytes.as_chunks().0.iter().all(|block| marks(*block) == 0) && marks(*last) == 0,
        None => bytes.iter().all(|byte| *byte >= 0x20 && !matches!(byte, b'"' | b'\\')),
    }
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

/// How many bytes are looked at together.
pub(super) const BLOCK: usize = 16;

/// The marks of the block that begins at `from`, or of what is left of one at the end; `None` if nothing is, or `bytes` are fewer than a block.
pub(super) fn marks_at(bytes: &[u8], from: usize) -> Option<u32> {
    let rest = bytes.get(from..)?;
    if let Some(block) = rest.first_chunk() {
        return Some(marks(*block));
    }
    // The last block of all, without those of its bytes that stand before.
    let before = BLOCK - rest.len();
    bytes.last_chunk().map(|block| marks(*block) >> before)
}

/// Which of the bytes the first mark is on.
pub(super) fn first_of(marks: u32) -> usize {
    marks.trailing_zeros() as usize
}

/// A bit for each byte that is a quote, a backslash or a control character.
fn marks(block: [u8; BLOCK]) -> u32 {
    let block = u8x16::new(block);
    let is = |byte| block.simd_eq(u8x16::splat(byte));
    let is_control = block.min(u8x16::splat(0x1f)).simd_eq(block);
    (is(b'"') | is(b'\\') | is_control).to_bitmask()
}
