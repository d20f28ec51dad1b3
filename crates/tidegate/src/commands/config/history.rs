//! `tidegate config history` and `rollback`, from the store or through a running gateway.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use tidegate_application::ConfigHistory;
use tidegate_domain::{
    config::{Problem, Report},
    observe::NoObserver,
};
use tidegate_infrastructure::{
    clock::TokioClock,
    config::{StorageSettings, TomlConfigSource, restore},
    operations::{fetch, post},
    persistence::{Database, DatabaseOptions, SqliteRevisionRepository},
};
use tidegate_interface::cli::{
    Colour, History, HistoryArgs, ReportFormat, RollbackArgs, render_report, render_rollback,
};
use tokio::runtime::Runtime;

use super::super::{check, config_source, print};

pub(super) fn show(arguments: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let history = runtime()?.block_on(async {
        match &arguments.server {
            Some(server) => of_server(server, arguments).await,
            None => of_store(arguments).await,
        }
    })?;
    print(&match (arguments.json, arguments.revision) {
        (true, _) => history.render_json(),
        (false, Some(_)) => history.render_files(),
        (false, None) => history.render(),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn roll_back(arguments: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    match &arguments.server {
        Some(server) => runtime.block_on(through_server(server, arguments)),
        None => in_place(&runtime, arguments),
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn of_server(server: &str, HistoryArgs { revision, limit, .. }: &HistoryArgs) -> anyhow::Result<History> {
    let base = format!("{}/admin/v1/config/revisions", server.trim_end_matches('/'));
    let url = match revision {
        Some(number) => format!("{base}/{number}"),
        None => format!("{base}?limit={limit}"),
    };
    let (status, body) = fetch(&url).await?;
    if !status.is_success() {
        bail!("{url} answered {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(History::of_answer(&body)?)
}

async fn of_store(arguments: &HistoryArgs) -> anyhow::Result<History> {
    let (database, history) = open(&config_source(&arguments.config)).await?;
    let revisions = match arguments.revision {
        Some(number) => vec![history.find(number).await?.with_context(|| format!("there is no revision {number}"))?],
        None => history.latest(arguments.limit).await?,
    };
    database.close().await;
    Ok(History::of_store(revisions))
}

async fn open(source: &TomlConfigSource) -> anyhow::Result<(Database, ConfigHistory)> {
    // Of a configuration that is broken, the storage can still be told; most rollbacks begin so.
    let storage = source.storage().context("the configuration does not say where its history is; use --server")?;
    let StorageSettings::Sqlite { path } = storage else {
        bail!("the configuration keeps its history in memory, so only the running gateway knows it; use --server");
    };
    if !path.exists() {
        bail!("there is no history yet: {} does not exist", path.display());
    }
    let database = Database::open(&DatabaseOptions::file(path)).await?;
    let revisions = Arc::new(SqliteRevisionRepository::new(database.clone()));
    Ok((database, ConfigHistory::new(revisions, Arc::new(TokioClock), Arc::new(NoObserver))))
}

async fn through_server(server: &str, arguments: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let path = format!("admin/v1/config/revisions/{}/rollback", arguments.revision);
    let url = format!("{}/{path}", server.trim_end_matches('/'));
    let who = std::env::var("USER").unwrap_or_default();
    let reason = serde_json::json!({ "who": who, "why": arguments.why });
    let (status, body) = post(&url, reason.to_string()).await?;
    print(&render_rollback(&body, arguments))?;
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts the files in place, unless they do not pass the check. A gateway that runs on them notices.
fn in_place(runtime: &Runtime, arguments: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let (source, number) = (config_source(&arguments.config), arguments.revision);
    let revision = runtime.block_on(async {
        let (database, history) = open(&source).await?;
        let revision = history.find(number).await?;
        database.close().await;
        revision.with_context(|| format!("there is no revision {number}"))
    })?;
    let before = restore(&source, revision.accepted.documents)?;
    let report = check::report(&source)?;
    if report.errors() > 0 {
        restore(&source, before)?;
        let mut problems = report.problems().to_vec();
        problems.push(Problem::error("", format!("revision {number} does not pass the check; nothing has changed")));
        let format = if arguments.json { ReportFormat::Json } else { ReportFormat::Text };
        print(&render_report(&Report::new(problems), format, Colour::of_stdout()))?;
        return Ok(ExitCode::FAILURE);
    }
    let message =
        format!("the files of revision {number} are in place; copies of what was there end in .before-rollback");
    let told = serde_json::json!({ "result": "in_place", "message": message });
    print(&render_rollback(told.to_string().as_bytes(), arguments))?;
    Ok(ExitCode::SUCCESS)
}
