//! Series in the text format of Prometheus.
//!
//! Source: the [text-based format](https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4.

use std::fmt::{self, Display, Write};

/// What a series is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text of series that are written one after the other. A family that has no series leaves nothing behind.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A family of series: its name, its help and its kind.
pub(super) type Family = (&'static str, &'static str, Kind);

impl Text {
    /// Writes a family; `write` writes its series.
    pub(super) fn family(&mut self, (name, help, kind): Family, write: impl FnOnce(&mut Series<'_>)) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let start = self.0.len();
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        let begun = self.0.len();
        write(&mut Series { text: self, name });
        if self.0.len() == begun {
            self.0.truncate(start);
        } else {
            self.0.push('\n');
        }
    }

    /// A family of one series without labels.
    pub(super) fn single(&mut self, family: Family, value: impl Display) {
        self.family(family, |series| series.add("", &[], value));
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A string takes whatever is written to it.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The series of one family.
pub(super) struct Series<'a> {
    text: &'a mut Text,
    name: &'static str,
}

impl Series<'_> {
    /// Writes one, its name with `suffix`.
    pub(super) fn add(&mut self, suffix: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        let name = self.name;
        self.text.line(format_args!("{name}{suffix}{} {value}", Labels(labels)));
    }
}

/// Labels in their braces; nothing if there are none.
struct Labels<'a>(&'a [(&'a str, &'a dyn Display)]);

impl Display for Labels<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let separator = if at == 0 { '{' } else { ',' };
            write!(formatter, "{separator}{name}=\"")?;
            write!(Escaping(formatter), "{value}")?;
            formatter.write_char('"')?;
        }
        if self.0.is_empty() { Ok(()) } else { formatter.write_char('}') }
    }
}

/// Writes the value of a label, so that it cannot break out of its quotes.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '\\' => self.0.write_str("\\\\"),
            '"' => self.0.write_str("\\\""),
            '\n' => self.0.write_str("\\n"),
            other => self.0.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_written_with_its_series_or_not_at_all() {
        let mut text = Text::default();
        text.family(("empty", "nothing", Kind::Counter), |_| {});
        text.family(("some", "help", Kind::Gauge), |series| {
            series.add("", &[("a", &1), ("b", &"x")], 2);
            series.add("_sum", &[], 0.5);
        });
        assert_eq!(
            text.into_string(),
            "# HELP some help\n# TYPE some gauge\nsome{a=\"1\",b=\"x\"} 2\nsome_sum 0.5\n\n"
        );
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(Labels(&[("l", &"a\"b\\c\nd")]).to_string(), r#"{l="a\"b\\c\nd"}"#);
    }
}
