//! Pools: their instances, listed or derived, and the turn of their rotation.

use std::sync::Arc;

use tidegate_domain::{
    inference::LlmClient,
    name::{GroupName, InstanceId, ModelRef, PoolName, TierName},
    pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
    task_group::{GroupReference, Tier, TierModel},
};

use super::{CompileError, Compiler, seed, survivors};
use crate::{
    admission::{Level, Scope},
    live::{InstancePolicies, LiveInstance, LivePool, Owned, Picker},
};

impl<C: LlmClient> Compiler<'_, C> {
    pub(super) fn pool(&self, definition: &Pool) -> Result<LivePool<C>, CompileError> {
        let owner = Owned::ByPool(definition.name().clone());
        let specs = self.instance_specs(definition)?;
        let PoolPolicy { health, breaker, deadlines, adaptive_concurrency, .. } = definition.policy();
        let policies = InstancePolicies::new(*health, *breaker, *deadlines)
            .adapting(*adaptive_concurrency)
            .for_only_instance_if(specs.len() == 1 && !self.input.is_in_a_tier(definition.name()));
        let previous = self.previous.pool(definition.name());
        let predecessors: &[Arc<LiveInstance<C>>] = previous.map_or(&[], |pool| &pool.instances);
        let instances: Vec<_> = specs
            .into_iter()
            .map(|spec| self.instance((&owner, spec), &policies, predecessors))
            .collect::<Result<_, _>>()?;
        let rotation = definition.policy().rotation;
        let picker = match previous {
            Some(pool) => {
                let survivors = survivors(&pool.instances, &instances, |instance| instance.spec.id.as_str());
                pool.picker.rearranged(rotation, &survivors)
            }
            None => Picker::new(rotation, seed(definition.name().as_str())),
        };
        let scope = Scope::Pool(definition.name().clone());
        let level = Level::following(previous.and_then(|pool| pool.level.as_ref()), scope, definition.policy().limits);
        let room = self.rooms.get(definition.name()).cloned();
        Ok(LivePool { definition: definition.clone(), instances, picker, level, room })
    }

    /// The instances of a pool: those it lists, and one per distinct model of each reference.
    fn instance_specs(&self, pool: &Pool) -> Result<Vec<InstanceSpec>, CompileError> {
        let mut specs: Vec<InstanceSpec> = Vec::new();
        for member in pool.members() {
            match member {
                PoolMember::Instance(spec) => specs.push(spec.clone()),
                PoolMember::Reference { group, tier } => {
                    for model in self.referenced_models(pool.name(), group, tier.as_ref())? {
                        let id = InstanceId::derived(group, tier.as_ref(), &model);
                        if !specs.iter().any(|spec| spec.id == id) {
                            specs.push(InstanceSpec::new(id, model));
                        }
                    }
                }
            }
        }
        if specs.is_empty() {
            return Err(CompileError::NoInstances { pool: pool.name().clone() });
        }
        Ok(specs)
    }

    /// The models that a reference names itself, each once; the models of the pools it names stay with those pools.
    fn referenced_models(
        &self,
        pool: &PoolName,
        group: &GroupName,
        tier: Option<&TierName>,
    ) -> Result<Vec<ModelRef>, CompileError> {
        let reference = || GroupReference { group: group.clone(), tier: tier.cloned() }.to_string();
        let dangling = || CompileError::DanglingReference { pool: pool.clone(), reference: reference() };
        let definition = self.input.groups.iter().find(|known| known.name() == group).ok_or_else(dangling)?;
        let mut tiers =
            definition.tiers().iter().filter(|known| tier.is_none_or(|tier| known.name() == tier)).peekable();
        if tiers.peek().is_none() {
            return Err(dangling());
        }
        let mut models = Vec::new();
        for model in tiers.flat_map(Tier::models) {
            match model {
                TierModel::Direct(model) if !models.contains(model) => models.push(model.clone()),
                TierModel::Pool(name) if name == pool => {
                    return Err(CompileError::Cycle { pool: pool.clone(), reference: reference() });
                }
                TierModel::Direct(_) | TierModel::Pool(_) => {}
            }
        }
        Ok(models)
    }
}
