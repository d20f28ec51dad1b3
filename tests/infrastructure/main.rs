//! Tests of the adapters, against real sockets, files and databases.

mod provider;
