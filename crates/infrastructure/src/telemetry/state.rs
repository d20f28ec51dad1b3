//! The state of instances and pools as Prometheus series, as it is when somebody looks.
//!
//! A state is read, not reported: a circuit turns half-open by time alone, which no event tells, and an instance that is gone
//! leaves no series behind.

use tidegate_domain::{
    name::PoolName,
    pool::{HealthStatus, InstanceStatistics, PoolStatus},
    resilience::BreakerState,
};

use super::text::{Family, Kind, Text};

const POOL_STATUS: Family =
    ("tidegate_pool_status", "Status of a pool: 0 active, 1 degraded, 2 panic, 3 inactive", Kind::Gauge);

/// A series of every instance: its name, its help, and what its value is, if it has one.
type Series = (&'static str, &'static str, fn(&InstanceStatistics) -> Option<u64>);

const SERIES: [Series; 6] = [
    ("tidegate_breaker_state", "State of an instance's circuit: 0 closed, 1 half-open, 2 open", |instance| {
        Some(match instance.breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        })
    }),
    (
        "tidegate_instance_health",
        "Health of an instance: 0 healthy, 1 degraded, 2 recovering, 3 unhealthy, 4 draining, 5 maintenance",
        |instance| {
            Some(match instance.health {
                HealthStatus::Healthy => 0,
                HealthStatus::Degraded => 1,
                HealthStatus::Recovering => 2,
                HealthStatus::Unhealthy => 3,
                HealthStatus::Draining => 4,
                HealthStatus::Maintenance => 5,
            })
        },
    ),
    ("tidegate_instance_available", "Whether a request could be sent to an instance now", |instance| {
        Some(u64::from(instance.available))
    }),
    ("tidegate_instance_in_flight", "Requests that an instance is serving", |instance| {
        Some(u64::from(instance.in_flight))
    }),
    ("tidegate_instance_concurrency_limit", "The most requests that an instance is sent at once", |instance| {
        instance.concurrency_limit.map(u64::from)
    }),
    (
        "tidegate_instance_consecutive_faults",
        "Failures of an instance in a row, up to now, that count against it",
        |instance| Some(u64::from(instance.consecutive_faults)),
    ),
];

/// The state of `instances` and `pools`, in the text format of Prometheus.
pub fn state_series(instances: &[InstanceStatistics], pools: &[(PoolName, PoolStatus)]) -> String {
    let mut text = Text::default();
    for (name, help, value) in SERIES {
        text.family((name, help, Kind::Gauge), |series| {
            for instance in instances {
                if let Some(value) = value(instance) {
                    series.add("", &[("instance", &instance.label)], value);
                }
            }
        });
    }
    text.family(POOL_STATUS, |series| {
        for (pool, status) in pools {
            series.add("", &[("pool", pool)], severity(*status));
        }
    });
    text.into_string()
}

fn severity(status: PoolStatus) -> u64 {
    match status {
        PoolStatus::Active => 0,
        PoolStatus::Degraded => 1,
        PoolStatus::Panic => 2,
        PoolStatus::Inactive => 3,
    }
}
