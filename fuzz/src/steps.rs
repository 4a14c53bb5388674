//! Running a future step by step. Every call to a store pauses before its effect and behind it, so
//! whoever drops a future after some steps is a process that died in the middle of that call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::poll;

/// A future that is under way.
pub type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// Polls a future up to so many times; `None` if it is not done by then.
pub async fn steps<T>(running: &mut Running<T>, count: usize) -> Option<T> {
    for _ in 0..count {
        if let Poll::Ready(value) = poll!(&mut *running) {
            return Some(value);
        }
        tokio::task::yield_now().await; // what it spawned goes on too
    }
    None
}

/// One step of whoever awaits it.
#[derive(Debug, Default)]
pub struct Pause {
    is_over: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Pauses once.
pub fn pause() -> Pause {
    Pause::default()
}
