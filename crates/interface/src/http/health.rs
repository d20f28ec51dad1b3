//! The health report as JSON: what `/healthz` answers and `tidegate status` reads.

use serde::{Deserialize, Serialize};
use tidegate_application::{
    domain::pool::PoolStatus,
    health::{ConfigurationHealth, GroupHealth, HealthReport, PoolHealth, WrapperHealth},
};

/// How everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HealthWire {
    /// The worst status of all.
    pub(crate) status: Status,
    /// The revision of the routing table.
    pub(crate) revision: u64,
    /// Whether what the files say is in force.
    pub(crate) configuration: ConfigurationWire,
    /// Whether the store answers; requests are served without it.
    pub(crate) store: EntryWire,
    pub(crate) pools: Vec<EntryWire>,
    pub(crate) task_groups: Vec<EntryWire>,
    pub(crate) wrappers: Vec<EntryWire>,
}

/// What is in force of the configuration's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigurationWire {
    #[serde(flatten)]
    pub(crate) entry: EntryWire,
    /// The hash of what is in force.
    pub(crate) content_hash: String,
    /// How many errors kept the last reload from taking effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_problems: Option<usize>,
}

/// How one thing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryWire {
    pub(crate) name: String,
    pub(crate) status: Status,
    /// How many of its parts are usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usable: Option<usize>,
    /// How many parts it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<usize>,
    /// Requests that its instances are serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_flight: Option<u32>,
    /// The most of them at once, if each of the instances is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency_limit: Option<u32>,
    /// Why it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// All of it is usable.
    Active,
    /// Some of it is.
    Degraded,
    /// So little of it is that what is out for its faults is asked too.
    Panic,
    /// None of it is.
    Inactive,
}

impl Status {
    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Panic => "panic",
            Self::Inactive => "inactive",
        }
    }

    fn of(usable: usize, all: usize) -> Self {
        match usable {
            0 => Self::Inactive,
            some if some < all => Self::Degraded,
            _ => Self::Active,
        }
    }
}

impl HealthWire {
    /// Whether everything that callers can name is usable, be it in part.
    pub(crate) fn is_serving(&self) -> bool {
        self.status < Status::Inactive
    }
}

impl From<HealthReport> for HealthWire {
    fn from(report: HealthReport) -> Self {
        let HealthReport { revision, configuration, pools, task_groups, wrappers, store } = report;
        let configuration = ConfigurationWire::from(configuration);
        let store = EntryWire::store(store);
        let pools: Vec<_> = pools.into_iter().map(EntryWire::from).collect();
        let task_groups: Vec<_> = task_groups.into_iter().map(EntryWire::from).collect();
        let wrappers: Vec<_> = wrappers.into_iter().map(EntryWire::from).collect();
        let entries = pools.iter().chain(&task_groups).chain(&wrappers).chain([&store, &configuration.entry]);
        let status = entries.map(|entry| entry.status).max().unwrap_or(Status::Active);
        Self { status, revision, configuration, store, pools, task_groups, wrappers }
    }
}

impl EntryWire {
    fn plain(name: String, status: Status, reason: Option<String>) -> Self {
        Self { name, status, usable: None, of: None, in_flight: None, concurrency_limit: None, reason }
    }

    fn counted(name: String, usable: usize, of: usize, parts: &str) -> Self {
        Self::judged(name, Status::of(usable, of), (usable, of, parts))
    }

    fn judged(name: String, status: Status, (usable, of, parts): (usize, usize, &str)) -> Self {
        let reason = match status {
            Status::Active => None,
            Status::Degraded => Some(format!("{} of {of} {parts} cannot be used", of - usable)),
            Status::Panic => {
                Some(format!("{} of {of} {parts} cannot be used; they are asked all the same", of - usable))
            }
            Status::Inactive => Some(format!("none of {of} {parts} can be used")),
        };
        Self { usable: Some(usable), of: Some(of), ..Self::plain(name, status, reason) }
    }

    /// A store that does not answer degrades the gateway, and no more: requests never wait for it.
    fn store(answer: Result<(), String>) -> Self {
        let (status, reason) = match answer {
            Ok(()) => (Status::Active, None),
            Err(reason) => (Status::Degraded, Some(reason)),
        };
        Self::plain("store".to_owned(), status, reason)
    }
}

impl From<ConfigurationHealth> for ConfigurationWire {
    /// A rejected reload degrades the gateway, and no more: it serves what was in force before.
    fn from(configuration: ConfigurationHealth) -> Self {
        let ConfigurationHealth { content_hash, rejected } = configuration;
        let (status, reason) = match rejected {
            None => (Status::Active, None),
            Some(errors) => (Status::Degraded, Some(format!("the last reload was rejected, errors: {errors}"))),
        };
        let entry = EntryWire::plain("configuration".to_owned(), status, reason);
        Self { entry, content_hash, rejected_problems: rejected }
    }
}

