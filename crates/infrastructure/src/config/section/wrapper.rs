//! `[wrappers.X]`.

use tidegate_domain::{
    name::{GroupName, PoolName, Target, TierName, WrapperName},
    wrapper::Wrapper,
};

use super::{Context, Mentions, name, split_model};
use crate::config::{fields::Fields, kind::Kind, word::Word};

#[derive(Clone, Copy)]
enum Meant {
    Pool,
    Group,
    Model,
}

/// Reads a wrapper.
pub(in crate::config) fn read(
    word: &Word,
    fields: &mut Fields<'_>,
    context: &Context,
    mentions: &mut Mentions,
) -> Option<Wrapper> {
    let name = name(fields, word, WrapperName::new);
    fields.text("description");
    let meant = fields.choice("type", &["pool", "task_group", "direct"], |name| match name {
        "pool" => Some(Meant::Pool),
        "task_group" => Some(Meant::Group),
        "direct" => Some(Meant::Model),
        _ => None,
    });
    fields.require("type", "write type = \"pool\", \"task_group\" or \"direct\"");
    let Some(meant) = meant else {
        fields.pass_over(&["pool", "task_group", "tier", "provider", "model"]);
        return None;
    };
    let target = match meant {
        Meant::Pool => pool(fields, mentions),
        Meant::Group => group(fields, mentions),
        Meant::Model => split_model(fields, context, mentions).map(Target::Direct),
    };
    Wrapper::new(name?, target?).ok()
}

fn pool(fields: &mut Fields<'_>, mentions: &mut Mentions) -> Option<Target> {
    let word = fields.word("pool");
    fields.require("pool", "write pool = \"NAME\"");
    let word = word?;
    let pool = name(fields, &word, PoolName::new)?;
    mentions.add(Kind::Pool, &word.text, &word);
    Some(Target::Pool(pool))
}

/// `task_group` may itself say `group.tier`.
fn group(fields: &mut Fields<'_>, mentions: &mut Mentions) -> Option<Target> {
    let word = fields.word("task_group");
    fields.require("task_group", "write task_group = \"NAME\"");
    let tier = fields.word("tier");
    let word = word?;
    let (group, own_tier) = word.text.split_once('.').map_or((&*word.text, None), |(group, tier)| (group, Some(tier)));
    if own_tier.is_some() && tier.is_some() {
        fields.error("tier", "is given twice: 'task_group' names a tier already", "remove one of them");
        return None;
    }
    let tier_word = tier.as_ref().unwrap_or(&word);
    let tier = own_tier.or(tier.as_ref().map(|tier| &*tier.text));
    mentions.add_group(group, tier, tier_word);
    let group = name(fields, &word.part(group), GroupName::new)?;
    let tier = match tier {
        Some(tier) => Some(name(fields, &tier_word.part(tier), TierName::new)?),
        None => None,
    };
    Some(Target::Group { group, tier })
}
