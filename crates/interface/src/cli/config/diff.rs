//! What `tidegate config diff` prints: keys whose meaning differs, wherever they stand and however they are spelled.

use serde::Serialize;

use super::{super::Colour, ShownValue};

/// A key that means something else in the other configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    /// The key, as a dotted path.
    pub key: String,
    /// The value in the one configuration; absent if it has no such key.
    pub before: Option<ShownValue>,
    /// The value in the other one.
    pub after: Option<ShownValue>,
}

/// Which keys differ. Both lists are sorted by key; `is_same` compares what the masks hide.
pub fn changes<T>(
    before: &[T],
    after: &[T],
    shown: impl Fn(&T) -> ShownValue,
    is_same: impl Fn(&T, &T) -> bool,
) -> Vec<ValueChange> {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    let mut changes = Vec::new();
    loop {
        let (left, right) = (old.peek().map(|value| shown(value)), new.peek().map(|value| shown(value)));
        let order = match (&left, &right) {
            (None, None) => return changes,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.key.cmp(&right.key),
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        if !matches!((a, b), (Some(a), Some(b)) if is_same(a, b)) {
            let (before, after) = (left.filter(|_| order.is_le()), right.filter(|_| order.is_ge()));
            let key = before.as_ref().or(after.as_ref()).map(|value| value.key.clone()).unwrap_or_default();
            changes.push(ValueChange { key, before, after });
        }
    }
}

/// Renders changes; nothing if there are none.
pub fn render_changes(changes: &[ValueChange], colour: Colour) -> String {
    changes.iter().map(|change| line(change, colour)).collect()
}

fn line(ValueChange { key, before, after }: &ValueChange, colour: Colour) -> String {
    let said = |value: &ShownValue| format!("{} ({})", value.value, value.origin.words());
    match (before, after) {
        (Some(before), Some(after)) => colour.yellow(&format!("~ {key}: {} -> {}", said(before), said(after))) + "\n",
        (Some(before), None) => colour.red(&format!("- {key} = {}", said(before))) + "\n",
        (None, Some(after)) => colour.green(&format!("+ {key} = {}", said(after))) + "\n",
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ShownOrigin;

    type Row = (&'static str, &'static str);

    fn render(before: &[Row], after: &[Row]) -> String {
        let shown = |(key, value): &Row| ShownValue {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            origin: ShownOrigin::Default,
        };
        render_changes(&changes(before, after, shown, |a, b| a.1 == b.1), Colour::Never)
    }

    #[test]
    fn what_came_what_went_and_what_differs_each_have_a_sign() {
        insta::assert_snapshot!(render(&[("a", "1"), ("b", "2"), ("d", "4")], &[("b", "3"), ("c", "1"), ("d", "4")]), @r"
        - a = 1 (default)
        ~ b: 2 (default) -> 3 (default)
        + c = 1 (default)
        ");
    }

    #[test]
    fn what_means_the_same_is_no_change() {
        assert_eq!(render(&[("a", "1")], &[("a", "1")]), "");
        assert_eq!(render(&[], &[]), "");
    }
}
