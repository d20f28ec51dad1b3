//! `tidegate config fmt`: one spelling for each key and one order of keys, with every comment where it was.
//!
//! Keys are ordered within a block, which ends at an empty line: blocks are how people say what belongs together. Tables stay in
//! the order in which they stand, since that is how people read a file. What older files say under another name or in another
//! place is written as today's.
//!
//! One older form stays: `rate_limiting`. It is no other spelling of `limits.rate` but a shorthand in other numbers: the refill of a bucket in
//! requests a second where `limits.rate` has a period in seconds, a thousand requests where nothing is said, a bucket where `limits.rate` has a
//! sliding window, and `enabled = false`, which keeps numbers that do not count. Rewritten, a file would state numbers that nobody chose, some
//! of them rounded.

use toml_edit::{DocumentMut, InlineTable, Item, Key, TableLike, Value, value};

use super::{describe::rank, tree::canonical};

/// The tables below which somebody chose the names.
const NAMED: [&str; 9] =
    ["providers", "models", "pools", "task_groups", "wrappers", "tiers", "echelons", "headers", "keys"];

/// Why a file cannot be formatted.
#[derive(Debug, thiserror::Error)]
#[error("it is not valid TOML; `tidegate check` says where")]
pub struct FormatError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The file as it would be written today. Formatting it again changes nothing.
///
/// # Errors
/// [`FormatError`] if it does not parse.
pub fn format(text: &str) -> Result<String, FormatError> {
    let (head, body) = text.split_at(head_of(text));
    let mut document: DocumentMut = body.parse().map_err(|error| FormatError(Box::new(error)))?;
    visit(document.as_table_mut(), "");
    let formatted = format!("{head}{document}");
    let trimmed = formatted.trim_end();
    Ok(if trimmed.is_empty() { String::new() } else { format!("{trimmed}\n") })
}

/// How long the comment at the head of a file is: it belongs to the file, not to its first key.
fn head_of(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        match line.trim_start().chars().next() {
            None if end > 0 => return end + line.len(),
            None | Some('#') => end += line.len(),
            Some(_) => return 0,
        }
    }
    0
}

/// Formats a table that is known by `name`; nameless where somebody chose the name.
fn visit(table: &mut dyn TableLike, name: &str) {
    let is_named = NAMED.contains(&name);
    if !is_named {
        say_as_today(table, name);
        reorder(table, name);
    }
    for (key, item) in table.iter_mut() {
        let below = if is_named { "" } else { key.get() };
        match item {
            Item::Table(table) => visit(table, below),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| visit(table, below)),
            Item::Value(Value::InlineTable(table)) => visit_inline(table, below),
            Item::Value(Value::Array(items)) => {
                items.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|table| visit_inline(table, below));
            }
            Item::Value(_) | Item::None => {}
        }
    }
}

/// On one line there are no blocks, and white space is the formatter's.
fn visit_inline(table: &mut InlineTable, name: &str) {
    if table.to_string().contains('\n') {
        return;
    }
    visit(table, name);
    table.fmt();
}

