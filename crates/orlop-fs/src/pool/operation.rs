//! What runs on the threads, a piece at a time.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use futures::future::BoxFuture;
use futures::task::{ArcWake, waker_ref};
use tokio::runtime::Handle;

use super::threads::Threads;

pub(super) struct Operation {
    threads: Arc<Threads>,
    /// `None` when it has ended.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    is_ready: AtomicBool,
    /// Its caller's, for what it hands to other threads.
    runtime: Handle,
}

impl Operation {
    pub(super) fn begin(threads: Arc<Threads>, future: BoxFuture<'static, ()>) {
        let (future, runtime) = (Mutex::new(Some(future)), Handle::current());
        Arc::new(Self { threads, future, is_ready: AtomicBool::new(false), runtime }).wake();
    }

    /// Runs it on this thread until it waits or ends.
    pub(super) fn go_on(self: &Arc<Self>) {
        self.is_ready.store(false, Ordering::Release);
        let _runtime = self.runtime.enter();
        let waker = waker_ref(self);
        let mut future = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = &mut *future
            && under_way.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *future = None;
        }
    }
}

impl ArcWake for Operation {
    fn wake_by_ref(operation: &Arc<Self>) {
        if !operation.is_ready.swap(true, Ordering::AcqRel) {
            operation.threads.push(operation.clone());
        }
    }
}

impl Debug for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("is_ready", &self.is_ready).finish_non_exhaustive()
    }
}
