//! What follows when a stream breaks after the caller has seen a part of it.

/// What follows when a stream breaks after the caller has seen a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MidStream {
    /// The caller is told, and the stream ends.
    #[default]
    Error,
    /// Another instance goes on from the text so far, if it can; otherwise the caller is told.
    Continue,
    /// Another instance answers afresh, and the caller is told to discard what came so far: only a caller who agreed to it.
    Restart,
}

impl MidStream {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Error, Self::Continue, Self::Restart];

    /// The word for the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Continue => "continue",
            Self::Restart => "restart",
        }
    }

    /// The policy of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_a_name() {
        assert!(MidStream::ALL.into_iter().all(|policy| MidStream::of_name(policy.as_str()) == Some(policy)));
        assert_eq!(MidStream::of_name("ignore"), None);
    }
}
