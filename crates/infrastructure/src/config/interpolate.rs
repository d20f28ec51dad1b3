//! `${NAME}` in texts: variables and secret files.
//!
//! | form | gives |
//! |---|---|
//! | `${NAME}` | the variable; an error if it is unset or empty |
//! | `${NAME:default}` | the variable, or the default (all after the first colon) if it is unset or empty |
//! | `${NAME:?message}` | the variable, or an error with this message |
//! | `${file:/path}` | the file's text without the line break at its end; a relative path starts at the file that names it |
//! | `$${` | a literal `${` |
//!
//! A default may itself hold such forms. A message names the variable, never its value.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    environment::{Environment, Variable},
    findings::{Findings, Place, join},
    source::Origin,
    suggest::nearest,
    tree::{Node, Value},
};

/// How deep defaults may hold further forms.
const MAX_DEPTH: usize = 8;

/// Expands texts, and remembers what they were expanded from.
pub(super) struct Interpolation<'f> {
    environment: &'f Environment,
    findings: &'f Findings,
    /// What was read, for the hash of the configuration.
    read: RefCell<BTreeMap<String, String>>,
}

/// What is wrong with a form, and what to do about it.
struct Refused {
    message: String,
    help: String,
}

impl<'f> Interpolation<'f> {
    pub(super) fn new(environment: &'f Environment, findings: &'f Findings) -> Self {
        Self { environment, findings, read: RefCell::default() }
    }

    /// Expands every text at or below `node`; what cannot be expanded is reported.
    pub(super) fn expand(&self, node: &mut Node, key: &str) {
        match &mut node.value {
            Value::Text(text) if text.contains("${") => self.expand_text(node, key),
            Value::Array(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.expand(item, &format!("{key}[{at}]"));
                }
            }
            Value::Table(table) => {
                for entry in &mut table.entries {
                    self.expand(&mut entry.node, &join(key, &entry.key));
                }
            }
            _ => {}
        }
    }

    /// Names and values of everything that texts were expanded from.
    pub(super) fn into_read(self) -> BTreeMap<String, String> {
        self.read.into_inner()
    }

    fn expand_text(&self, node: &mut Node, key: &str) {
        let Value::Text(text) = &node.value else { return };
        let mut expansion = Expansion { whole: self, origin: node.origin, named: Vec::new(), depth: 0 };
        let expanded = expansion.expand(text);
        let named = expansion.named;
        match expanded {
            Ok(text) => {
                node.value = Value::Text(text);
                node.sources = (!named.is_empty()).then(|| named.join(" and "));
            }
            Err(Refused { message, help }) => {
                let place = Place { origin: node.origin, key: key.to_owned(), shown: !key.starts_with("providers.") };
                self.findings.error(&place, message, help);
                node.value = Value::Reported;
            }
        }
    }
}

/// The expansion of one text.
struct Expansion<'e, 'f> {
    whole: &'e Interpolation<'f>,
    origin: Origin,
    named: Vec<String>,
    /// How deep in defaults it is.
    depth: usize,
}

