//! `tidegate status`: how a running gateway is.

use std::process::ExitCode;

use anyhow::Context;
use tidegate_infrastructure::operations::fetch;
use tidegate_interface::cli::{Colour, StatusArgs, render_status};

use super::print;

pub(super) fn run(arguments: &StatusArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = format!("{}/healthz", arguments.url.trim_end_matches('/'));
    let (status, body) = runtime.block_on(fetch(&url))?;
    if arguments.json {
        print(&String::from_utf8_lossy(&body))?;
    } else {
        let rendered = render_status(&body, Colour::of_stdout());
        print(&rendered.with_context(|| format!("{url} answered {status}, but not as a gateway does"))?)?;
    }
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
