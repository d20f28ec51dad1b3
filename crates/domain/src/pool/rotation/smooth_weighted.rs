//! Smooth weighted round robin, as nginx does it: exact proportions over a cycle of picks, without bursts.
//!
//! Every eligible member gains its weight; the richest is picked and pays the sum. After as many picks as the weights sum
//! to, every member was picked exactly as often as its weight says and all balances are zero again. A member that is not
//! eligible neither gains nor pays, so that it does not come back to a burst.

use super::Members;

/// The balance of each member, by position.
#[derive(Debug, Clone, Default)]
pub(super) struct SmoothWeighted {
    balances: Vec<i64>,
}

impl SmoothWeighted {
    pub(super) fn pick(&mut self, members: &impl Members) -> Option<usize> {
        self.balances.resize(members.count(), 0);
        let mut total = 0;
        let mut richest: Option<usize> = None;
        for member in super::eligible(members).filter(|&member| members.weight(member) > 0) {
            let weight = i64::from(members.weight(member));
            total += weight;
            self.balances[member] += weight;
            if richest.is_none_or(|best| self.balances[member] > self.balances[best]) {
                richest = Some(member);
            }
        }
        let picked = richest?;
        self.balances[picked] -= total;
        Some(picked)
    }

    /// Survivors keep their balance, shifted so that the sum is zero again; joiners start level.
    pub(super) fn rearranged(&self, survivors: &[Option<usize>]) -> Self {
        let kept = |old: &Option<usize>| old.and_then(|old| self.balances.get(old)).copied().unwrap_or(0);
        let mut balances: Vec<i64> = survivors.iter().map(kept).collect();
        let surplus: i64 = balances.iter().sum();
        let count = i64::try_from(balances.len().max(1)).unwrap_or(i64::MAX);
        for balance in &mut balances {
            *balance -= surplus / count;
        }
        if let Some(first) = balances.first_mut() {
            *first -= surplus % count;
        }
        Self { balances }
    }
}
