//! Taking an address.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// An address could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "{address} is taken by another process: stop it, or choose another address with --{flag} or `{option}` in [server]",
        flag = option.replace('_', "-")
    )]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The option that names it.
        option: &'static str,
    },
    /// The system refuses the address.
    #[error("cannot listen on {address}; choose another address with `{option}` in [server]")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The option that names it.
        option: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Listens on `address`, and says on which one, should its port be 0.
pub(super) fn bind(
    address: SocketAddr,
    backlog: u32,
    option: &'static str,
) -> Result<(TcpListener, SocketAddr), BindError> {
    let listening = listen(address, backlog).and_then(|listener| {
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    });
    listening.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { address, option },
        _ => BindError::Refused { address, option, source },
    })
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of its predecessor to be forgotten; elsewhere the option would let two
    // servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}
