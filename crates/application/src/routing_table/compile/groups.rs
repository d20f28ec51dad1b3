//! Task groups: a leg for each tier, and the instances behind bare models.

use std::{num::NonZeroU32, sync::Arc};

use tidegate_domain::{
    inference::LlmClient,
    name::{InstanceId, ModelRef},
    pool::{HealthPolicy, InstanceSpec},
    resilience::{BreakerPolicy, Deadlines},
    task_group::{TaskGroup, Tier, TierModel},
};

use super::{CompileError, Compiler, seed, survivors};
use crate::{
    admission::{Level, Scope},
    live::{Hedge, InstancePolicies, LiveInstance, Owned, Picker},
    routing_table::LiveGroup,
    wrappers::{Leg, LegMember, Manner},
};

impl<C: LlmClient> Compiler<'_, C> {
    pub(super) fn group(&self, definition: &TaskGroup) -> Result<LiveGroup<C>, CompileError> {
        let previous = self.previous.group(definition.name()).and_then(|group| group.level.as_ref());
        let level = Level::following(previous, Scope::Group(definition.name().clone()), *definition.limits());
        let legs = definition.tiers().iter().map(|tier| Ok(Arc::new(self.leg(definition, tier, level.clone())?)));
        Ok(LiveGroup { legs: legs.collect::<Result<_, _>>()?, definition: definition.clone(), level })
    }

    fn leg(&self, group: &TaskGroup, tier: &Tier, group_level: Option<Level>) -> Result<Leg<C>, CompileError> {
        let owner = Owned::ByTier(group.name().clone(), tier.name().clone());
        let previous = self
            .previous
            .group(group.name())
            .and_then(|live| live.legs.iter().find(|leg| leg.tier.as_ref() == Some(tier.name())));
        let predecessors: Vec<_> = previous.map(|leg| leg.own_instances().cloned().collect()).unwrap_or_default();
        let deadlines = tier.policy().deadlines.unwrap_or(self.input.configuration.deadlines);
        let member = |model: &TierModel| match model {
            TierModel::Direct(model) => {
                self.direct((&owner, model), (*group.breaker(), deadlines), &predecessors).map(LegMember::Instance)
            }
            TierModel::Pool(pool) => {
                let live = self.pools.get(pool).cloned().ok_or_else(|| CompileError::DanglingPool {
                    group: group.name().clone(),
                    tier: tier.name().clone(),
                    pool: pool.clone(),
                })?;
                let level = live.level.clone();
                Ok(LegMember::Pool(live, level))
            }
        };
        let members: Vec<_> = tier.models().iter().map(member).collect::<Result<_, _>>()?;
        let policy = tier.policy();
        let scope = Scope::Tier(group.name().clone(), tier.name().clone());
        let level = Level::following(previous.and_then(|leg| leg.level.as_ref()), scope, policy.limits.into());
        let picker = match previous {
            Some(leg) => leg.picker.rearranged(policy.rotation, &survivors(&leg.members, &members, LegMember::name)),
            None => Picker::new(policy.rotation, seed(tier.name().as_str())),
        };
        Ok(Leg {
            tier: Some(tier.name().clone()),
            members,
            picker,
            manner: Manner::new(deadlines, policy.defaults.clone()),
            max_retries: policy.max_retries,
            level,
            group_level,
            mid_stream: policy.mid_stream,
            hedge: policy.hedge.map(|hedge| Hedge::following(previous.and_then(|leg| leg.hedge.as_ref()), hedge)),
        })
    }

    /// The instance behind a bare model. Without a pool there is no health policy: its breaker alone decides.
    pub(super) fn direct(
        &self,
        (owner, model): (&Owned, &ModelRef),
        (breaker, deadlines): (BreakerPolicy, Deadlines),
        predecessors: &[Arc<LiveInstance<C>>],
    ) -> Result<Arc<LiveInstance<C>>, CompileError> {
        let health = HealthPolicy { failure_threshold: NonZeroU32::MAX, ..HealthPolicy::default() };
        let spec = InstanceSpec::new(InstanceId::of_model(model), model.clone());
        let policies =
            InstancePolicies::new(health, breaker, deadlines).for_only_instance_if(*owner == Owned::Directly);
        self.instance((owner, spec), &policies, predecessors)
    }
}
