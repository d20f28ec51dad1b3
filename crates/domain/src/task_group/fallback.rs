//! Where a task group goes after a fault that permits fallback.

use std::num::NonZeroU32;

use crate::resilience::Backoff;

/// How far a request may walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FallbackStrategy {
    /// The other models of the tier, then the next tier, and so on down.
    #[default]
    TierDown,
    /// Only the other models of the same tier.
    ModelRotate,
    /// Nowhere.
    FailFast,
}

impl FallbackStrategy {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::TierDown, Self::ModelRotate, Self::FailFast];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TierDown => "tier_down",
            Self::ModelRotate => "model_rotate",
            Self::FailFast => "fail_fast",
        }
    }

    /// The strategy of that name or of one of its aliases.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "echelon_down" => Some(Self::TierDown),
            name => Self::ALL.into_iter().find(|strategy| strategy.as_str() == name),
        }
    }
}

/// What a task group does after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackPolicy {
    /// How far a request may walk.
    pub strategy: FallbackStrategy,
    /// The most attempts that one request makes.
    pub max_attempts: NonZeroU32,
    /// The waits before the same instance is asked again; moving to another one does not wait.
    pub backoff: Backoff,
}

impl Default for FallbackPolicy {
    fn default() -> Self {
        Self {
            strategy: FallbackStrategy::default(),
            max_attempts: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
            backoff: Backoff::default(),
        }
    }
}
