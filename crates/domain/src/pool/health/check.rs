//! How the health of an instance is learnt besides by its requests.

use std::time::Duration;

/// How the health of an instance is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CheckKind {
    /// Not at all: only its circuit and its cooldowns decide.
    None,
    /// By its requests alone.
    #[default]
    Passive,
    /// By its requests, and by asking it for its models, which is free.
    Models,
    /// By its requests, and by connecting to it.
    Tcp,
    /// By its requests, and by asking for its models and then for a completion of one token, which costs.
    Completion,
}

impl CheckKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::None, Self::Passive, Self::Models, Self::Tcp, Self::Completion];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Passive => "passive",
            Self::Models => "models_endpoint",
            Self::Tcp => "tcp",
            Self::Completion => "completion",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether the instance is checked besides its requests.
    pub fn is_active(self) -> bool {
        match self {
            Self::None | Self::Passive => false,
            Self::Models | Self::Tcp | Self::Completion => true,
        }
    }
}

/// How, how often and for how much an instance is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckPolicy {
    /// How.
    pub kind: CheckKind,
    /// The time between two checks, give or take a fifth.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// The most that the checks of one instance may cost on one day, in micro-dollars.
    pub daily_cost: u64,
}

impl Default for CheckPolicy {
    fn default() -> Self {
        Self {
            kind: CheckKind::default(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            daily_cost: 100_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        let names = ["none", "passive", "models_endpoint", "tcp", "completion"];
        assert_eq!(CheckKind::ALL.map(CheckKind::as_str), names);
        assert_eq!(names.map(CheckKind::of_name), CheckKind::ALL.map(Some));
        assert_eq!(CheckKind::of_name("models"), None);
    }

    #[test]
    fn the_kinds_that_ask_are_active() {
        assert_eq!(CheckKind::ALL.map(CheckKind::is_active), [false, false, true, true, true]);
    }
}