impl Expansion<'_, '_> {
    fn expand(&mut self, text: &str) -> Result<String, Refused> {
        if self.depth > MAX_DEPTH {
            return Err(refused("'${' is nested too deep", format!("nest defaults at most {MAX_DEPTH} deep")));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                expanded.push_str(&rest[..at - 1]);
                expanded.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            expanded.push_str(&rest[..at]);
            let (form, after) = split_form(&rest[at + 2..])?;
            expanded.push_str(&self.form(form)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn form(&mut self, form: &str) -> Result<String, Refused> {
        let (name, default) = form.split_once(':').map_or((form, None), |(name, rest)| (name, Some(rest)));
        if name == "file" {
            return self.file(default.unwrap_or_default());
        }
        if !is_variable_name(name) {
            return Err(refused(
                "'${...}' holds no variable name",
                "write ${NAME} with letters, digits and '_', or $${ for a literal '${'",
            ));
        }
        self.named.push(format!("${{{name}}}"));
        match self.whole.environment.variable(name) {
            Variable::Set(value) => {
                self.whole.read.borrow_mut().insert(name.to_owned(), value.to_owned());
                Ok(value.to_owned())
            }
            Variable::NotUnicode => Err(refused(
                format!("environment variable {name} is not valid UTF-8"),
                format!("set {name} to a text in UTF-8"),
            )),
            Variable::Empty => self.fallback(name, default, "is empty"),
            Variable::Unset => self.fallback(name, default, "is not set"),
        }
    }

    /// What stands for a variable that has no value.
    fn fallback(&mut self, name: &str, default: Option<&str>, lack: &str) -> Result<String, Refused> {
        let Some(default) = default else {
            return Err(refused(format!("environment variable {name} {lack}"), self.advice(name)));
        };
        if let Some(message) = default.strip_prefix('?') {
            return Err(refused(format!("environment variable {name} {lack}: {message}"), format!("set {name}")));
        }
        if default.starts_with('-') {
            return Err(refused(
                format!("'${{{name}:-...}}' is a shell's spelling of a default"),
                format!("write ${{{name}:default}}, without the dash"),
            ));
        }
        self.depth += 1;
        let expanded = self.expand(default);
        self.depth -= 1;
        expanded
    }

    fn advice(&self, name: &str) -> String {
        let near = nearest(name, self.whole.environment.names().filter(|other| *other != name))
            .first()
            .map(|near| format!("; {near} is set"));
        format!("set {name}, or give a default: ${{{name}:default}}{}", near.unwrap_or_default())
    }

    fn file(&mut self, path: &str) -> Result<String, Refused> {
        let here = self.whole.findings.sources.path(self.origin.file).parent();
        let full = here.map_or_else(|| path.into(), |here| here.join(path));
        let read = std::fs::read_to_string(&full);
        let content = read.as_ref().ok().map(String::as_bytes);
        self.whole.findings.footprint.borrow_mut().add_file(&full, content);
        let text = read.map_err(|error| {
            refused(format!("cannot read the file '{path}': {error}"), "check that it exists and may be read")
        })?;
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        if text.is_empty() {
            return Err(refused(format!("the file '{path}' is empty"), "write the value into it"));
        }
        self.named.push(format!("${{file:{path}}}"));
        self.whole.read.borrow_mut().insert(full.display().to_string(), text.clone());
        Ok(text)
    }
}

/// Splits off the form that starts after `${`, up to its own closing brace.
fn split_form(rest: &str) -> Result<(&str, &str), Refused> {
    let mut depth = 0_usize;
    for (at, character) in rest.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Ok((&rest[..at], &rest[at + 1..])),
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err(refused("'${' is not closed", "close it with '}', or write $${ for a literal '${'"))
}

fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|character: char| character.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn refused(message: impl Into<String>, help: impl Into<String>) -> Refused {
    Refused { message: message.into(), help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let environment: Environment =
            [("A", "alpha"), ("B", "beta"), ("EMPTY", ""), ("BRACES", "${A}")].into_iter().collect();
        let mut findings = Findings::default();
        findings.sources.add("tidegate.toml".into(), String::new());
        let whole = Interpolation::new(&environment, &findings);
        let mut expansion =
            Expansion { whole: &whole, origin: Origin { file: 0, start: 0 }, named: Vec::new(), depth: 0 };
        expansion.expand(text).map_err(|refused| refused.message)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let message = expand(text).unwrap_err();
        assert!(message.contains(expected), "{text}: {message}");
    }

    #[test]
    fn forms_expand_to_their_variables_and_defaults() {
        check("plain", "plain");
        check("${A}", "alpha");
        check("x${A}-${B}y", "xalpha-betay");
        check("${NONE:}", "");
        check("${NONE:http://host:80/v1}", "http://host:80/v1");
        check("${EMPTY:default}", "default");
        check("${A:default}", "alpha");
        check("${A:?needed}", "alpha");
        check("${NONE:${B}}", "beta");
        check("${NONE:${NONE:{a}}}", "{a}");
    }

    #[test]
    fn what_is_no_form_stays_as_it_is() {
        check("$${A}", "${A}");
        check("$$A $B $", "$$A $B $");
        check("$${A} ${A}", "${A} alpha");
    }

    #[test]
    fn a_value_is_never_expanded_again() {
        check("${BRACES}", "${A}");
    }

    #[test]
    fn a_variable_without_a_value_is_named() {
        check_refused("${NONE}", "environment variable NONE is not set");
        check_refused("${EMPTY}", "environment variable EMPTY is empty");
        check_refused("${NONE:?ask the platform team}", "NONE is not set: ask the platform team");
    }

    #[test]
    fn malformed_forms_are_refused() {
        check_refused("${A", "not closed");
        check_refused("${}", "no variable name");
        check_refused("${1A}", "no variable name");
        check_refused("${A B}", "no variable name");
        check_refused("${NONE:-default}", "shell");
        check_refused("${file:does-not-exist}", "cannot read the file");
        check_refused(&"${N:".repeat(100), "not closed");
        check_refused(&format!("{}x{}", "${N:".repeat(100), "}".repeat(100)), "nested too deep");
    }
}
