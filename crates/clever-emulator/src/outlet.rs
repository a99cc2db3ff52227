//! The way of a large page to its reader: in parts, each sent while the next one is written.
//!
//! The world is held only while the page is written, never while a slow client reads: so parts wait in memory, at
//! most one page for each request, as when it was written whole.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::reply::Reply;

/// A part's bytes, about: what is written is still in the processor's cache when it is sent.
const PART: usize = 512 * 1024;

/// Parts whose room is kept to be used again, as many as two large pages have: one is read while the next is written.
/// Memory fresh from the system costs more than what is written into it.
const KEPT: usize = 60;

/// Room for parts.
static ROOM: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A part on its way. What room it took is there for others when it is sent.
struct Part(Vec<u8>);

impl Part {
    fn room() -> Vec<u8> {
        let room = ROOM.lock().unwrap_or_else(PoisonError::into_inner).pop();
        room.unwrap_or_else(|| Vec::with_capacity(PART + PART / 8))
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.0);
        room.clear();
        let mut all = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < KEPT {
            all.push(room);
        }
    }
}

/// Takes the parts of a page while it is written.
#[derive(Debug)]
pub(crate) struct Outlet(Option<Way>);

#[derive(Debug)]
struct Way {
    sender: UnboundedSender<Bytes>,
    /// Compresses the parts, where they are to be.
    packer: Option<RefCell<GzEncoder<Vec<u8>>>>,
    /// Whether a part has gone.
    begun: Cell<bool>,
    /// With which query the list goes on, until it is told.
    next: RefCell<Option<String>>,
    /// Who waits to be told.
    told: RefCell<Option<oneshot::Sender<String>>>,
}

impl Outlet {
    /// Takes nothing: the page stays whole.
    pub(crate) const WHOLE: Self = Self(None);

    /// Takes what is written so far, if it is enough to be sent. Only an answer with status 200 may be given out so.
    pub(crate) fn take(&self, body: &mut Vec<u8>) {
        if let Some(way) = self.0.as_ref().filter(|_| body.len() >= PART) {
            way.send(body);
        }
    }

    /// Notes with which query the list goes on.
    pub(crate) fn goes_on(&self, query: String) {
        if let Some(way) = &self.0 {
            *way.next.borrow_mut() = Some(query);
        }
    }

    /// Says whether pages leave in parts.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl Way {
    fn new(sender: UnboundedSender<Bytes>, told: oneshot::Sender<String>, gzip: bool) -> Self {
        let packer = || GzEncoder::new(Vec::with_capacity(PART / 4), Compression::fast());
        Self {
            sender,
            packer: gzip.then(|| RefCell::new(packer())),
            begun: Cell::new(false),
            next: RefCell::default(),
            told: RefCell::new(Some(told)),
        }
    }

    fn send(&self, body: &mut Vec<u8>) {
        let part = match &self.packer {
            None => Bytes::from_owner(Part(std::mem::replace(body, Part::room()))),
            Some(packer) => {
                let mut packer = packer.borrow_mut();
                // Writing to memory can't fail.
                drop(packer.write_all(body));
                body.clear();
                let room = Vec::with_capacity(PART / 4);
                std::mem::replace(packer.get_mut(), room).into()
            }
        };
        self.begun.set(true);
        // Whoever has gone away misses nothing.
        drop(self.sender.send(part));
        if self.packer.is_some() {
            // Compressing takes longer than sending: the next page is written beside this one.
            self.tell();
        }
    }

    /// Tells with which query the list goes on.
    fn tell(&self) {
        let Some(query) = self.next.take() else {
            return;
        };
        if let Some(told) = self.told.take() {
            // Whoever has gone away misses nothing.
            drop(told.send(query));
        }
    }

    /// Sends what is left of a page that has begun to leave.
    fn end(mut self, reply: &mut Reply) {
        if !self.begun.get() {
            return;
        }
        self.send(&mut std::mem::take(&mut reply.body).into_bytes());
        if let Some(Ok(last)) = self
            .packer
            .take()
            .map(|packer| packer.into_inner().finish())
        {
            drop(self.sender.send(last.into()));
        }
        self.tell();
    }
}

/// The rest of a page whose writing has begun.
#[derive(Debug)]
pub(crate) struct Rest {
    first: Bytes,
    parts: UnboundedReceiver<Bytes>,
    /// Ends when all parts are sent.
    writer: JoinHandle<Reply>,
    /// Whether the parts are compressed.
    pub(crate) gzip: bool,
}

/// An answer that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    parts: UnboundedReceiver<Bytes>,
    writer: JoinHandle<Reply>,
    next: Option<oneshot::Receiver<String>>,
    gzip: bool,
}

