//! The state of instances as Prometheus series, as it is when somebody looks.
//!
//! A state is read, not reported: a circuit turns half-open by time alone, which no event tells, and an instance that is gone
//! leaves no series behind.

use std::fmt::{self, Write};

use tidegate_domain::{
    pool::{HealthStatus, InstanceStatistics},
    resilience::BreakerState,
};

/// A series of every instance: its name, its help, and what its value is.
type Series = (&'static str, &'static str, fn(&InstanceStatistics) -> u64);

const SERIES: [Series; 5] = [
    ("tidegate_breaker_state", "State of an instance's circuit: 0 closed, 1 half-open, 2 open", |instance| {
        match instance.breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        }
    }),
    (
        "tidegate_instance_health",
        "Health of an instance: 0 healthy, 1 degraded, 2 recovering, 3 unhealthy, 4 draining, 5 maintenance",
        |instance| match instance.health {
            HealthStatus::Healthy => 0,
            HealthStatus::Degraded => 1,
            HealthStatus::Recovering => 2,
            HealthStatus::Unhealthy => 3,
            HealthStatus::Draining => 4,
            HealthStatus::Maintenance => 5,
        },
    ),
    ("tidegate_instance_available", "Whether a request could be sent to an instance now", |instance| {
        u64::from(instance.available)
    }),
    ("tidegate_instance_in_flight", "Requests that an instance is serving", |instance| u64::from(instance.in_flight)),
    (
        "tidegate_instance_consecutive_faults",
        "Failures of an instance in a row, up to now, that count against it",
        |instance| u64::from(instance.consecutive_faults),
    ),
];

/// The state of `instances`, in the text format of Prometheus.
pub fn state_series(instances: &[InstanceStatistics]) -> String {
    let mut text = String::new();
    for (name, help, value) in SERIES {
        // Writing to a text does not fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for instance in instances {
            let _ = writeln!(text, "{name}{{instance=\"{}\"}} {}", Escaped(instance.label.as_str()), value(instance));
        }
        text.push('\n');
    }
    text
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\\' => formatter.write_str("\\\\"),
            '"' => formatter.write_str("\\\""),
            '\n' => formatter.write_str("\\n"),
            other => formatter.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
