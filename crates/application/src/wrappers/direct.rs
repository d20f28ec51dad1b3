//! The direct wrapper: one model at one provider, asked for what it is.

use std::{num::NonZeroU32, sync::Arc};

use tidegate_domain::{
    model::Doubts,
    name::Target,
    pool::RotationKind,
    resilience::{Backoff, MidStream},
    routing::{Reach, WalkPolicy},
};

use super::{Leg, LegMember, Manner, Order, Route, WrapperFactory};
use crate::live::{LiveInstance, Picker};

impl<C> WrapperFactory<'_, C> {
    /// A route to one instance: there is nobody else to ask, so a passing fault is retried once.
    pub(crate) fn direct(&self, instance: Arc<LiveInstance<C>>) -> Route<C> {
        let target = Target::Direct(instance.spec.model.clone());
        let doubts = Doubts::about(instance.card.as_deref());
        Route {
            legs: vec![Arc::new(Leg {
                tier: None,
                members: vec![LegMember::Instance(instance)],
                picker: Picker::new(RotationKind::Declared, 0),
                manner: Manner::plain(self.deadlines),
                max_retries: 0,
                level: None,
                group_level: None,
                mid_stream: MidStream::Error,
                hedge: None,
            })],
            content_filter: Vec::new(),
            order: Order::AsListed,
            doubts,
            levels: self.levels(None),
            budget: self.budget(&target),
            target,
            total: self.deadlines.total,
            walk: WalkPolicy {
                reach: Reach::Instance,
                max_attempts: NonZeroU32::MIN.saturating_add(1),
                max_retries: 1,
                max_ambiguous_repeats: self.max_ambiguous_repeats,
                backoff: Backoff::default(),
            },
        }
    }
}
