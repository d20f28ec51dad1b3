//! What `tidegate explain` prints.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use tidegate_application::Explanation;

use super::{Colour, ConfigArgs};
use crate::http::{CandidateWire, ExplanationWire, LegWire};

/// The arguments of `explain`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExplainArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The name that a caller would write as `model`.
    pub model: String,
    /// Explain this chat request, with MODEL as its model.
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// Ask the running gateway with these operations endpoints: its `admin_listen`, as a URL.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The answer of a gateway cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no explanation; does --server name the operations endpoints of a gateway?")]
pub struct ReadExplanationError(#[source] serde_json::Error);

/// An explanation that is to be printed.
#[derive(Debug)]
pub struct Explained(ExplanationWire);

impl From<Explanation> for Explained {
    fn from(explanation: Explanation) -> Self {
        Self(explanation.into())
    }
}

impl Explained {
    /// The explanation that a running gateway answered with.
    ///
    /// # Errors
    /// [`ReadExplanationError`] if the answer is of something else.
    pub fn of_answer(body: &[u8]) -> Result<Self, ReadExplanationError> {
        serde_json::from_slice(body).map(Self).map_err(ReadExplanationError)
    }

    /// The explanation as JSON.
    pub fn render_json(&self) -> String {
        // Strings and numbers and nothing else: it cannot fail to serialise.
        serde_json::to_string_pretty(&self.0).unwrap_or_default() + "\n"
    }

    /// The explanation for people; ends with a line break.
    pub fn render(&self, model: &str, colour: Colour) -> String {
        let ExplanationWire { target, revision: _, reach, max_attempts, tokens, legs } = &self.0;
        let attempts = if *max_attempts == 1 { "1 attempt".to_owned() } else { format!("{max_attempts} attempts") };
        let head = format!("{model} is {target}: at most {attempts}, reach: {reach}, counted as {tokens} tokens\n");
        let legs = legs.iter().enumerate().map(|(at, leg)| render_leg(leg, at + 1, colour));
        std::iter::once(head).chain(legs).collect::<Vec<_>>().join("\n")
    }
}

fn render_leg(leg: &LegWire, number: usize, colour: Colour) -> String {
    let tier = leg.tier.as_ref().map(|tier| format!(" tier {tier},")).unwrap_or_default();
    let limit = leg.at_limit.as_ref().map(|reason| format!(", {}", colour.red(&reason.words()))).unwrap_or_default();
    let mut table = Table::new();
    let head = ["turn", "instance", "model", "pool", "weight", "in flight", "latency", "success", ""];
    table.load_style(presets::NOTHING).set_header(head);
    table.add_rows(leg.candidates.iter().map(|candidate| row(candidate, colour)));
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{number}.{tier} rotation {}{limit}\n{}\n", leg.rotation, lines.join("\n"))
}

/// The requests in flight, of how many at most if that is limited.
fn load(candidate: &CandidateWire) -> String {
    match candidate.concurrency_limit {
        Some(limit) => format!("{}/{limit}", candidate.in_flight),
        None => candidate.in_flight.to_string(),
    }
}

/// The remark comes last: the table counts the escapes of a colour as text, and would misplace what follows them.
fn row(candidate: &CandidateWire, colour: Colour) -> [String; 9] {
    let CandidateWire { instance, model, pool, pool_rotation, turn, excluded, .. } = candidate;
    let pool = match (pool, pool_rotation) {
        (Some(pool), Some(rotation)) => format!("{pool} ({rotation})"),
        _ => String::new(),
    };
    let remark = match (excluded, turn) {
        (Some(excluded), _) => colour.red(&excluded.words()),
        (None, Some(_)) => String::new(),
        (None, None) => colour.dim("enough others come first"),
    };
    [
        turn.map(|turn| turn.to_string()).unwrap_or_default(),
        instance.clone(),
        model.clone(),
        pool,
        candidate.weight.to_string(),
        load(candidate),
        candidate.latency_ms.map(|latency| format!("{latency}ms")).unwrap_or_default(),
        format!("{}%", candidate.success_percent),
        remark,
    ]
}