/// Writes what older files say as today's.
fn say_as_today(table: &mut dyn TableLike, name: &str) {
    if let Some(kind) = table.get("rotation").or_else(|| table.get("rotation_strategy")).and_then(only_word) {
        replace(table, &["rotation", "rotation_strategy"], ("rotation", value(kind)));
    }
    if name == "instances" && !table.contains_key("id") {
        rename(table, "name", "id");
    }
    if name == "storage" && !table.contains_key("path") {
        let url = table.get("url").and_then(Item::as_str);
        let path = url.and_then(|url| url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")));
        if let Some(path) = path.filter(|path| !path.is_empty() && !path.contains('?')).map(ToOwned::to_owned) {
            replace(table, &["url"], ("path", value(path)));
        }
    }
    if table.get("strategy").and_then(Item::as_str) == Some("echelon_down") {
        replace(table, &["strategy"], ("strategy", value("tier_down")));
    }
    if let Some(strategy) = table.get("fallback_strategy").and_then(Item::as_str).map(ToOwned::to_owned) {
        let strategy = if strategy == "echelon_down" { "tier_down".to_owned() } else { strategy };
        let has_older = table.contains_key("fallback_config");
        match table.get_mut("fallback").map(Item::as_table_like_mut) {
            None if !has_older => {
                let fallback = InlineTable::from_iter([("strategy", strategy)]);
                replace(table, &["fallback_strategy"], ("fallback", value(fallback)));
            }
            Some(Some(fallback)) if !fallback.contains_key("strategy") => {
                fallback.insert("strategy", value(strategy));
                table.remove("fallback_strategy");
            }
            _ => {}
        }
    }
}

/// The word of `{ type = "..." }` or `{ strategy = "..." }`.
fn only_word(item: &Item) -> Option<String> {
    let inner = item.as_inline_table().filter(|inner| inner.len() == 1)?;
    Some(inner.get("type").or_else(|| inner.get("strategy"))?.as_str()?.to_owned())
}

fn rename(table: &mut dyn TableLike, from: &str, to: &str) {
    if let Some(item) = table.get(from).cloned() {
        replace(table, &[from], (to, item));
    }
}

/// Puts an entry in the place of the first of these, with its comments.
fn replace(table: &mut dyn TableLike, old: &[&str], (name, mut item): (&str, Item)) {
    let mut entries = take(table);
    if let Some((key, before)) = entries.iter_mut().find(|(key, _)| old.contains(&key.get())) {
        if let (Some(new), Some(old)) = (item.as_value_mut(), before.as_value()) {
            *new.decor_mut() = old.decor().clone();
        }
        *key = renamed(key, name);
        *before = item;
    }
    put(table, entries);
}

fn renamed(key: &Key, name: &str) -> Key {
    Key::new(name).with_leaf_decor(key.leaf_decor().clone()).with_dotted_decor(key.dotted_decor().clone())
}

/// Spells every key as today, and orders those of each block.
fn reorder(table: &mut dyn TableLike, name: &str) {
    let mut blocks: Vec<Vec<(Key, Item)>> = Vec::new();
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    let is_only = |today: &str| names.iter().filter(|name| canonical(name) == today).count() == 1;
    for (key, item) in take(table) {
        let today = canonical(key.get());
        // Two spellings of one key are for the check to report.
        let key = if is_only(today) { renamed(&key, today) } else { key };
        match blocks.last_mut().filter(|_| separator(&key).is_empty()) {
            Some(block) => block.push((key, item)),
            None => blocks.push(vec![(key, item)]),
        }
    }
    for block in &mut blocks {
        sort(block, name);
    }
    put(table, blocks.into_iter().flatten().collect());
}

fn sort(block: &mut [(Key, Item)], name: &str) {
    let Some((first, _)) = block.first_mut() else { return };
    let between = separator(first);
    set_prefix(first, &prefix(first)[between.len()..]);
    block.sort_by_key(|(key, _)| rank(name, key.get()));
    if let Some((first, _)) = block.first_mut() {
        let prefix = format!("{between}{}", prefix(first));
        set_prefix(first, &prefix);
    }
}

/// What stands above a key.
fn prefix(key: &Key) -> String {
    key.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned()
}

fn set_prefix(key: &mut Key, prefix: &str) {
    key.leaf_decor_mut().set_prefix(prefix);
}

/// What stands above a key, up to the last empty line; empty if there is none.
fn separator(key: &Key) -> String {
    let prefix = prefix(key);
    let mut end = 0;
    let mut at = 0;
    for line in prefix.split_inclusive('\n') {
        at += line.len();
        if line.ends_with('\n') && line.trim().is_empty() {
            end = at;
        }
    }
    prefix[..end].to_owned()
}

fn take(table: &mut dyn TableLike) -> Vec<(Key, Item)> {
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    let taken = names.iter().filter_map(|name| {
        let key = table.get_key_value(name)?.0.clone();
        Some((key, table.remove(name)?))
    });
    taken.collect()
}

fn put(table: &mut dyn TableLike, entries: Vec<(Key, Item)>) {
    for (key, item) in entries {
        table.entry_format(&key).or_insert(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let formatted = format(text).unwrap();
        assert_eq!(formatted, expected);
        assert_eq!(format(&formatted).unwrap(), expected, "not idempotent");
    }

    #[test]
    fn older_spellings_are_written_as_today_with_their_comments() {
        check(
            "[task_groups.chat]\n# down, always down\nfallback_strategy = \"echelon_down\" # so\n\n[task_groups.chat.echelons.echelons]\nmodels = [\"a:b\"]\n",
            "[task_groups.chat]\n# down, always down\nfallback = { strategy = \"tier_down\" } # so\n\n[task_groups.chat.tiers.echelons]\nmodels = [\"a:b\"]\n",
        );
        check("[pools.p]\nrotation = { strategy = \"random\" }\n", "[pools.p]\nrotation = \"random\"\n");
        check(
            "[storage]\nurl = \"sqlite:x.db\"\nbackend = \"sqlite\"",
            "[storage]\nbackend = \"sqlite\"\npath = \"x.db\"\n",
        );
    }

    #[test]
    fn a_name_is_nobodys_to_change() {
        let named = "[pools.echelons]\ntask_groups = [\"reset_timeout\"]\n[providers.group_name.headers]\nreset_timeout = \"x\"\n";
        check(named, named);
    }

    #[test]
    fn keys_are_ordered_within_their_block_and_take_their_comments_along() {
        check(
            "# About this file.\n\n[server]\n# second\nadmin_listen = \"b:1\" # why\nlisten = \"a:1\"\n\n# apart\ndrain_timeout = 1\nbody_timeout = 2\n",
            "# About this file.\n\n[server]\nlisten = \"a:1\"\n# second\nadmin_listen = \"b:1\" # why\n\nbody_timeout = 2\n# apart\ndrain_timeout = 1\n",
        );
    }

    #[test]
    fn what_stands_on_one_line_stays_on_it() {
        check(
            "[pools.p]\ninstances = [{weight = 2,name=\"a\",   model = \"x:y\"}]\n",
            "[pools.p]\ninstances = [{ id = \"a\", model = \"x:y\", weight = 2 }]\n",
        );
    }

    #[test]
    fn the_shorthand_of_a_rate_is_left_to_whoever_wrote_it() {
        let shorthand = "[pools.p.rate_limiting]\nalgorithm = \"token_bucket\"\nbucket_size = 7\nrefill_rate = 3\n";
        check(shorthand, shorthand);
    }

    #[test]
    fn two_spellings_of_one_key_are_left_for_the_check_to_report() {
        let both = "[pools.p.circuit_breaker]\nrecovery_time = 2\nreset_timeout = 1\n";
        check(both, both);
    }

    #[test]
    fn a_comment_alone_and_nothing_at_all_stay_what_they_are() {
        check("# only this", "# only this\n");
        check("", "");
        assert!(format("a = ").is_err());
    }
}
