//! Use cases of task groups.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    inference::LlmClient,
    name::{GroupName, TierName},
    pool::InstanceStatistics,
    repository::{RepositoryError, Version, Versioned},
    task_group::{Exclusion, LatencyClass, Merit, ModelRequirements, RankedModel, Selection, TaskGroup, Urgency},
    time::Clock,
};

use crate::{
    catalog::{Catalog, Change, ChangeError, Owner, owned},
    instance_check::{InstanceCheck, check_all},
    live::LiveInstance,
    routing_table::Routes,
};

/// Creates, changes and watches task groups, and selects models from them.
pub struct TaskGroupService<C> {
    catalog: Arc<Catalog<C>>,
    routes: Arc<Routes<C>>,
    clock: Arc<dyn Clock>,
}

/// A task group, and who owns it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskGroupView {
    /// The definition.
    pub group: TaskGroup,
    /// Who may change it.
    pub owner: Owner,
}

/// What a task group has done since the process started.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskGroupStatistics {
    /// The group.
    pub name: GroupName,
    /// Its tiers, best first.
    pub tiers: Vec<TierStatistics>,
}

/// What a tier has done since the process started. The instances of a pool count wherever the pool is named.
#[derive(Debug, Clone, PartialEq)]
pub struct TierStatistics {
    /// The tier.
    pub name: TierName,
    /// Whether a request could be sent to any of its models now.
    pub usable: bool,
    /// Its instances, in declaration order.
    pub instances: Vec<InstanceStatistics>,
}

impl<C: LlmClient> TaskGroupService<C> {
    /// Serves the task groups of `catalog`, as `routes` publishes them.
    pub fn new(catalog: Arc<Catalog<C>>, routes: Arc<Routes<C>>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, routes, clock }
    }

    /// Stores a new task group and puts it in service.
    ///
    /// # Errors
    /// [`ChangeError`] if the name is taken, the group refers to what does not exist, or the store fails.
    pub async fn create(&self, group: TaskGroup) -> Result<Versioned<TaskGroup>, ChangeError> {
        let version = self.catalog.change(Change::InsertGroup(&group)).await?;
        Ok(Versioned { value: group, version: version.unwrap_or(Version::FIRST) })
    }

    /// The task group of that name, or `None`.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    pub async fn get(&self, name: &GroupName) -> Result<Option<TaskGroupView>, RepositoryError> {
        Ok(self.list().await?.into_iter().find(|view| view.group.name() == name))
    }

    /// Every task group, by name.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<TaskGroupView>, RepositoryError> {
        let definitions = self.catalog.definitions().await?;
        let owned = owned(definitions.configuration.task_groups, definitions.task_groups);
        let mut views: Vec<_> = owned.map(|(group, owner)| TaskGroupView { group, owner }).collect();
        views.sort_by(|a, b| a.group.name().cmp(b.group.name()));
        Ok(views)
    }

    /// Replaces the task group of the same name, if it is still at `expected`. Models that stay keep their state.
    ///
    /// # Errors
    /// [`ChangeError`] if a file owns the group, somebody changed it meanwhile, the new one refers to what does not exist,
    /// or the store fails.
    pub async fn change(&self, group: TaskGroup, expected: Version) -> Result<Versioned<TaskGroup>, ChangeError> {
        let version = self.catalog.change(Change::ReplaceGroup(&group, expected)).await?;
        Ok(Versioned { value: group, version: version.unwrap_or(expected) })
    }

    /// Removes the task group of that name, if it is still at `expected`. Its requests in flight are finished.
    ///
    /// # Errors
    /// [`ChangeError`] if a file owns the group, somebody changed it meanwhile, something still refers to it, or the store
    /// fails.
    pub async fn remove(&self, name: &GroupName, expected: Version) -> Result<(), ChangeError> {
        self.catalog.change(Change::RemoveGroup(name, expected)).await.map(drop)
    }

    /// Asks the provider of each of the group's models, without cost, whether it answers; `None` if there is no such group.
    pub async fn check_health(&self, name: &GroupName) -> Option<Vec<InstanceCheck>> {
        let table = self.routes.load();
        let instances = table.group(name)?.legs.iter().flat_map(|leg| leg.instances()).cloned().collect();
        Some(check_all(instances).await)
    }

    /// What the group has done; `None` if there is no such group.
    pub fn statistics(&self, name: &GroupName) -> Option<TaskGroupStatistics> {
        let now = self.clock.now();
        let table = self.routes.load();
        let group = table.group(name)?;
        let tiers = group.definition.tiers().iter().zip(&group.legs).map(|(tier, leg)| TierStatistics {
            name: tier.name().clone(),
            usable: leg.is_usable(now),
            instances: leg.instances().map(|instance| instance.statistics(now)).collect(),
        });
        Some(TaskGroupStatistics { name: name.clone(), tiers: tiers.collect() })
    }

    /// Ranks every model that the group could send a request to: usable ones first, by tier, preferred providers first within a
    /// tier, then by urgency; then those that are excluded, each with the reason. Cards rule out whom they rule out for a request.
    /// `None` if there is no such group.
    pub fn select_model(&self, name: &GroupName, requirements: &ModelRequirements) -> Option<Selection> {
        let now = self.clock.now();
        let table = self.routes.load();
        let group = table.group(name)?;
        let all = || group.legs.iter().flat_map(|leg| leg.instances());
        let least_cost = all().filter_map(|instance| cost(instance)).min().unwrap_or_default();
        let best_latency = all().filter_map(|instance| latency(instance, now)).min().unwrap_or_default();
        let mut models = Vec::new();
        for (tier, leg) in group.definition.tiers().iter().zip(&group.legs) {
            let rank = |instance: &Arc<LiveInstance<C>>| {
                let merit = Merit {
                    cost_per_1k: cost(instance).map(|own| (own, least_cost)),
                    latency: latency(instance, now).map(|own| (own, best_latency)),
                };
                ranked((tier.name(), merit), instance, (requirements, now))
            };
            let mut of_tier: Vec<_> = leg.instances().map(rank).collect();
            of_tier.sort_by_key(|model| (preference(model, requirements), points_lost(model, requirements.urgency)));
            models.append(&mut of_tier);
        }
        models.sort_by_key(|model| model.exclusion.is_some());
        Some(Selection { models })
    }
}