/// Lets `write` make an answer on a thread of its own, compressed where it leaves in parts and `gzip` says so.
pub(crate) fn begin(gzip: bool, write: impl FnOnce(&Outlet) -> Reply + Send + 'static) -> Writing {
    let (sender, parts) = unbounded_channel();
    let (told, next) = oneshot::channel();
    let outlet = Outlet(Some(Way::new(sender, told, gzip)));
    let writer = tokio::task::spawn_blocking(move || {
        let mut reply = write(&outlet);
        if let Some(way) = outlet.0 {
            way.end(&mut reply);
        }
        reply
    });
    Writing {
        parts,
        writer,
        next: Some(next),
        gzip,
    }
}

impl Writing {
    /// What tells with which query the list of a page that leaves in parts goes on, once: when the page is whole, or, where it
    /// is compressed, when its first part has left.
    pub(crate) fn next(&mut self) -> Option<oneshot::Receiver<String>> {
        self.next.take()
    }

    /// The answer. What is large is there before it is whole: then the answer's body is the rest.
    pub(crate) async fn answer(self) -> (Reply, Option<Rest>) {
        let Self {
            mut parts,
            writer,
            gzip,
            ..
        } = self;
        if let Some(first) = parts.recv().await {
            let rest = Rest {
                first,
                parts,
                writer,
                gzip,
            };
            return (Reply::json(String::new()), Some(rest));
        }
        let reply = writer.await;
        let failed = |_| Reply::message(500, "the answer could not be written");
        (reply.unwrap_or_else(failed), None)
    }
}

impl Rest {
    /// The body, from its first part. It breaks where the writer fails: no reader takes a part for the whole.
    pub(crate) fn into_body(self) -> Body {
        let state = (Some(self.first), self.parts, Some(self.writer));
        let parts = stream::unfold(state, |(first, mut parts, writer)| async move {
            let part = match first {
                Some(first) => Some(first),
                None => parts.recv().await,
            };
            if let Some(part) = part {
                return Some((Ok(part), (None, parts, writer)));
            }
            let failed = writer?.await.err()?;
            Some((Err(io::Error::other(failed)), (None, parts, None)))
        });
        Body::from_stream(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(gzip: bool, write: fn(&Outlet) -> Reply) -> Result<Bytes, axum::Error> {
        let (reply, rest) = begin(gzip, write).answer().await;
        match rest {
            Some(rest) => axum::body::to_bytes(rest.into_body(), usize::MAX).await,
            None => Ok(reply.body.into()),
        }
    }

    /// Writes three parts and a half.
    fn numbers(outlet: &Outlet) -> Reply {
        let mut body = Vec::new();
        for number in 0.. {
            body.extend_from_slice(format!("{number:08}").as_bytes());
            outlet.take(&mut body);
            if number == PART / 8 * 7 / 2 {
                break;
            }
        }
        Reply::json(String::from_utf8(body).unwrap())
    }

    #[tokio::test]
    async fn parts_add_up_to_what_is_written() {
        let whole = numbers(&Outlet::WHOLE).body;
        assert!(whole.len() > 3 * PART);
        assert!(read(false, numbers).await.unwrap() == whole);
        let packed = read(true, numbers).await.unwrap();
        let mut unpacked = String::new();
        let mut reader = flate2::read::GzDecoder::new(&*packed);
        io::Read::read_to_string(&mut reader, &mut unpacked).unwrap();
        assert!(packed.len() < whole.len() / 2 && unpacked == whole);
        let small = begin(true, |_| Reply::json("{}".to_owned())).answer().await;
        assert!(small.1.is_none() && small.0.body == "{}");
    }

    #[tokio::test]
    async fn where_a_compressed_list_goes_on_is_told_before_the_page_is_whole() {
        for gzip in [true, false] {
            let (go_on, wait) = std::sync::mpsc::channel();
            let mut writing = begin(gzip, move |outlet| {
                outlet.goes_on("a+".to_owned());
                outlet.take(&mut vec![b'0'; PART]);
                wait.recv().unwrap();
                Reply::json("0".to_owned())
            });
            let mut next = writing.next().unwrap();
            assert!(writing.next().is_none());
            if gzip {
                assert_eq!((&mut next).await.as_deref(), Ok("a+"));
            } else {
                writing.parts.recv().await.unwrap();
                assert!(next.try_recv().is_err());
            }
            go_on.send(()).unwrap();
            if !gzip {
                assert_eq!(next.await.as_deref(), Ok("a+"));
            }
        }
    }

    #[tokio::test]
    async fn a_writer_that_fails_breaks_the_body() {
        let failing = |outlet: &Outlet| {
            let mut body = vec![b'0'; PART];
            outlet.take(&mut body);
            std::panic::resume_unwind(Box::new("no more"))
        };
        for gzip in [false, true] {
            assert!(read(gzip, failing).await.is_err());
        }
        let nothing = begin(false, |_| std::panic::resume_unwind(Box::new("no")));
        assert_eq!(nothing.answer().await.0.status, 500);
    }
}
