//! `[models.X]`: a short name for one model.

use tidegate_domain::name::ModelRef;

use super::{Context, Mentions, split_model};
use crate::config::{fields::Fields, word::Word};

/// Reads an alias.
pub(in crate::config) fn read(
    name: &Word,
    fields: &mut Fields<'_>,
    context: &Context,
    mentions: &mut Mentions,
) -> Option<ModelRef> {
    let is_usable = |character: char| !character.is_whitespace() && !character.is_control() && character != ':';
    if name.text.is_empty() || name.text.len() > 256 || !name.text.chars().all(is_usable) {
        let message = format!("{} cannot name a model alias", name.quoted());
        fields.findings.error(&name.place, message, "use 1 to 256 bytes without white space and without ':'");
    }
    fields.text("description");
    let model = split_model(fields, context, mentions)?;
    Some(model)
}