/// What a thousand tokens cost, in micro-dollars; `None` if nobody knows.
fn cost<C>(instance: &LiveInstance<C>) -> Option<u64> {
    instance.card.as_ref()?.prices.map(|prices| prices.per_1k())
}

fn latency<C>(instance: &LiveInstance<C>, now: Instant) -> Option<Duration> {
    instance.state.performance().latency(now)
}

fn ranked<C>(
    (tier, merit): (&TierName, Merit),
    instance: &LiveInstance<C>,
    (requirements, now): (&ModelRequirements, Instant),
) -> RankedModel {
    RankedModel {
        tier: tier.clone(),
        instance: instance.spec.id.clone(),
        model: instance.spec.model.clone(),
        score: merit.score(requirements.urgency),
        exclusion: ruled_out(instance, (requirements, now)).or_else(|| instance.exclusion(now)),
    }
}

/// Why an instance does not meet the requirements, whatever state it is in.
fn ruled_out<C>(instance: &LiveInstance<C>, (requirements, now): (&ModelRequirements, Instant)) -> Option<Exclusion> {
    let ModelRequirements { excluded_models, needs, max_cost_per_1k, max_latency, region, .. } = requirements;
    if excluded_models.contains(&instance.spec.model) {
        return Some(Exclusion::ExcludedByCaller);
    }
    let card = instance.card.as_deref();
    if let Some(shortfall) = card.and_then(|card| card.shortfall_for(needs)) {
        return Some(Exclusion::FallsShort(shortfall));
    }
    if region.is_some() && card.and_then(|card| card.region.as_ref()) != region.as_ref() {
        return Some(Exclusion::OtherRegion);
    }
    if let (Some(most), Some(own)) = (max_cost_per_1k, cost(instance))
        && own > *most
    {
        return Some(Exclusion::TooDear);
    }
    let class = latency(instance, now).map(LatencyClass::of);
    (max_latency.is_some() && class > *max_latency).then_some(Exclusion::TooSlow)
}

/// The place of a model's provider among the preferred ones; the others share the last.
fn preference(model: &RankedModel, requirements: &ModelRequirements) -> usize {
    let preferred = &requirements.preferred_providers;
    preferred.iter().position(|provider| provider == model.model.provider()).unwrap_or(preferred.len())
}

/// What a model lacks to a full score, where that counts.
fn points_lost(model: &RankedModel, urgency: Urgency) -> u32 {
    match urgency {
        Urgency::Normal => 0,
        Urgency::Low | Urgency::High => 100_u32.saturating_sub(model.score),
    }
}

impl<C> fmt::Debug for TaskGroupService<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TaskGroupService").finish_non_exhaustive()
    }
}
