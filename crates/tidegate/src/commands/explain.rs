//! `tidegate explain`: where a request would go, by the files alone or by what a running gateway knows.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail};
use bytes::Bytes;
use tidegate_domain::inference::InferenceRequest;
use tidegate_infrastructure::{config::Loaded, operations::post};
use tidegate_interface::cli::{Colour, ExplainArgs, Explained};

use super::{config_source, print};
use crate::{BuildGatewayError, Gateway};

pub(super) fn run(arguments: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let body = body(&arguments.model, arguments.request.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let explained = runtime.block_on(async {
        match &arguments.server {
            Some(server) => of_server(server, body).await,
            None => of_files(arguments, body).await,
        }
    })?;
    let rendered =
        if arguments.json { explained.render_json() } else { explained.render(&arguments.model, Colour::of_stdout()) };
    print(&rendered)?;
    Ok(ExitCode::SUCCESS)
}

/// The request, with the model that was asked for.
fn body(model: &str, file: Option<&Path>) -> anyhow::Result<String> {
    let mut request = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?
        }
        None => serde_json::json!({ "messages": [] }),
    };
    let Some(fields) = request.as_object_mut() else { bail!("a request is a JSON object") };
    fields.insert("model".to_owned(), model.into());
    Ok(request.to_string())
}

async fn of_server(server: &str, body: String) -> anyhow::Result<Explained> {
    let url = format!("{}/admin/v1/explain", server.trim_end_matches('/'));
    let (status, answer) = post(&url, body).await?;
    if !status.is_success() {
        bail!("{url} answered {status}: {}", String::from_utf8_lossy(&answer));
    }
    Ok(Explained::of_answer(&answer)?)
}

async fn of_files(arguments: &ExplainArgs, body: String) -> anyhow::Result<Explained> {
    let loaded = config_source(&arguments.config).load_all().map_err(BuildGatewayError::Configuration)?;
    let Loaded { configuration, settings, .. } = loaded;
    // What the store defines beside the files is known to the running gateway only.
    let gateway = Gateway::builder().configuration(configuration).providers(settings.providers).build().await?;
    let request = InferenceRequest::parse(Bytes::from(body))?;
    match gateway.orchestration().explain(&request) {
        Ok(explanation) => Ok(explanation.into()),
        Err(nearest) if nearest.is_empty() => bail!("'{}' leads nowhere", arguments.model),
        Err(nearest) => bail!("'{}' leads nowhere; did you mean {}?", arguments.model, nearest.join(", ")),
    }
}
