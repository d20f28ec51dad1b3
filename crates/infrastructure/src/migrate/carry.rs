//! One value from the source into the written file: as a key, as a comment, or not at all, as `keys` says.

use toml_edit::{Array, Value as TomlValue};

use super::{
    body::Body,
    keys::{Fate, Shape, rule},
    note::{NoteKind, Notes, Place},
    yaml::{Map, Node, Value},
};

/// Words that the name of a key with a secret ends in.
const SECRET_ENDINGS: [&str; 7] = ["api_key", "apikey", "secret", "password", "token", "authorization", "credentials"];

/// Where a value goes: the path of its rule, and the key to write.
#[derive(Clone, Copy)]
pub(super) struct Goal<'a> {
    pub(super) section: &'a str,
    pub(super) key: &'a str,
}

/// Writes `node` to `goal`, and notes what does not come across.
pub(super) fn carry(node: &Node, goal: Goal<'_>, place: &Place, (body, notes): (&mut Body, &mut Notes)) {
    let Goal { section, key } = goal;
    let (shape, fate) = rule(&format!("{section}.{key}"))
        .map_or((Shape::Any, Fate::Pending("there is no such key here")), |rule| (rule.shape, rule.fate));
    if is_secret(key) && !is_placeholder(&node.value) {
        body.remark(format!("{key} = (a secret: not copied)"));
        notes.add(NoteKind::NotCarriedOver, place, "a secret is not copied; set the variable of its provider instead");
        return;
    }
    let fit = fit(&node.value, shape);
    let why = match (fit, fate) {
        (Fit::Default, _) => {
            notes.add(NoteKind::Converted, place, "0 meant the default, and is left out");
            return;
        }
        (Fit::Value(value), Fate::Key) => return body.key(key, value),
        (Fit::Table(table), Fate::Key) => return body.table(key, table),
        (Fit::Value(value), Fate::Pending(why)) => {
            body.pending_key(key, &value);
            why.to_owned()
        }
        (Fit::Table(table), Fate::Pending(why)) => {
            body.pending_table(key, table);
            why.to_owned()
        }
        (Fit::Misfit { value, wanted }, _) => {
            if let Some(value) = value {
                body.pending_key(key, &value);
            }
            format!("it must be {wanted}")
        }
    };
    notes.add(NoteKind::NotCarriedOver, place, why);
}

/// Carries every key of `map` that is left.
pub(super) fn carry_rest(map: Map, section: &str, place: &Place, (body, notes): (&mut Body, &mut Notes)) {
    for (key, node) in map.entries {
        if node.value != Value::Null {
            carry(&node, Goal { section, key: &key }, &place.below(&key, node.line), (body, notes));
        }
    }
}

enum Fit {
    Value(TomlValue),
    Table(Body),
    /// The source's word for "the default".
    Default,
    Misfit {
        value: Option<TomlValue>,
        wanted: String,
    },
}

fn fit(value: &Value, shape: Shape) -> Fit {
    // A variable is filled in when the configuration is loaded, and converted then.
    if is_placeholder(value) {
        return Fit::Value(value.as_text().into());
    }
    let number = value.as_text().parse::<f64>().ok();
    let misfit = |wanted| Fit::Misfit { value: toml_value(value), wanted };
    match shape {
        Shape::Any => match value {
            Value::Map(map) => Fit::Table(table(map)),
            other => toml_value(other).map_or_else(|| misfit("a value".to_owned()), Fit::Value),
        },
        Shape::IntegerOrDefault(..) | Shape::SecondsOrDefault if number == Some(0.0) => Fit::Default,
        Shape::Integer(from, to) | Shape::IntegerOrDefault(from, to) => whole(value)
            .filter(|number| (from..=to).contains(number))
            .map_or_else(|| misfit(format!("a whole number from {from} to {to}")), |number| Fit::Value(number.into())),
        Shape::SecondsOrDefault => in_range(value, number, (0.001, 86400.0)),
        Shape::Number(from, to) => in_range(value, number, (from, to)),
    }
}

/// The number as the source spells it: 30 stays 30, and 1.0 stays 1.0.
fn in_range(value: &Value, number: Option<f64>, (from, to): (f64, f64)) -> Fit {
    match number.filter(|number| (from..=to).contains(number)) {
        Some(_) if matches!(value, Value::Integer(_)) => {
            whole(value).map_or(Fit::Default, |whole| Fit::Value(whole.into()))
        }
        Some(number) => Fit::Value(number.into()),
        None => Fit::Misfit { value: toml_value(value), wanted: format!("a number from {from} to {to}") },
    }
}