impl From<PoolHealth> for EntryWire {
    fn from(pool: PoolHealth) -> Self {
        let PoolHealth { name, status, usable, instances, in_flight, concurrency_limit } = pool;
        let status = match status {
            PoolStatus::Active => Status::Active,
            PoolStatus::Degraded => Status::Degraded,
            PoolStatus::Panic => Status::Panic,
            PoolStatus::Inactive => Status::Inactive,
        };
        let judged = Self::judged(name.to_string(), status, (usable, instances, "instances"));
        Self { in_flight: Some(in_flight), concurrency_limit, ..judged }
    }
}

impl From<GroupHealth> for EntryWire {
    fn from(group: GroupHealth) -> Self {
        let GroupHealth { name, usable_tiers, tiers } = group;
        Self::counted(name.to_string(), usable_tiers, tiers, "tiers")
    }
}

impl From<WrapperHealth> for EntryWire {
    fn from(wrapper: WrapperHealth) -> Self {
        let WrapperHealth { name, target, usable } = wrapper;
        let (status, reason) =
            if usable { (Status::Active, None) } else { (Status::Inactive, Some(format!("{target} cannot be used"))) };
        Self::plain(name.to_string(), status, reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_application::domain::pool::PoolStatus;

    use super::*;

    fn pool(status: PoolStatus, usable: usize) -> PoolHealth {
        let name = "fast".parse().unwrap();
        PoolHealth { name, status, usable, instances: 2, in_flight: 3, concurrency_limit: Some(8) }
    }

    fn healthy() -> HealthReport {
        HealthReport {
            revision: 7,
            configuration: ConfigurationHealth { content_hash: "c0ffee".to_owned(), rejected: None },
            pools: vec![pool(PoolStatus::Active, 2)],
            task_groups: vec![GroupHealth { name: "chat".parse().unwrap(), usable_tiers: 1, tiers: 1 }],
            wrappers: vec![WrapperHealth {
                name: "gpt".parse().unwrap(),
                target: "pool:fast".parse().unwrap(),
                usable: true,
            }],
            store: Ok(()),
        }
    }

    /// `expected`: the status of the whole, whether it serves, and where which reason is given.
    #[track_caller]
    fn check(change: impl FnOnce(&mut HealthReport), expected: (Status, bool), (place, reason): (&str, &str)) {
        let mut report = healthy();
        change(&mut report);
        let wire = HealthWire::from(report);
        assert_eq!((wire.status, wire.is_serving()), expected);
        assert_eq!(serde_json::to_value(&wire).unwrap().pointer(place).unwrap(), reason);
    }

    #[test]
    fn a_gateway_is_active_while_everything_is_usable() {
        let expected = json!({
            "status": "active",
            "revision": 7,
            "configuration": {"name": "configuration", "status": "active", "content_hash": "c0ffee"},
            "store": {"name": "store", "status": "active"},
            "pools": [{"name": "fast", "status": "active", "usable": 2, "of": 2, "in_flight": 3, "concurrency_limit": 8}],
            "task_groups": [{"name": "chat", "status": "active", "usable": 1, "of": 1}],
            "wrappers": [{"name": "gpt", "status": "active"}],
        });
        assert_eq!(serde_json::to_value(HealthWire::from(healthy())).unwrap(), expected);
    }

    #[test]
    fn what_is_usable_in_part_a_silent_store_and_a_rejected_reload_degrade_and_no_more() {
        let degraded = (Status::Degraded, true);
        let reason = ("/pools/0/reason", "1 of 2 instances cannot be used");
        check(|report| report.pools = vec![pool(PoolStatus::Degraded, 1)], degraded, reason);
        let reason = ("/task_groups/0/reason", "2 of 3 tiers cannot be used");
        check(|report| report.task_groups[0].tiers = 3, degraded, reason);
        check(|report| report.store = Err("disk full".to_owned()), degraded, ("/store/reason", "disk full"));
        let reason = ("/configuration/reason", "the last reload was rejected, errors: 3");
        check(|report| report.configuration.rejected = Some(3), degraded, reason);
    }

    #[test]
    fn what_nobody_can_use_fails_the_whole() {
        let inactive = (Status::Inactive, false);
        let reason = ("/pools/0/reason", "none of 2 instances can be used");
        check(|report| report.pools = vec![pool(PoolStatus::Inactive, 0)], inactive, reason);
        let reason = ("/task_groups/0/reason", "none of 1 tiers can be used");
        check(|report| report.task_groups[0].usable_tiers = 0, inactive, reason);
        let reason = ("/wrappers/0/reason", "pool:fast cannot be used");
        check(|report| report.wrappers[0].usable = false, inactive, reason);
    }
}
