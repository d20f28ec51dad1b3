//! `[models.X]`, `[wrappers.X]`, and what every entry may hold.

use super::{Description, key, or};

pub(super) const KEYS: &[Description] = &[
    key("models", "Short names for models."),
    key("wrappers", "Public names for a pool, a task group or one model."),
    key("wrappers.*.type", "What the name stands for."),
    key("wrappers.*.pool", "The pool that it stands for."),
    key("wrappers.*.task_group", "The task group that it stands for; `group.tier` for one tier."),
    key("wrappers.*.tier", "The one tier of the group that it stands for."),
    key("provider", "The provider, if `model` does not name it."),
    key("model", "The model: `provider:model`, an alias of `[models]`, or the bare name beside `provider`."),
    key("description", "What it is, for people."),
    or("enabled", "true", "`false` leaves the entry out, as if it were not written."),
    key("file", "The file that holds the entry, relative to this one."),
    key("name", "The entry's name again, in a file of its own; it must be the same."),
];
