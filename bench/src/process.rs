//! A process under measurement: started on one core, its time and memory read from the kernel.

use std::{
    fs, io,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// A running process; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// The cores that a process may use, as `taskset` takes them: `0`, or `0,1`.
#[derive(Debug, Clone)]
pub struct Affinity(String);

impl Affinity {
    /// One core.
    pub fn core(core: usize) -> Self {
        Self(core.to_string())
    }

    /// So many cores, beginning with `core`.
    pub fn cores(core: usize, count: usize) -> Self {
        Self(format!("{core}-{}", core + count - 1))
    }
}

impl Process {
    /// Starts a program on `cores`, its output to `log`, and waits until it accepts connections at `address`.
    pub fn start(cores: &Affinity, command: &[String], (log, address): (&Path, SocketAddr)) -> anyhow::Result<Self> {
        let log = fs::File::create(log)?;
        let child = Command::new("taskset")
            .args(["-c", &cores.0])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command[0]))?;
        let mut process = Self { child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{} ended with {status}", command[0]);
            }
            if Instant::now() > deadline {
                bail!("{} does not listen at {address}", command[0]);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(process)
    }

    /// The time that it has had a core for, in user space and in the kernel.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0_u64;
        for process in self.family()? {
            for task in fs::read_dir(format!("/proc/{process}/task"))? {
                let text = match fs::read_to_string(task?.path().join("schedstat")) {
                    Ok(text) => text,
                    // It ended meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error.into()),
                };
                nanos += text.split(' ').next().context("no run time")?.parse::<u64>()?;
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory in MiB.
    pub fn resident(&self) -> anyhow::Result<f64> {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in MiB.
    pub fn peak(&self) -> anyhow::Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> anyhow::Result<f64> {
        let mut kibibytes = 0.0;
        for process in self.family()? {
            let status = fs::read_to_string(format!("/proc/{process}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
            kibibytes += line.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(kibibytes / 1024.0)
    }

    /// It and its children.
    fn family(&self) -> anyhow::Result<Vec<u32>> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let mut family = vec![own];
        for child in children.split_whitespace() {
            family.push(child.parse()?);
        }
        Ok(family)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets this process, and those that it starts, have `files` open.
pub fn raise_file_limit(files: usize) -> anyhow::Result<()> {
    let own = std::process::id().to_string();
    // Whoever may not raise the hard limit may still raise the soft one up to it.
    for limit in [format!("--nofile={files}:"), format!("--nofile={files}:{files}")] {
        let raised = Command::new("prlimit").args(["--pid", &own, &limit]).stderr(Stdio::null()).status()?;
        if raised.success() {
            return Ok(());
        }
    }
    bail!("this process may not have {files} files: run it as root, raise `ulimit -Hn`, or ask for fewer `--streams`")
}

/// Moves this process to `core`.
pub fn move_to(core: usize) -> anyhow::Result<()> {
    let own = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-a", "-cp", &core.to_string(), &own]).stdout(Stdio::null()).status()?;
    if moved.success() { Ok(()) } else { bail!("taskset cannot move this process to core {core}") }
}
