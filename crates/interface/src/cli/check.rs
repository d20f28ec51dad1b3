//! What `tidegate check` prints.

use clap::ValueEnum;
use tidegate_application::domain::config::{Report, Severity};

use super::Colour;
use crate::problem::problems;

/// How a report is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON array of problems, for editors and CI.
    Json,
}

/// Renders every problem of a configuration; ends with a line break.
pub fn render_report(report: &Report, format: ReportFormat, colour: Colour) -> String {
    match format {
        ReportFormat::Text => text(report, colour),
        ReportFormat::Json => json(report),
    }
}

fn text(report: &Report, colour: Colour) -> String {
    let problems: String = report
        .problems()
        .iter()
        .map(|problem| match problem.severity {
            Severity::Error => format!("{}: {problem}\n\n", colour.red("error")),
            Severity::Warning => format!("{}: {problem}\n\n", colour.yellow("warning")),
        })
        .collect();
    let errors = report.errors();
    let warnings = report.problems().len() - errors;
    let verdict = match (errors, warnings) {
        (0, 0) => colour.green("the configuration is valid"),
        (0, _) => format!("{}, with {}", colour.green("the configuration is valid"), counted(warnings, "warning")),
        (_, 0) => counted(errors, "error"),
        (_, _) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    format!("{problems}{verdict}\n")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn json(report: &Report) -> String {
    // Strings and numbers and nothing else: it cannot fail to serialise.
    let mut rendered = serde_json::to_string_pretty(&problems(report)).unwrap_or_default();
    rendered.push('\n');
    rendered
}

#[cfg(test)]
mod tests {
    use tidegate_application::domain::config::Problem;

    use super::*;

    fn report() -> Report {
        let mut weight = Problem::error("pools.fast.weight", "must be at least 0").help("remove it, or write 1");
        weight.file = Some("pools/fast.toml".into());
        weight.position = Some((3, 10));
        weight.line = Some("weight = -1".to_owned());
        let mut unused = Problem::error("models.old", "is not used");
        unused.severity = Severity::Warning;
        Report::new(vec![unused, weight])
    }

    #[test]
    fn people_see_every_problem_with_its_place_and_the_count() {
        insta::assert_snapshot!(render_report(&report(), ReportFormat::Text, Colour::Never), @r#"
        error: pools/fast.toml:3:10: pools.fast.weight: must be at least 0
         3 | weight = -1
           |          ^
         help: remove it, or write 1

        warning: models.old: is not used

        1 error, 1 warning
        "#);
    }

    #[test]
    fn programs_see_an_array_of_problems() {
        insta::assert_snapshot!(render_report(&report(), ReportFormat::Json, Colour::Never), @r#"
        [
          {
            "severity": "error",
            "file": "pools/fast.toml",
            "line": 3,
            "column": 10,
            "key": "pools.fast.weight",
            "message": "must be at least 0",
            "help": "remove it, or write 1"
          },
          {
            "severity": "warning",
            "file": null,
            "line": null,
            "column": null,
            "key": "models.old",
            "message": "is not used",
            "help": null
          }
        ]
        "#);
    }

    #[test]
    fn colour_marks_how_bad_a_problem_is() {
        let coloured = render_report(&report(), ReportFormat::Text, Colour::Always);
        assert!(coloured.starts_with("\u{1b}[31merror\u{1b}[0m: pools/fast.toml"), "{coloured}");
        assert!(coloured.contains("\n\u{1b}[33mwarning\u{1b}[0m: models.old"), "{coloured}");
    }

    #[test]
    fn a_report_without_problems_says_so() {
        assert_eq!(
            render_report(&Report::default(), ReportFormat::Text, Colour::Never),
            "the configuration is valid\n"
        );
        assert_eq!(render_report(&Report::default(), ReportFormat::Json, Colour::Never), "[]\n");
    }
}
