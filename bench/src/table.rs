//! What was measured, as tables in Markdown.

/// What was measured of one contestant, one value for each round.
#[derive(Debug)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Microseconds of a core for a whole answer.
    pub per_request: Vec<f64>,
    /// Microseconds of a core for a stream.
    pub per_stream: Vec<f64>,
    /// Milliseconds to the first piece, median.
    pub first: Vec<f64>,
    /// Milliseconds between two pieces, 99th percentile.
    pub gap: Vec<f64>,
    /// Milliseconds to a whole answer at 500 requests a second, median.
    pub latency: Vec<f64>,
    /// MiB resident before the first request.
    pub idle: Option<f64>,
    /// The most MiB that were ever resident.
    pub loaded: Option<f64>,
    /// MiB resident a while after the last request.
    pub recovered: Option<f64>,
}

impl Row {
    /// A row without measurements.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            per_request: Vec::new(),
            per_stream: Vec::new(),
            first: Vec::new(),
            gap: Vec::new(),
            latency: Vec::new(),
            idle: None,
            loaded: None,
            recovered: None,
        }
    }
}

/// What the name of a translated row ends with.
pub const TRANSLATED: &str = ", translated";

/// The median of some values; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// The median of the ratios of two rows, round by round: what both met in a round cancels out.
pub fn ratio(own: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<_> = own.iter().zip(other).map(|(own, other)| own / other).collect();
    median(&ratios)
}

/// Prints the tables, with ratios to the row `base`.
pub fn print(rows: &[Row], base: &str) {
    let Some(base) = rows.iter().find(|row| row.name == base) else { return };
    let direct = rows.iter().find(|row| row.name == "direct");
    let added =
        |own: &[f64], of: fn(&Row) -> &[f64]| direct.map_or(f64::NAN, |direct| median(own) - median(of(direct)));
    println!(
        "| | CPU us per request | x {0} | CPU us per stream | x {0} | added p50, ms | added first piece, ms | gap p99, ms | MiB idle | loaded | recovered |",
        base.name
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            shown(median(&row.per_request), 1),
            shown(ratio(&row.per_request, &base.per_request), 2),
            shown(median(&row.per_stream), 0),
            shown(ratio(&row.per_stream, &base.per_stream), 2),
            shown(added(&row.latency, |row| &row.latency), 3),
            shown(added(&row.first, |row| &row.first), 3),
            shown(median(&row.gap), 1),
            shown(row.idle.unwrap_or(f64::NAN), 1),
            shown(row.loaded.unwrap_or(f64::NAN), 1),
            shown(row.recovered.unwrap_or(f64::NAN), 1),
        );
    }
    for translated in rows.iter().filter(|row| row.name.ends_with(TRANSLATED)) {
        let Some(plain) = rows.iter().find(|row| translated.name.strip_suffix(TRANSLATED) == Some(&row.name)) else {
            continue;
        };
        println!(
            "\n{}: {} times {} per request, {} per stream",
            translated.name,
            shown(ratio(&translated.per_request, &plain.per_request), 2),
            plain.name,
            shown(ratio(&translated.per_stream, &plain.per_stream), 2)
        );
    }
}

pub fn shown(value: f64, digits: usize) -> String {
    if value.is_nan() { String::new() } else { format!("{value:.digits$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        assert!((ratio(&[2.0, 20.0, 3.0], &[1.0, 10.0, 1.0]) - 2.0).abs() < 1e-9);
        assert!(median(&[]).is_nan());
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
    }
}
