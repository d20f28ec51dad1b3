//! Rate limiting in its two forms: nested, and the flat one of the first version, which its own code ignored.

use super::{
    Conversion,
    body::Body,
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

/// The rate of the whole gateway, nested, as `[limits.rate]` says it; `None` if a number is missing, out of range or a variable.
pub(super) fn of_gateway(map: &Map, place: &Place, conversion: &mut Conversion) -> Option<Body> {
    let algorithm = map.get("algorithm").map_or_else(|| "token_bucket".to_owned(), |node| node.value.as_text());
    let Value::Map(table) = &map.get(&algorithm)?.value else { return None };
    let number = |key: &str| table.get(key).and_then(|node| node.value.as_text().parse::<f64>().ok());
    let (requests, period) = match algorithm.as_str() {
        "token_bucket" => {
            let bucket = number("bucket_size")?;
            (bucket, bucket / number("refill_rate")?)
        }
        "sliding_window" | "fixed_window" => (number("max_requests")?, number("window_size")?),
        _ => return None,
    };
    let is_usable = (1.0..=1e9).contains(&requests) && (0.001..=86_400.0).contains(&period);
    if !is_usable || requests.fract() != 0.0 {
        return None;
    }
    let period = (period * 1000.0).round() / 1000.0;
    let message = format!("it is [limits.rate] now: {requests} requests in {period} seconds, for the whole gateway");
    conversion.notes.add(NoteKind::Converted, place, message);
    for (other, node) in &map.entries {
        if matches!(node.value, Value::Map(_)) && *other != algorithm {
            let message = format!("the algorithm is {algorithm}");
            conversion.notes.add(NoteKind::NotCarriedOver, &place.below(other, node.line), message);
        }
    }
    let mut rate = Body::default();
    rate.key("algorithm", algorithm);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number up to a thousand million")]
    rate.key("requests", requests as i64);
    rate.key("period", period);
    Some(rate)
}
