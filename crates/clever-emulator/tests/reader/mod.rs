//! A plain reader of lists over a socket, which does nothing but read: so that what is measured is the emulator.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One connection that asks for one page after the other.
pub(crate) struct Reader {
    stream: BufReader<TcpStream>,
    token: String,
    /// Headers besides, each with the end of its line.
    pub(crate) headers: &'static str,
    /// The last page.
    pub(crate) body: Vec<u8>,
    /// How long it was: the next one, whose length may be unknown, takes about as much.
    length: usize,
}

impl Reader {
    pub(crate) fn new(address: &str, token: &str) -> io::Result<Self> {
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, TcpStream::connect(address)?),
            token: token.to_owned(),
            headers: "",
            body: Vec::new(),
            length: 0,
        })
    }

    /// Reads the page at `path` into `body`; its status.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n{}\r\n",
            self.token, self.headers
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, Some(0));
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
                length = rest.trim().parse().ok();
            } else if text == "transfer-encoding: chunked" {
                length = None;
            }
        }
        // What a page before left there is written over: clearing memory is no part of reading.
        let mut at = 0;
        self.body.reserve(self.length * 17 / 16);
        if let Some(length) = length {
            self.read_part(&mut at, length)?;
        }
        while length.is_none() {
            line.clear();
            self.stream.read_line(&mut line)?;
            let part = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            self.read_part(&mut at, part)?;
            line.clear();
            self.stream.read_line(&mut line)?;
            if part == 0 {
                break;
            }
        }
        self.body.truncate(at);
        self.length = at;
        Ok(status)
    }

    /// Reads so many bytes to the place `at` of the body.
    fn read_part(&mut self, at: &mut usize, length: usize) -> io::Result<()> {
        let end = *at + length;
        if self.body.len() < end {
            self.body.resize(end, 0);
        }
        self.stream.read_exact(&mut self.body[*at..end])?;
        *at = end;
        Ok(())
    }
}

/// The path of the page after `page`, which stands among its first or last bytes.
pub(crate) fn next(page: &[u8]) -> Option<String> {
    let (size, mark) = (page.len(), r#""rel":"next","uri":""#);
    let ends = [&page[..size.min(400)], &page[size.saturating_sub(400)..]];
    let text = ends.map(|part| String::from_utf8_lossy(part).into_owned());
    let found = text.iter().find_map(|text| text.split_once(mark));
    let (path, _) = found?.1.split_once('"')?;
    Some(path.to_owned())
}
