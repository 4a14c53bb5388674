//! What the processes do, each as in the engine's file of the same name.

mod audit;
mod blob;
mod collector;
mod delete;
mod hide;
mod put;
mod reason;
mod tag;
mod untagged;
mod upload;
mod verdict;

pub(crate) use upload::Order;

use std::fmt;

use crate::ids::{CandidateId, Extent, Incarnation, ManifestName, Repository, TagLife};
use crate::key::Key;
use crate::slip::Slip;
use crate::turn::{Flow, Pause, Turn};

/// What one process does.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// One thing after the other, until one of them fails.
    Client(Vec<Op>),
    /// So many sessions and candidates, to their ends.
    Collector { tasks: u8, candidate: CandidateId },
    /// So many things that no session and no candidate names.
    Auditor { tasks: u8 },
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Upload {
        extent: Extent,
        repository: Repository,
        order: Order,
    },
    Cancel {
        extent: Extent,
    },
    Head {
        repository: Repository,
    },
    Mount {
        from: Repository,
        to: Repository,
    },
    Push {
        name: ManifestName,
        incarnation: Incarnation,
        tag: Option<TagLife>,
        candidate: CandidateId,
    },
    SetTag {
        name: ManifestName,
        life: TagLife,
        candidate: CandidateId,
    },
    DeleteTag {
        candidate: CandidateId,
    },
    DeleteManifest {
        name: ManifestName,
        candidate: CandidateId,
    },
    DeleteUnlessChild {
        name: ManifestName,
        candidate: CandidateId,
    },
    DeleteBlob {
        repository: Repository,
    },
}

impl Program {
    /// Runs it, from its beginning.
    pub(crate) fn run(&self, turn: &mut Turn<'_>) -> Flow<()> {
        match self {
            Self::Client(ops) => {
                turn.each(0..ops.len(), |turn, n| {
                    let is_done = ops[n].run(turn)?;
                    Ok((!is_done).then_some(()))
                })?;
            }
            Self::Collector { tasks, candidate } => {
                turn.each(0..*tasks, |turn, n| {
                    let candidate = CandidateId(candidate.0 + n);
                    collector::collect(turn, candidate).map(|()| None::<()>)
                })?;
            }
            Self::Auditor { tasks } => {
                turn.each(0..*tasks, |turn, _| audit::audit(turn).map(|()| None::<()>))?;
            }
        }
        Ok(())
    }

    /// How it is called in a history.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Collector { .. } => "collector",
            Self::Auditor { .. } => "auditor",
        }
    }
}

impl Op {
    /// Does it; `false` if it cannot be done. Whatever is promised is promised with the last step.
    fn run(self, turn: &mut Turn<'_>) -> Flow<bool> {
        match self {
            Self::Upload { extent, repository, order } => {
                let is_done = upload::upload(turn, extent, repository, order)?;
                turn.promise_blob(repository, is_done);
                Ok(is_done)
            }
            Self::Cancel { extent } => upload::cancel(turn, extent),
            Self::Head { repository } => {
                let is_done = blob::head(turn, repository)?;
                turn.promise_blob(repository, is_done);
                Ok(is_done)
            }
            Self::Mount { from, to } => {
                let is_done = blob::mount(turn, from, to)?;
                turn.promise_blob(to, is_done);
                Ok(is_done)
            }
            Self::Push { name, incarnation, tag, candidate } => {
                let is_done = put::put_manifest(turn, name, incarnation, tag, candidate)?;
                turn.promise_manifest(name, is_done);
                Ok(is_done)
            }
            Self::SetTag { name, life, candidate } => tag::set_tag(turn, name, life, candidate),
            Self::DeleteTag { candidate } => tag::delete_tag(turn, candidate),
            Self::DeleteManifest { name, candidate } => {
                delete::delete_manifest(turn, name, candidate)
            }
            Self::DeleteUnlessChild { name, candidate } => {
                delete::delete_unless_child(turn, name, candidate)
            }
            Self::DeleteBlob { repository } => hide::delete_blob(turn, repository),
        }
    }
}

/// Cleans up in a store in which nobody else is left: first what sessions and candidates name,
/// then, if `everything`, what only an audit finds.
pub(crate) fn clean_up(turn: &mut Turn<'_>, everything: bool) -> Flow<()> {
    loop {
        // A name that means nothing to anybody any more.
        let is_free = |id: &CandidateId| {
            let is_push = turn.setting.pushes.iter().any(|(_, push)| push == id);
            !is_push && !turn.world.store.is_there(Key::Candidate(*id))
        };
        let candidate = (0..8).map(CandidateId).find(is_free);
        let candidate = candidate.unwrap_or(CandidateId(7));
        match collector::collect(turn, candidate) {
            Ok(()) => {}
            Err(Pause::Idle) => break,
            Err(pause) => return Err(pause),
        }
    }
    if everything { audit::audit_everything(turn) } else { Ok(()) }
}

impl Turn<'_> {
    fn slips(&self, slip: Slip) -> bool {
        self.setting.slips(slip)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload { extent, repository, order } => {
                write!(f, "upload {extent} to {repository}{order}")
            }
            Self::Cancel { extent } => write!(f, "cancel {extent}"),
            Self::Head { repository } => write!(f, "HEAD in {repository}"),
            Self::Mount { from, to } => write!(f, "mount from {from} to {to}"),
            Self::Push { name, tag: None, .. } => write!(f, "push {name}"),
            Self::Push { name, .. } => write!(f, "push {name} tagged"),
            Self::SetTag { name, .. } => write!(f, "tag {name}"),
            Self::DeleteTag { .. } => f.write_str("delete tag"),
            Self::DeleteManifest { name, .. } => write!(f, "delete {name}"),
            Self::DeleteUnlessChild { name, .. } => write!(f, "delete {name} if no index has it"),
            Self::DeleteBlob { repository } => write!(f, "delete blob in {repository}"),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(ops) => {
                let ops: Vec<String> = ops.iter().map(ToString::to_string).collect();
                f.write_str(&ops.join(" + "))
            }
            Self::Collector { tasks, .. } => write!(f, "collector of {tasks}"),
            Self::Auditor { tasks } => write!(f, "auditor of {tasks}"),
        }
    }
}
