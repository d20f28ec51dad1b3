//! What a model can do beyond taking text and giving text.

use std::fmt;

/// One thing that a model may be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Calls tools.
    Tools,
    /// Takes images.
    Vision,
    /// Takes sound.
    Audio,
    /// Answers in JSON of a given schema.
    JsonSchema,
    /// Thinks before it answers, on demand.
    Reasoning,
    /// Streams its answer.
    Streaming,
    /// Goes on from the beginning of an answer that it is given.
    Prefill,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 7] =
        [Self::Tools, Self::Vision, Self::Audio, Self::JsonSchema, Self::Reasoning, Self::Streaming, Self::Prefill];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Vision => "vision",
            Self::Audio => "audio",
            Self::JsonSchema => "json_schema",
            Self::Reasoning => "reasoning",
            Self::Streaming => "streaming",
            Self::Prefill => "prefill",
        }
    }

    /// The capability of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Whether `capability` is among them.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// The first of these that `others` lacks.
    pub fn first_beyond(self, others: Self) -> Option<Capability> {
        self.iter().find(|&capability| !others.contains(capability))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one.
    pub fn insert(&mut self, capability: Capability) {
        self.0 |= capability.bit();
    }

    /// Each of them, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |&capability| self.contains(capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let mut set = Self::default();
        capabilities.into_iter().for_each(|capability| set.insert(capability));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_found_by_its_name() {
        for capability in Capability::ALL {
            assert_eq!(Capability::of_name(capability.as_str()), Some(capability));
        }
        assert_eq!(Capability::of_name("telepathy"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in_alone() {
        let set: Capabilities = [Capability::Vision, Capability::Tools].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Capability::Tools, Capability::Vision]);
        assert!(!set.contains(Capability::Prefill));
    }

    #[test]
    fn what_another_set_lacks_is_named() {
        let wanted: Capabilities = [Capability::Tools, Capability::Vision].into_iter().collect();
        let offered: Capabilities = [Capability::Tools, Capability::Streaming].into_iter().collect();
        assert_eq!(wanted.first_beyond(offered), Some(Capability::Vision));
        assert_eq!(wanted.first_beyond(wanted), None);
    }
}
