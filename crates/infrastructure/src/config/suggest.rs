//! Names that were probably meant.

/// The known names closest to `wanted`, nearest first, at most three; none if nothing is similar.
pub(super) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted_lower: String = wanted.to_lowercase().chars().take(64).collect();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted_lower, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, name)| *name);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// "did you mean 'x'?", or else the whole choice, or nothing if there is none.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = nearest(wanted, known.clone());
    if !near.is_empty() {
        return format!("did you mean {}?", quoted(near, " or "));
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => String::new(),
        1..=12 => format!("known here: {}", quoted(all, ", ")),
        more => format!("known here: {} and {} more", quoted(all[..12].to_vec(), ", "), more - 12),
    }
}

fn quoted(names: Vec<&str>, separator: &str) -> String {
    names.into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_key_that_was_meant() {
        assert_eq!(did_you_mean("weigth", ["weight", "model", "id"]), "did you mean 'weight'?");
    }

    #[test]
    fn without_anything_similar_the_choice_is_listed() {
        assert_eq!(did_you_mean("zzz", ["weight", "id"]), "known here: 'id', 'weight'");
        assert_eq!(did_you_mean("zzz", []), "");
    }
}
