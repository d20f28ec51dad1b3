//! Hashing names.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
};

/// A map by names of the configuration.
pub type NamedMap<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// Lets `with` change what is kept under `name`; it is made when it is first needed.
pub fn with_named<K: Clone + Eq + Hash, V: Default, S: BuildHasher>(
    map: &mut HashMap<K, V, S>,
    name: &K,
    with: impl FnOnce(&mut V),
) {
    match map.get_mut(name) {
        Some(kept) => with(kept),
        None => with(map.entry(name.clone()).or_default()),
    }
}

/// Hashes names, eight bytes at a time. What is kept under names comes from the configuration, where nobody chooses them to collide; what a
/// caller names is only looked for. Source: the folded multiplication of `foldhash`.
#[derive(Debug, Default, Clone, Copy)]
pub struct NameHasher(u64);

impl NameHasher {
    /// Digits of pi: odd, and without a pattern.
    const FACTOR: u64 = 0x243f_6a88_85a3_08d3;

    /// Both halves of the product, so that every bit of the word has a say in every bit of the hash.
    fn add(&mut self, word: u64) {
        let (low, high) = (self.0 ^ word).carrying_mul(Self::FACTOR, 0);
        self.0 = low ^ high;
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(u64::from(byte));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_differ_in_little_differ_in_their_low_bits() {
        let low_bits = |name: String| {
            let mut hasher = NameHasher::default();
            hasher.write(name.as_bytes());
            hasher.finish() & 0xFFFF
        };
        let hashes: HashSet<_> = (0..1000).map(|number| low_bits(format!("pool/instance-{number}"))).collect();
        assert!(hashes.len() > 950, "{}", hashes.len());
    }
}
