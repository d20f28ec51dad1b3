//! The health of an instance, for its reader.

use std::fmt;

/// The health of an instance, for its reader; from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// No recent fault.
    Healthy,
    /// A recent fault; still in the rotation.
    Degraded,
    /// On trial after it was left alone.
    Recovering,
    /// Left alone.
    Unhealthy,
    /// An operator lets it finish what it serves, and sends it nothing more.
    Draining,
    /// An operator works on it: it gets no traffic.
    Maintenance,
}

impl HealthStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Degraded, Self::Recovering, Self::Unhealthy, Self::Draining, Self::Maintenance];

    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Recovering => "recovering",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A change of health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthTransition {
    /// What it was.
    pub from: HealthStatus,
    /// What it is.
    pub to: HealthStatus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_word() {
        let words = ["healthy", "degraded", "recovering", "unhealthy", "draining", "maintenance"];
        assert_eq!(HealthStatus::ALL.map(HealthStatus::as_str), words);
        assert_eq!(HealthStatus::ALL.map(|status| status.to_string()), words);
    }
}
