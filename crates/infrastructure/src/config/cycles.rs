//! Pools that would take their instances from themselves: a pool derives from a task group, one of whose tiers lists a pool,
//! which derives from a task group, and so on.

use std::collections::BTreeMap;

use tidegate_domain::{
    config::Edges,
    name::GroupName,
    pool::{Pool, PoolMember},
    task_group::{TaskGroup, TierModel},
};

/// What takes its instances from what: pools from tiers, and tiers from pools.
pub(super) fn membership_edges<'a>(
    pools: impl IntoIterator<Item = &'a Pool>,
    groups: impl IntoIterator<Item = &'a TaskGroup>,
) -> Edges {
    let groups: BTreeMap<_, _> = groups.into_iter().map(|group| (group.name(), group)).collect();
    let mut edges = Edges::new();
    for pool in pools {
        for (tier, listed) in steps(pool, &groups) {
            edges.entry(format!("pool {}", pool.name())).or_default().push(tier.clone());
            edges.entry(tier).or_default().push(format!("pool {listed}"));
        }
    }
    edges
}

/// The tiers that a pool derives from, each with a pool that it lists.
fn steps(pool: &Pool, groups: &BTreeMap<&GroupName, &TaskGroup>) -> Vec<(String, String)> {
    let mut steps = Vec::new();
    for member in pool.members() {
        let PoolMember::Reference { group, tier } = member else { continue };
        let Some(group) = groups.get(group) else { continue };
        for of in group.tiers().iter().filter(|of| tier.as_ref().is_none_or(|tier| tier == of.name())) {
            for model in of.models() {
                if let TierModel::Pool(pool) = model {
                    steps.push((format!("{}.{}", group.name(), of.name()), pool.to_string()));
                }
            }
        }
    }
    steps
}
