//! The emulator's own binary, as other programs start it.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::reader::{Reader, next};

/// The emulator's own binary, running.
pub(crate) struct Binary {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
    /// How long it took until it said where it listens.
    pub(crate) started: Duration,
}

impl Binary {
    pub(crate) fn start(size: &str) -> io::Result<Self> {
        let begin = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_clever-emulator"))
            .args(["--size", size, "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let said: serde_json::Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            child,
            address: text("base_url").replace("http://", ""),
            token: text("district_token"),
            started: begin.elapsed(),
        })
    }

    /// The most memory that the process ever had, in MiB; `None` where the system does not tell.
    pub(crate) fn most_memory_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024)
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It has nothing to save, and whether it was gone already does not matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Walks a list to its end; records and bytes.
pub(crate) fn walk(reader: &mut Reader, kind: &str, limit: usize) -> io::Result<(usize, usize)> {
    let (mut records, mut bytes) = (0, 0);
    let mut path = Some(format!("/v3.1/{kind}?limit={limit}"));
    let mark = format!(r#","uri":"/v3.1/{kind}/"#);
    while let Some(at) = path {
        let status = reader.get(&at)?;
        if status != 200 {
            return Err(io::Error::other(format!("{at} answered {status}")));
        }
        bytes += reader.body.len();
        let page = std::str::from_utf8(&reader.body).map_err(io::Error::other)?;
        records += page.matches(&mark).count();
        path = next(&reader.body);
    }
    Ok((records, bytes))
}
