//! Rate limiting in its two forms: nested, and the flat one of the first version, which its own code ignored.

use super::{
    Conversion,
    note::{NoteKind, Place},
    yaml::{Map, Node, Value},
};

/// Which table each flat key belongs to.
const FLAT: [(&str, &str); 4] = [
    ("bucket_size", "token_bucket"),
    ("refill_rate", "token_bucket"),
    ("window_size", "sliding_window"),
    ("max_requests", "sliding_window"),
];

/// The nested form of `map`.
pub(super) fn nested(mut map: Map, place: &Place, conversion: &mut Conversion) -> Map {
    let mut is_lifted = false;
    for (key, table) in FLAT {
        let Some(node) = map.take(key) else { continue };
        is_lifted = true;
        if map.get(table).is_none() {
            map.entries.push((table.to_owned(), Node { value: Value::Map(Map::default()), line: node.line }));
        }
        let below = map.entries.iter_mut().find(|(name, _)| name == table);
        if let Some((_, Node { value: Value::Map(below), .. })) = below
            && below.get(key).is_none()
        {
            below.entries.push((key.to_owned(), node));
        }
    }
    if is_lifted {
        let message = "its flat keys stand in token_bucket and sliding_window now; the old code ignored them";
        conversion.notes.add(NoteKind::Converted, place, message);
    }
    map
}
