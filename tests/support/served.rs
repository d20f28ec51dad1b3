//! A composed gateway behind sockets.

use std::{net::SocketAddr, sync::Arc};

use tidegate::Gateway;
use tidegate_interface::{
    http::{self, MetricsText},
    server::{BindError, Lifecycle, Server, ServerOptions},
};

/// Where a gateway is served.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// To callers.
    pub address: SocketAddr,
    /// To operators.
    pub admin: SocketAddr,
}

/// Serves `gateway` on free ports of this machine, until the runtime ends.
pub fn serve(gateway: &Gateway, metrics: MetricsText) -> Result<Served, BindError> {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(ServerOptions { listen: free, admin_listen: free, ..ServerOptions::default() })?;
    let places = Served { address: server.address(), admin: server.admin_address() };
    let api = http::Gateway {
        orchestration: Arc::clone(gateway.orchestration()),
        health: Arc::clone(gateway.health()),
        pools: Arc::clone(gateway.pools()),
        task_groups: Arc::clone(gateway.task_groups()),
        statistics: Arc::clone(gateway.statistics()),
        metrics,
        configuration: None,
    };
    tokio::spawn(server.serve(api, Lifecycle::default()));
    Ok(places)
}
