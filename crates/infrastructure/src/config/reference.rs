//! The reference of all keys, as a page of the book.

use std::fmt::Write;

use super::{
    describe::DefaultValue,
    journal::Form,
    keys::{Condition, Key, last, parent},
};

const HEAD: &str = "# Configuration reference

Every key that the files may hold. This page is generated from the loader itself: `just reference` writes it anew, together with the JSON Schema in
`config/tidegate.schema.json`, and a test fails if either is out of date.

In headings, NAME stands for a name that you choose, and double brackets for an item of a list. Durations are seconds unless a key says `_ms`. Every value may be
written as a variable, `\"${NAME}\"` or `\"${NAME:default}\"`, numbers, flags and lists included. A key that is not listed here is an error.
";

/// The reference of these keys, in Markdown.
pub fn reference(keys: &[Key]) -> String {
    let mut page = HEAD.to_owned();
    let is_table = |key: &&Key| key.forms.iter().any(|form| matches!(form, Form::Table | Form::Tables | Form::Entries));
    section(&mut page, "At the top of a file", "", (keys, ""));
    for table in keys.iter().filter(is_table) {
        let path = below(table);
        section(&mut page, &format!("`{}`", heading(table)), table.meaning, (keys, &path));
    }
    page
}

/// The path that the keys of a table have in common.
fn below(table: &Key) -> String {
    if table.forms.contains(&Form::Tables) {
        format!("{}[]", table.path)
    } else if table.forms.contains(&Form::Entries) {
        format!("{}.*", table.path)
    } else {
        table.path.clone()
    }
}

fn heading(table: &Key) -> String {
    let path = below(table).replace("[]", "").replace('*', "NAME");
    if table.forms.contains(&Form::Tables) { format!("[[{path}]]") } else { format!("[{path}]") }
}

fn section(page: &mut String, heading: &str, meaning: &str, (keys, path): (&[Key], &str)) {
    let is_plain = |form: &Form| !matches!(form, Form::Table | Form::Tables | Form::Entries);
    let own = keys.iter().filter(|key| parent(&key.path) == path && key.forms.iter().any(is_plain));
    let rows: Vec<String> = own.map(row).collect();
    if rows.is_empty() {
        return;
    }
    let meaning = if meaning.is_empty() { String::new() } else { format!("{meaning}\n\n") };
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {heading}\n\n{meaning}| key | takes | default | meaning |\n|---|---|---|---|\n");
    page.extend(rows);
}

fn row(key: &Key) -> String {
    let default = match key.default {
        DefaultValue::Absent if key.is_required => "**required**".to_owned(),
        DefaultValue::Absent => String::new(),
        DefaultValue::Is(value) | DefaultValue::Within(value) => format!("`{value}`"),
        DefaultValue::Of(other) => format!("that of `{other}`"),
    };
    let older = key.older.iter().map(|older| format!(" Formerly `{older}`."));
    let conditions = key.conditions.iter().map(|condition| format!(" {}", only_with(condition)));
    let notes: Vec<String> = conditions.chain(older).collect();
    let meaning = format!("{}{}", key.meaning, notes.concat());
    format!("| `{}` | {} | {default} | {meaning} |\n", last(&key.path), takes(key))
}

fn only_with(Condition { key, words }: &Condition) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
    format!("Only where `{key}` is {}.", words.join(" or "))
}

fn takes(key: &Key) -> String {
    let forms: Vec<String> = key.forms.iter().filter_map(form).collect();
    let bounds = match (&key.bounds.min, &key.bounds.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) => String::new(),
    };
    format!("{}{bounds}", forms.join(" or "))
}

fn form(form: &Form) -> Option<String> {
    Some(match form {
        Form::Text => "text".to_owned(),
        Form::Secret => "secret text".to_owned(),
        Form::Integer => "whole number".to_owned(),
        Form::Number => "number".to_owned(),
        Form::Flag => "`true`, `false`".to_owned(),
        Form::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Form::IntegerOrText => "whole number or text".to_owned(),
        Form::Texts => "list of texts".to_owned(),
        Form::Secrets => "secret texts by name".to_owned(),
        Form::Table | Form::Tables | Form::Entries => return None,
    })
}
