//! A way over TCP between two, which a test can cut: nothing comes through any more, nothing is closed, and nobody hears why.
//!
//! It is cut as a cable is: packets get no answer of the system's either. So what only asks the system whether the other side lives
//! is tested, too.

use std::sync::Arc;
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a way is.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_cut: bool,
    /// How often all connections were forgotten.
    forgotten: u32,
}

/// A way to a port of this machine.
pub(crate) struct Way {
    pub(crate) port: u16,
    listener: Arc<TcpListener>,
    state: watch::Sender<State>,
}

impl Way {
    /// Opens a way to a port.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (state, seen) = watch::channel(State::default());
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            listener: Arc::clone(&listener),
            state,
        };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, port, seen.clone()));
            }
        });
        way
    }

    /// Cuts it: for connections that there are, and for new ones.
    pub(crate) fn cut(&self) {
        close(&*self.listener, true);
        self.state.send_modify(|state| state.is_cut = true);
    }

    /// Mends it. If the network forgot its connections meanwhile, only new ones come through: those that there were stay silent for
    /// ever.
    pub(crate) fn mend(&self, forgot: bool) {
        self.state.send_modify(|state| {
            state.is_cut = false;
            state.forgotten += u32::from(forgot);
        });
        close(&*self.listener, false);
    }

    /// Cuts it for some time.
    pub(crate) async fn cut_for(&self, time: Duration, forgot: bool) {
        self.cut();
        tokio::time::sleep(time).await;
        self.mend(forgot);
    }
}

/// Has the system throw away every packet that comes in, or take them again. Only Linux can; elsewhere there is no engine to test with.
#[cfg(not(target_os = "linux"))]
fn close<T>(_: &T, _: bool) {}

/// Has the system throw away every packet that comes in, or take them again.
#[cfg(target_os = "linux")]
fn close<'a>(socket: impl Into<SockRef<'a>>, is_closed: bool) {
    // BPF's `return 0`: none of its bytes.
    let nothing = SockFilter::new(0x06, 0, 0, 0);
    let socket = socket.into();
    if is_closed {
        socket.attach_filter(&[nothing]).unwrap();
    } else {
        socket.detach_filter().unwrap();
    }
}

/// Carries one connection until one side ends it.
async fn carry(near: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let born = state.borrow_and_update().forgotten;
    let (from_near, mut to_near) = near.into_split();
    let (from_far, mut to_far) = far.into_split();
    let seen = state.clone();
    let passing = async {
        tokio::select! {
            () = pass(&from_near, &mut to_far, seen.clone()) => {}
            () = pass(&from_far, &mut to_near, seen.clone()) => {}
        }
    };
    let cutting = async {
        let mut is_closed = false;
        loop {
            let now = *state.borrow_and_update();
            let is_forgotten = now.forgotten != born;
            if (now.is_cut || is_forgotten) != is_closed {
                is_closed = !is_closed;
                close(from_near.as_ref(), is_closed);
            }
            if is_forgotten || state.changed().await.is_err() {
                return is_forgotten;
            }
        }
    };
    let is_forgotten = tokio::select! {
        biased;
        is_forgotten = cutting => is_forgotten,
        () = passing => false,
    };
    if is_forgotten {
        // A server asks by itself whether its client is there still, and ends.
        drop((from_far, to_far));
        std::future::pending::<()>().await;
    }
}

/// Carries one direction. What was read while the way is cut waits for its end.
async fn pass(from: &OwnedReadHalf, to: &mut OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut bytes = vec![0; 1 << 14];
    while let Ok(read) = read(from, &mut bytes).await {
        if state.wait_for(|state| !state.is_cut).await.is_err()
            || read == 0
            || to.write_all(&bytes[..read]).await.is_err()
        {
            return;
        }
    }
}

/// Reads from a half that is lent.
async fn read(from: &OwnedReadHalf, bytes: &mut [u8]) -> std::io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}
