//! From a name to a route, and from a wrong name to the nearest right ones.

use super::{Entry, RoutingTable};
use crate::orchestration::ModelEntry;

/// How many near names an error offers.
const NEAREST: usize = 3;

impl<C> RoutingTable<C> {
    /// Where `model` leads.
    ///
    /// # Errors
    /// The nearest known names, if it leads nowhere.
    pub(crate) fn resolve(&self, model: &str) -> Result<&Entry<C>, Vec<String>> {
        self.entries.get(model).or(self.default.as_ref()).ok_or_else(|| self.nearest(model))
    }

    /// Every name a caller may use, sorted; explicit spellings are not repeated.
    pub(crate) fn models(&self) -> Vec<ModelEntry> {
        let mut models: Vec<_> = self
            .entries
            .iter()
            .filter(|(name, _)| !is_explicit(name))
            .map(|(name, entry)| ModelEntry { name: name.to_string(), kind: entry.kind })
            .collect();
        models.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        models
    }

    fn nearest(&self, model: &str) -> Vec<String> {
        // A long name would make the comparison costly, and is no typing mistake.
        if model.len() > 128 {
            return Vec::new();
        }
        let mut ranked: Vec<_> = self
            .entries
            .keys()
            .filter(|name| !is_explicit(name))
            .map(|name| (strsim::normalized_damerau_levenshtein(model, name), name))
            .filter(|(similarity, _)| *similarity > 0.4)
            .collect();
        ranked.sort_by(|(a, a_name), (b, b_name)| b.total_cmp(a).then_with(|| a_name.cmp(b_name)));
        ranked.into_iter().take(NEAREST).map(|(_, name)| name.to_string()).collect()
    }
}

fn is_explicit(name: &str) -> bool {
    ["wrapper:", "pool:", "group:", "direct:"].iter().any(|prefix| name.starts_with(prefix))
}
