//! A wire that can be cut: bytes stay where they are, and nobody is told.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A wire to a port of this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    whole: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// A wire to `target`.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let whole = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&whole);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(join(near, target, state.subscribe()));
            }
        });
        Self { port, whole }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Lets nothing through.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets everything through again, what was held back as well.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn join(near: TcpStream, target: u16, whole: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pump(near_in, far_out, whole.clone()) => {}
        () = pump(far_in, near_out, whole) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut whole: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