/// A whole number, also one that is written as `3.0` or in quotes.
fn whole(value: &Value) -> Option<i64> {
    let text = value.as_text();
    let trimmed = text.strip_suffix(".0").unwrap_or(&text);
    trimmed.parse().ok()
}

/// A mapping as a table; secrets are left out.
pub(super) fn table(map: &Map) -> Body {
    let mut body = Body::default();
    for (key, node) in &map.entries {
        if is_secret(key) && !is_placeholder(&node.value) {
            body.remark(format!("{key} = (a secret: not copied)"));
        } else if let Value::Map(map) = &node.value {
            body.table(key, table(map));
        } else if let Some(value) = toml_value(&node.value) {
            body.key(key, value);
        }
    }
    body
}

/// A scalar or a list; mappings in it become inline tables. `None` for what TOML has no word for.
fn toml_value(value: &Value) -> Option<TomlValue> {
    match value {
        Value::Null => None,
        Value::Flag(flag) => Some((*flag).into()),
        Value::Integer(number) => Some((*number).into()),
        Value::Number(number) => Some((*number).into()),
        Value::Text(text) => Some(text.as_str().into()),
        Value::List(items) => Some(items.iter().filter_map(|item| toml_value(&item.value)).collect::<Array>().into()),
        Value::Map(map) => {
            let shown = map.entries.iter().filter(|(key, _)| !is_secret(key));
            let pairs = shown.filter_map(|(key, node)| Some((key.as_str(), toml_value(&node.value)?)));
            Some(pairs.collect::<toml_edit::InlineTable>().into())
        }
    }
}

/// Whether a value is filled in when the configuration is loaded.
fn is_placeholder(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.contains("${"))
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, value: Value, written: &str, noted: Option<&str>) {
        let (mut body, mut notes) = (Body::default(), Notes::default());
        let node = Node { value, line: 1 };
        carry(&node, Goal { section: "tier", key }, &Place::default(), (&mut body, &mut notes));
        assert_eq!(body.render(&[]).trim_end(), written);
        let notes = notes.into_sorted();
        assert_eq!(notes.first().map(|note| note.message.as_str()), noted);
    }

    #[test]
    fn a_value_keeps_its_spelling() {
        check("timeout", Value::Integer(30), "timeout = 30", None);
        check("temperature", Value::Number(1.0), "temperature = 1.0", None);
        check("max_retries", Value::Text("2".into()), "max_retries = 2", None);
        check("timeout", Value::Text("${WAIT:30}".into()), "timeout = \"${WAIT:30}\"", None);
    }

    #[test]
    fn what_does_not_fit_stays_as_a_comment() {
        check("max_retries", Value::Integer(99), "# max_retries = 99", Some("it must be a whole number from 0 to 10"));
        check(
            "timeout",
            Value::Text("soon".into()),
            "# timeout = \"soon\"",
            Some("it must be a number from 0.001 to 86400"),
        );
        check("colour", Value::Text("red".into()), "# colour = \"red\"", Some("there is no such key here"));
    }

    #[test]
    fn a_zero_that_means_the_default_is_left_out() {
        check("timeout", Value::Integer(0), "", Some("0 meant the default, and is left out"));
    }

    #[test]
    fn a_text_of_several_lines_stays_within_its_comment() {
        let value = Value::Text("one\n[two]".into());
        let (mut body, mut notes) = (Body::default(), Notes::default());
        carry(&Node { value, line: 1 }, Goal { section: "tier", key: "x" }, &Place::default(), (&mut body, &mut notes));
        assert!(body.render(&[]).lines().all(|line| line.starts_with('#')));
    }

    #[test]
    fn a_secret_is_never_copied() {
        let secret = "a secret is not copied; set the variable of its provider instead";
        check("api_key", Value::Text("sk-1".into()), "# api_key = (a secret: not copied)", Some(secret));
        let nested = Map { entries: vec![("api_key".into(), Node { value: Value::Text("sk-2".into()), line: 1 })] };
        assert!(!table(&nested).render(&[]).contains("sk-2"));
    }
}
