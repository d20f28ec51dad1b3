//! `[models.X]`, `[wrappers.X]`, and what every entry may hold.

use super::{Description, key, or};

pub(super) const KEYS: &[Description] = &[
    key("models", "Short names for models, and what is known of each."),
    key("models.*.context_window", "The most tokens that the model takes, prompt and answer together."),
    key("models.*.max_output", "The most tokens that it answers."),
    key(
        "models.*.capabilities",
        "Everything that it can do: `tools`, `vision`, `audio`, `json_schema`, `reasoning`, `streaming`, `prefill`.",
    ),
    key("models.*.prices", "What it costs, in dollars for a million tokens."),
    key("models.*.prices.input", "Of the prompt."),
    key("models.*.prices.cached_input", "Of the prompt, from the provider's cache; as `input` if absent."),
    key("models.*.prices.output", "Of the answer, reasoning included."),
    key("models.*.region", "Where it handles data, in a word of yours."),
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
