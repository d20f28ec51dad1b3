//! `[models.X]`: a short name for one model, and what is known of that model.

use tidegate_domain::name::ModelRef;

use super::{Context, Mentions, card, split_model};
use crate::config::{fields::Fields, word::Word};

/// Reads an alias; what it says of its model goes to the context.
pub(in crate::config) fn read(
    name: &Word,
    fields: &mut Fields<'_>,
    context: &mut Context,
    mentions: &mut Mentions,
) -> Option<ModelRef> {
    let is_usable = |character: char| !character.is_whitespace() && !character.is_control() && character != ':';
    if name.text.is_empty() || name.text.len() > 256 || !name.text.chars().all(is_usable) {
        let message = format!("{} cannot name a model alias", name.quoted());
        fields.findings.error(&name.place, message, "use 1 to 256 bytes without white space and without ':'");
    }
    fields.text("description");
    let card = card::read(fields);
    let model = split_model(fields, context, mentions)?;
    if let Some(card) = card
        && context.cards.insert(model.clone(), card).is_some()
    {
        let message = "another entry says already what is known of this model";
        fields.findings.error(&fields.here(), message, "say it in one of them; the other needs the model alone");
    }
    Some(model)
}
