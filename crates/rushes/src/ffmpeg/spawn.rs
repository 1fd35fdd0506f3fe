//! One lasting thread starts every child.
//!
//! A child asks the kernel to be killed when its parent ends, and for Linux the parent is the
//! *thread* that started it. The runtime's own threads come and go (a worker that blocked in place
//! may end ten seconds later) and would take their children with them; this one stays as long as
//! the process.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Order {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// Starts the command; the child's pipes belong to the caller's runtime.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let (answer, started) = oneshot::channel();
    let order = Order { command, runtime: Handle::current(), answer };
    let ended = || io::Error::other("the thread that starts children has ended");
    starter()?.send(order).map_err(|_| ended())?;
    started.await.map_err(|_| ended())?
}

fn starter() -> io::Result<&'static Sender<Order>> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    if let Some(starter) = STARTER.get() {
        return Ok(starter);
    }
    let (orders, inbox) = channel::<Order>();
    std::thread::Builder::new().name("rushes-ffmpeg".into()).spawn(move || {
        for mut order in inbox {
            let _entered = order.runtime.enter();
            // A caller who has gone drops the child, which kills it.
            let _ = order.answer.send(order.command.spawn());
        }
    })?;
    // When two raced, the loser's thread ends with its dropped sender.
    Ok(STARTER.get_or_init(|| orders))
}
