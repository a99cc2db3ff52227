//! A plain reader of lists over a socket, which does nothing but read: so that what is measured is the emulator.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One connection that asks for one page after the other.
pub(crate) struct Reader {
    stream: BufReader<TcpStream>,
    token: String,
    /// The last page.
    pub(crate) body: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(address: &str, token: &str) -> io::Result<Self> {
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, TcpStream::connect(address)?),
            token: token.to_owned(),
            body: Vec::new(),
        })
    }

    /// Reads the page at `path` into `body`; its status.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n\r\n",
            self.token
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let text = line.trim_end().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap_or(0);
            } else if let Some(rest) = text.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap_or(0);
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    /// The path of the next page, which stands among the page's first or last bytes.
    pub(crate) fn next(&self) -> Option<String> {
        let (size, mark) = (self.body.len(), r#""rel":"next","uri":""#);
        let ends = [
            &self.body[..size.min(400)],
            &self.body[size.saturating_sub(400)..],
        ];
        let text = ends.map(|part| String::from_utf8_lossy(part).into_owned());
        let found = text.iter().find_map(|text| text.split_once(mark));
        let (path, _) = found?.1.split_once('"')?;
        Some(path.to_owned())
    }

    /// Walks a list to its end; records and bytes.
    pub(crate) fn walk(&mut self, kind: &str, limit: usize) -> io::Result<(usize, usize)> {
        let (mut records, mut bytes) = (0, 0);
        let mut path = Some(format!("/v3.1/{kind}?limit={limit}"));
        let mark = format!(r#","uri":"/v3.1/{kind}/"#);
        while let Some(at) = path {
            let status = self.get(&at)?;
            if status != 200 {
                return Err(io::Error::other(format!("{at} answered {status}")));
            }
            bytes += self.body.len();
            let page = std::str::from_utf8(&self.body).map_err(io::Error::other)?;
            records += page.matches(&mark).count();
            path = self.next();
        }
        Ok((records, bytes))
    }
}

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
