//! The configuration in force and its reloads as Prometheus series.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use tidegate_domain::config::{Accepted, ReloadOutcome};

use super::super::text::{Family, Kind, Text};

const RELOADS: Family = ("tidegate_config_reloads_total", "Reloads of the configuration by result", Kind::Counter);
const LAST_RELOAD: Family = (
    "tidegate_config_last_reload_successful",
    "Whether the files' configuration is in force: 0 after a rejected reload",
    Kind::Gauge,
);
const NUMBER: Family = (
    "tidegate_config_revision",
    "Revision of the configuration in force; 0 if the history could not keep it",
    Kind::Gauge,
);
const HASH: Family = ("tidegate_config_hash", "First 48 bits of the hash of the configuration in force", Kind::Gauge);
const SINCE: Family = (
    "tidegate_config_in_force_since_seconds",
    "When the configuration in force came into force, in seconds since 1970",
    Kind::Gauge,
);

/// Counts reloads, and says what is in force since when.
#[derive(Debug, Default)]
pub(super) struct OfConfiguration {
    applied: AtomicU64,
    unchanged: AtomicU64,
    rejected: AtomicU64,
    /// What the gateway was started with was loaded.
    is_last_reload_rejected: AtomicBool,
    number: AtomicU64,
    hash: AtomicU64,
    /// In seconds since 1970; 0 until a configuration has come into force.
    since: AtomicU64,
}

impl OfConfiguration {
    pub(super) fn reloaded(&self, outcome: &ReloadOutcome) {
        let (counter, is_rejected) = match outcome {
            ReloadOutcome::Applied { .. } => (&self.applied, false),
            ReloadOutcome::Unchanged => (&self.unchanged, false),
            ReloadOutcome::Rejected(_) => (&self.rejected, true),
        };
        counter.fetch_add(1, Relaxed);
        self.is_last_reload_rejected.store(is_rejected, Relaxed);
    }

    pub(super) fn in_force(&self, number: Option<u64>, accepted: &Accepted) {
        let since = accepted.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.number.store(number.unwrap_or_default(), Relaxed);
        self.hash.store(as_number(&accepted.content_hash), Relaxed);
        self.since.store(since.as_secs(), Relaxed);
    }

    pub(super) fn write(&self, text: &mut Text) {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        text.family(RELOADS, |series| {
            for (word, count) in
                [("applied", &self.applied), ("unchanged", &self.unchanged), ("rejected", &self.rejected)]
            {
                series.add("", &[("result", &word)], load(count));
            }
        });
        text.single(LAST_RELOAD, u8::from(!self.is_last_reload_rejected.load(Relaxed)));
        if load(&self.since) > 0 {
            text.single(NUMBER, load(&self.number));
            text.single(HASH, load(&self.hash));
            text.single(SINCE, load(&self.since));
        }
    }
}

/// The first 48 bits of a hash in hexadecimal digits: the doubles that a gauge is read into hold so many exactly.
fn as_number(hash: &str) -> u64 {
    u64::from_str_radix(hash.get(..12).unwrap_or(hash), 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_domain::config::{ConfigDiff, Problem, Reason};

    use super::*;

    fn text(counts: &OfConfiguration) -> String {
        let mut text = Text::default();
        counts.write(&mut text);
        text.into_string()
    }

    #[test]
    fn reloads_are_counted_by_result_and_the_last_one_stands_for_the_files() {
        let counts = OfConfiguration::default();
        let applied = ReloadOutcome::Applied { revision: 2, diff: ConfigDiff::default(), deferred: Vec::new() };
        let rejected = ReloadOutcome::Rejected(Problem::error("", "broken").into());
        let steps =
            [(None, "1"), (Some(&applied), "1"), (Some(&rejected), "0"), (Some(&ReloadOutcome::Unchanged), "1")];
        for (outcome, successful) in steps {
            if let Some(outcome) = outcome {
                counts.reloaded(outcome);
            }
            let text = text(&counts);
            assert!(text.contains(&format!("\ntidegate_config_last_reload_successful {successful}\n")), "{text}");
        }
        let text = text(&counts);
        for result in ["applied", "rejected", "unchanged"] {
            assert!(text.contains(&format!("tidegate_config_reloads_total{{result=\"{result}\"}} 1\n")), "{text}");
        }
        assert!(!text.contains("tidegate_config_revision"), "nothing has come into force: {text}");
    }

    /// What is in force under `number` and `hash` has these values for the two.
    #[track_caller]
    fn check_in_force(number: Option<u64>, hash: &str, (revision, value): (u64, u64)) {
        let counts = OfConfiguration::default();
        let accepted = Accepted {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            reason: Reason::new("me", "to try"),
            content_hash: hash.to_owned(),
            changes: String::new(),
            documents: Vec::new(),
        };
        counts.in_force(number, &accepted);
        let text = text(&counts);
        for ((name, ..), value) in [(NUMBER, revision), (HASH, value), (SINCE, 1_700_000_000)] {
            assert!(text.contains(&format!("\n{name} {value}\n")), "no {name} {value} in {text}");
        }
    }

    #[test]
    fn what_is_in_force_is_told_by_its_number_its_hash_and_its_beginning() {
        check_in_force(Some(12), "0000000000ff5678", (12, 255));
        check_in_force(None, "ffffffffffffab", (0, 281_474_976_710_655));
        check_in_force(None, "", (0, 0));
    }
}
