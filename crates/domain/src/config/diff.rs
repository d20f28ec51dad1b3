//! What one configuration has that another has not, by name: for people who want to know what a reload did.
//!
//! Only values are compared. That a definition moved to another file changes nothing that is routed.

use std::{collections::BTreeMap, fmt};

use super::{Configuration, Declared};
use crate::{model::ModelCard, name::ModelRef};

/// The definitions of one kind that differ, each list sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Only the new configuration has them.
    pub added: Vec<String>,
    /// Both have them, and they differ.
    pub changed: Vec<String>,
    /// Only the old configuration has them.
    pub removed: Vec<String>,
}

/// What differs between two configurations.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one part differs; none depends on another")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigDiff {
    /// The pools.
    pub pools: Changes,
    /// The task groups.
    pub task_groups: Changes,
    /// The wrappers.
    pub wrappers: Changes,
    /// The short names of models.
    pub aliases: Changes,
    /// What the configuration says of models.
    pub models: Changes,
    /// Whether requests for unknown models go elsewhere.
    pub default_target: bool,
    /// Whether the deadlines of what has none of its own differ.
    pub deadlines: bool,
    /// Whether the retry budget differs.
    pub retry_budget: bool,
    /// Whether the limits of the whole gateway differ.
    pub limits: bool,
}

impl ConfigDiff {
    /// Compares two configurations.
    pub fn between(before: &Configuration, after: &Configuration) -> Self {
        // Whole, so that what a configuration learns to hold is compared too.
        let Configuration {
            pools,
            task_groups,
            wrappers,
            aliases,
            models,
            default_target,
            deadlines,
            retry_budget,
            limits,
            content_hash: _,
        } = after;
        Self {
            pools: changes(&by_name(&before.pools, |it| it.name()), &by_name(pools, |it| it.name())),
            task_groups: changes(&by_name(&before.task_groups, |it| it.name()), &by_name(task_groups, |it| it.name())),
            wrappers: changes(&by_name(&before.wrappers, |it| it.name()), &by_name(wrappers, |it| it.name())),
            aliases: changes(&before.aliases, aliases),
            models: changes(&by_model(&before.models.own), &by_model(&models.own)),
            default_target: before.default_target != *default_target,
            deadlines: before.deadlines != *deadlines,
            retry_budget: before.retry_budget != *retry_budget,
            limits: before.limits != *limits,
        }
    }

    /// Whether no definition differs. Providers and what the process itself needs are not compared.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ConfigDiff {
    /// One line: `pools +new ~fast -old; wrappers +assistant`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pools, task_groups, wrappers, aliases, models, default_target, deadlines, retry_budget, limits } =
            self;
        let kinds = [
            ("pools", pools),
            ("task groups", task_groups),
            ("wrappers", wrappers),
            ("aliases", aliases),
            ("models", models),
        ];
        let named = kinds.into_iter().filter(|(_, changes)| **changes != Changes::default());
        let mut parts: Vec<_> = named.map(|(kind, changes)| format!("{kind}{changes}")).collect();
        parts.extend(default_target.then(|| "default target changed".to_owned()));
        parts.extend(deadlines.then(|| "default deadlines changed".to_owned()));
        parts.extend(retry_budget.then(|| "retry budget changed".to_owned()));
        parts.extend(limits.then(|| "limits changed".to_owned()));
        if parts.is_empty() {
            formatter.write_str("no definition changed")
        } else {
            formatter.write_str(&parts.join("; "))
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, changed, removed } = self;
        for (sign, names) in [('+', added), ('~', changed), ('-', removed)] {
            for name in names {
                write!(formatter, " {sign}{name}")?;
            }
        }
        Ok(())
    }
}

fn by_name<'a, T, N: ToString + 'a>(declared: &'a [Declared<T>], name: fn(&'a T) -> &'a N) -> BTreeMap<String, &'a T> {
    declared.iter().map(|declared| (name(&declared.value).to_string(), &declared.value)).collect()
}

fn by_model(cards: &BTreeMap<ModelRef, ModelCard>) -> BTreeMap<String, &ModelCard> {
    cards.iter().map(|(model, card)| (model.to_string(), card)).collect()
}

fn changes<T: PartialEq>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> Changes {
    let lacking = |here: &BTreeMap<String, T>, there: &BTreeMap<String, T>| {
        here.keys().filter(|name| !there.contains_key(*name)).cloned().collect()
    };
    let differs = |(name, value): &(&String, &T)| before.get(*name).is_some_and(|known| known != *value);
    Changes {
        added: lacking(after, before),
        changed: after.iter().filter(differs).map(|(name, _)| name.clone()).collect(),
        removed: lacking(before, after),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        name::{InstanceId, PoolName, WrapperName},
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
        wrapper::Wrapper,
    };

    /// Pools by name and model, in `file`.
    fn pools(file: &str, named: &[(&str, &str)]) -> Configuration {
        let pool = |&(name, model): &(&str, &str)| {
            let spec = InstanceSpec::new(InstanceId::new("one").unwrap(), model.parse().unwrap());
            let members = vec![PoolMember::Instance(spec)];
            let value = Pool::new(PoolName::new(name).unwrap(), members, PoolPolicy::default()).unwrap();
            Declared { value, file: PathBuf::from(file) }
        };
        Configuration { pools: named.iter().map(pool).collect(), ..Configuration::default() }
    }

    #[track_caller]
    fn check(before: &Configuration, after: &Configuration, line: &str) {
        let diff = ConfigDiff::between(before, after);
        assert_eq!(diff.to_string(), line);
        assert_eq!(diff.is_empty(), line == "no definition changed");
    }

    #[test]
    fn what_came_what_differs_and_what_went_are_named_in_order() {
        let before = pools("a.toml", &[("old", "sim:a"), ("fast", "sim:a"), ("same", "sim:a")]);
        let after = pools("a.toml", &[("zoo", "sim:a"), ("same", "sim:a"), ("new", "sim:a"), ("fast", "sim:b")]);
        check(&before, &after, "pools +new +zoo ~fast -old");
        check(&after, &before, "pools +old ~fast -new -zoo");
    }

    #[test]
    fn a_definition_that_moves_to_another_file_is_the_same() {
        check(&pools("a.toml", &[("p", "sim:a")]), &pools("b.toml", &[("p", "sim:a")]), "no definition changed");
    }

    #[test]
    fn every_kind_has_its_part() {
        let mut after = pools("a.toml", &[("p", "sim:a")]);
        let wrapper = Wrapper::new(WrapperName::new("w").unwrap(), "pool:p".parse().unwrap()).unwrap();
        after.wrappers.push(Declared { value: wrapper, file: PathBuf::new() });
        after.aliases.insert("quick".to_owned(), "sim:a".parse().unwrap());
        after.models.own.insert("sim:a".parse().unwrap(), ModelCard::default());
        after.default_target = Some("pool:p".parse().unwrap());
        after.deadlines.total += std::time::Duration::from_secs(1);
        after.retry_budget.percent += 1;
        let line = "pools +p; wrappers +w; aliases +quick; models +sim:a; \
                    default target changed; default deadlines changed; retry budget changed";
        check(&Configuration::default(), &after, line);
    }
}
