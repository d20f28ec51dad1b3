//! What `tidegate config show` prints.

use serde::Serialize;

use super::{super::Colour, ShowArgs};

/// The value of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownValue {
    /// The key, as a dotted path.
    pub key: String,
    /// The value as a file would say it; a secret is masked.
    pub value: String,
    /// Where it is from.
    pub origin: ShownOrigin,
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ShownOrigin {
    /// A file says it.
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The variables and secret files that it was filled in from.
        #[serde(skip_serializing_if = "Option::is_none")]
        variables: Option<String>,
    },
    /// Another key says it.
    Key {
        /// That key.
        key: String,
    },
    /// Nobody says it.
    Default,
}

impl ShownOrigin {
    /// The origin in few words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::File { file, line, variables: Some(variables), .. } => format!("{file}:{line} from {variables}"),
            Self::File { file, line, variables: None, .. } => format!("{file}:{line}"),
            Self::Key { key } => format!("as {key}"),
            Self::Default => "default".to_owned(),
        }
    }
}

/// Renders the values that were asked for; ends with a line break if there are any.
pub fn render_values(values: &[ShownValue], arguments: &ShowArgs, colour: Colour) -> String {
    let is_wanted = |value: &&ShownValue| {
        let is_named = arguments.keys.is_empty() || arguments.keys.iter().any(|key| is_at_or_below(&value.key, key));
        is_named && !(arguments.written && value.origin == ShownOrigin::Default)
    };
    let wanted: Vec<&ShownValue> = values.iter().filter(is_wanted).collect();
    if arguments.json {
        // Strings and numbers and nothing else: it cannot fail to serialise.
        return serde_json::to_string_pretty(&wanted).unwrap_or_default() + "\n";
    }
    let line = |value: &&ShownValue| format!("{} = {}", value.key, value.value);
    let width = wanted.iter().map(|value| line(value).chars().count()).max().unwrap_or_default().min(72);
    let render = |value: &&ShownValue| {
        let line = line(value);
        if !arguments.origin {
            return format!("{line}\n");
        }
        format!("{line:width$}  {}\n", colour.dim(&format!("# {}", value.origin.words())))
    };
    wanted.iter().map(render).collect()
}

/// Whether `key` is `wanted`, or something below it.
pub fn is_at_or_below(key: &str, wanted: &str) -> bool {
    key.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ConfigArgs;

    fn values() -> Vec<ShownValue> {
        let file = |line, variables: Option<&str>| ShownOrigin::File {
            file: "config/tidegate.toml".to_owned(),
            line,
            column: 1,
            variables: variables.map(ToOwned::to_owned),
        };
        let value =
            |key: &str, value: &str, origin| ShownValue { key: key.to_owned(), value: value.to_owned(), origin };
        vec![
            value("pools.fast.deadlines.total", "600", ShownOrigin::Key { key: "defaults.deadlines.total".to_owned() }),
            value("pools.fast.rotation", "\"random\"", file(7, None)),
            value("pools.faster.rotation", "\"round_robin\"", ShownOrigin::Default),
            value("providers.real.api_key", "\"***\"", file(3, Some("${KEY}"))),
        ]
    }

    fn arguments(keys: &[&str]) -> ShowArgs {
        ShowArgs {
            config: ConfigArgs { config: "config".into(), env: None },
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            origin: false,
            written: false,
            json: false,
        }
    }

    #[test]
    fn each_value_stands_beside_its_origin() {
        let arguments = ShowArgs { origin: true, ..arguments(&[]) };
        insta::assert_snapshot!(render_values(&values(), &arguments, Colour::Never), @r#"
        pools.fast.deadlines.total = 600       # as defaults.deadlines.total
        pools.fast.rotation = "random"         # config/tidegate.toml:7
        pools.faster.rotation = "round_robin"  # default
        providers.real.api_key = "***"         # config/tidegate.toml:3 from ${KEY}
        "#);
    }

    #[test]
    fn a_key_selects_what_is_below_it_and_not_its_namesakes() {
        let shown = render_values(&values(), &arguments(&["pools.fast"]), Colour::Never);
        assert_eq!(shown, "pools.fast.deadlines.total = 600\npools.fast.rotation = \"random\"\n");
    }

    #[test]
    fn defaults_can_be_left_out() {
        let arguments = ShowArgs { written: true, ..arguments(&["pools"]) };
        assert!(!render_values(&values(), &arguments, Colour::Never).contains("faster"));
    }

    #[test]
    fn programs_get_the_place_in_parts() {
        let arguments = ShowArgs { json: true, ..arguments(&["providers"]) };
        insta::assert_snapshot!(render_values(&values(), &arguments, Colour::Never), @r#"
        [
          {
            "key": "providers.real.api_key",
            "value": "\"***\"",
            "origin": {
              "kind": "file",
              "file": "config/tidegate.toml",
              "line": 3,
              "column": 1,
              "variables": "${KEY}"
            }
          }
        ]
        "#);
    }
}
