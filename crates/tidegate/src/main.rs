//! The `tidegate` binary.

use std::{io::Write, process::ExitCode};

use tidegate::{commands, interface::cli::Cli};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(Cli::from_arguments()).unwrap_or_else(|error| {
        // Nothing is left to tell if standard error is closed too.
        let _ = writeln!(std::io::stderr(), "tidegate: {error:#}");
        ExitCode::FAILURE
    })
}
