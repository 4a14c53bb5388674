//! Who is on the stage.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use super::Stage;
use crate::lock;

/// What somebody does, from beginning to end.
pub(crate) type Task<'t> = Pin<Box<dyn Future<Output = ()> + 't>>;

/// All that go on, each at its time.
pub(crate) struct Tasks<'t> {
    all: Vec<(Option<Task<'t>>, Waker)>,
    /// Whose turn it is, in this order.
    ready: Arc<Mutex<Vec<usize>>>,
    left: usize,
}

/// Puts a task among those that are ready.
struct TaskWaker {
    task: usize,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.ready).push(self.task);
    }
}

impl<'t> Tasks<'t> {
    pub(crate) fn new(tasks: Vec<Task<'t>>) -> Self {
        let ready = Arc::new(Mutex::new((0..tasks.len()).collect()));
        let left = tasks.len();
        let with_waker = |(task, work)| {
            let waker = TaskWaker { task, ready: Arc::clone(&ready) };
            (Some(work), Waker::from(Arc::new(waker)))
        };
        let all = tasks.into_iter().enumerate().map(with_waker).collect();
        Self { all, ready, left }
    }

    pub(crate) fn are_left(&self) -> bool {
        self.left > 0
    }

    /// Lets all look around: something has happened that may concern them.
    pub(crate) fn wake_all(&self) {
        lock(&self.ready).extend(0..self.all.len());
    }

    /// Lets everybody whose turn it is go on as far as possible.
    pub(crate) fn run(&mut self, stage: &Stage) {
        loop {
            let ready = std::mem::take(&mut *lock(&self.ready));
            if ready.is_empty() {
                return;
            }
            for task in ready {
                let (work, waker) = &mut self.all[task];
                let Some(running) = work else {
                    continue;
                };
                stage.set_actor(task);
                if running.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                    *work = None;
                    self.left -= 1;
                }
            }
        }
    }
}
