//! What is tried with a seed: how many of whom, and what may go wrong.

use crate::dice::Dice;

/// What is tried with a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // built with `..QUIET`
pub struct Plan {
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Server processes; one that dies is replaced.
    pub servers: usize,
    /// Clients that push images and indexes.
    pub pushers: usize,
    /// Clients that pull, and compare every byte.
    pub pullers: usize,
    /// Clients that set tags on what is there.
    pub taggers: usize,
    /// Clients that delete manifests, tags and blobs, and cancel uploads.
    pub deleters: usize,
    /// Collections, one after the other.
    pub collectors: usize,
    /// Audits that repair, one after the other.
    pub auditors: usize,
    /// Scrubs, one after the other.
    pub scrubbers: usize,
    /// Scrubs that read other bytes than there are now and then, and take blobs out of service.
    pub quarantiners: usize,
    /// What each of them does at most.
    pub acts: usize,
    /// For how long a client thinks between two acts at most, in milliseconds.
    pub thinks: u64,
    /// How long things stay that nothing refers to.
    pub leases: Leases,
    /// Whether collections delete manifests that nothing keeps.
    pub untagged: bool,
    /// What goes wrong.
    pub faults: Faults,
}

/// How long collections leave alone what nothing refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there is nothing else to choose
pub enum Leases {
    /// Not at all: whatever is not referred to at this moment is garbage.
    Zero,
    /// For the registry's lease, so that no push loses a race.
    Real,
    /// The one or the other.
    Both,
}

/// How often what goes wrong; one in so many times, and never for 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // built with `..Faults::NONE`
pub struct Faults {
    /// Calls that take seconds and not milliseconds. No fault; it makes orders that are rare.
    pub slow: u64,
    /// Calls that fail and do nothing.
    pub refused: u64,
    /// Changes that are made, and whose answer is lost.
    pub lost: u64,
    /// Changes that are made when the caller has long been told that they failed.
    pub late: u64,
    /// Steps at which a process dies, with all that it is doing.
    pub deaths: u64,
    /// Steps of a request at which its client hangs up.
    pub hangups: u64,
    /// Steps at which a process sleeps for up to hours, with all that it is doing.
    pub stalls: u64,
    /// Steps at which the clock of a process, or of the store, jumps by up to days.
    pub jumps: u64,
    /// Steps at which the disk is full for a while.
    pub full: u64,
    /// Steps at which the store refuses most calls for a while.
    pub throttled: u64,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        slow: 30,
        refused: 0,
        lost: 0,
        late: 0,
        deaths: 0,
        hangups: 0,
        stalls: 0,
        jumps: 0,
        full: 0,
        throttled: 0,
    };

    /// Some of them: one that never comes lets others show what they can do alone.
    pub(crate) fn some(&self, dice: &Dice) -> Self {
        let some = |often: u64| if dice.one_in(4) { 0 } else { often };
        Self {
            slow: self.slow,
            refused: some(self.refused),
            lost: some(self.lost),
            late: some(self.late),
            deaths: some(self.deaths),
            hangups: some(self.hangups),
            stalls: some(self.stalls),
            jumps: some(self.jumps),
            full: some(self.full),
            throttled: some(self.throttled),
        }
    }

    /// Whether somebody may be cut off in the middle, or not know what became of a change: what
    /// two such accidents at once leave behind is for an audit.
    pub(crate) fn has_accidents(&self) -> bool {
        let Self { refused, lost, late, deaths, hangups, full, throttled, .. } = self;
        [refused, lost, late, deaths, hangups, full, throttled].into_iter().any(|often| *often > 0)
    }
}

impl Plan {
    /// Whether what a client is told holds for half a lease: nobody collects sooner, and all
    /// clocks agree.
    pub(crate) fn keeps_promises(&self) -> bool {
        self.leases == Leases::Real && self.faults.jumps == 0
    }

    /// Whether somebody may be given up who only takes his time.
    pub(crate) fn overtakes(&self) -> bool {
        !self.keeps_promises() || self.faults.stalls > 0
    }

    /// Whether nothing can keep a push from succeeding at once.
    pub(crate) fn is_calm(&self) -> bool {
        let is_quiet =
            !self.faults.has_accidents() && self.faults.stalls == 0 && self.quarantiners == 0;
        is_quiet && self.keeps_promises() && self.deleters == 0
    }

    /// The plan that has this name.
    pub fn named(name: &str) -> Option<&'static Plan> {
        PLANS.iter().find(|plan| plan.name == name)
    }
}

const QUIET: Plan = Plan {
    name: "quiet",
    about: "pushes, deletes and eager collections; nothing goes wrong",
    servers: 3,
    pushers: 3,
    pullers: 1,
    taggers: 0,
    deleters: 2,
    collectors: 2,
    auditors: 0,
    scrubbers: 0,
    quarantiners: 0,
    acts: 3,
    thinks: 2000,
    leases: Leases::Zero,
    untagged: false,
    faults: Faults::NONE,
};

const CRASHES: Plan = Plan {
    name: "crashes",
    about: "processes die, and clients hang up",
    faults: Faults { deaths: 150, hangups: 300, ..Faults::NONE },
    ..QUIET
};

const TROUBLE: Plan = Plan {
    name: "trouble",
    about: "calls fail, get lost and come late; processes die",
    faults: Faults { refused: 120, lost: 90, late: 90, deaths: 250, ..Faults::NONE },
    ..QUIET
};

const LEASES: Plan = Plan {
    name: "leases",
    about: "collections with the lease that clients rely on: no push is told to try again",
    deleters: 0,
    thinks: 40 * 60_000,
    leases: Leases::Real,
    ..QUIET
};

const FULL: Plan = Plan {
    name: "full",
    about: "the disk is full for a while",
    faults: Faults { full: 120, deaths: 400, ..Faults::NONE },
    ..QUIET
};

const THROTTLED: Plan = Plan {
    name: "throttled",
    about: "the store refuses most calls for a while, and answers of others are lost",
    faults: Faults { throttled: 120, lost: 200, ..Faults::NONE },
    ..QUIET
};

const CLOCKS: Plan = Plan {
    name: "clocks",
    about: "the clocks of processes and of the store jump by hours, forwards and backwards",
    taggers: 1,
    thinks: 20 * 60_000,
    leases: Leases::Both,
    untagged: true,
    faults: Faults { jumps: 40, deaths: 300, ..Faults::NONE },
    ..QUIET
};

const STALLS: Plan = Plan {
    name: "stalls",
    about: "processes sleep for minutes and hours, while others go on",
    taggers: 1,
    thinks: 10 * 60_000,
    leases: Leases::Real,
    faults: Faults { stalls: 40, slow: 10, ..Faults::NONE },
    ..QUIET
};

const AUDITS: Plan = Plan {
    name: "audits",
    about: "auditors that repair beside everything else; nothing goes wrong",
    collectors: 1,
    auditors: 2,
    acts: 2,
    ..QUIET
};

const AUDITED_TROUBLE: Plan = Plan {
    name: "audited-trouble",
    about: "the same, where calls fail, get lost and come late, and processes die",
    faults: TROUBLE.faults,
    ..AUDITS
};

const UNTAGGED: Plan = Plan {
    name: "untagged",
    about: "tags are set, moved and deleted, and whatever has none is collected",
    pushers: 2,
    taggers: 2,
    untagged: true,
    ..QUIET
};

const UNTAGGED_TROUBLE: Plan = Plan {
    name: "untagged-trouble",
    about: "the same, where calls fail, get lost and come late, and processes die",
    faults: TROUBLE.faults,
    ..UNTAGGED
};

const SCRUBS: Plan = Plan {
    name: "scrubs",
    about: "scrubs beside everything else, which find nothing",
    collectors: 1,
    scrubbers: 1,
    faults: TROUBLE.faults,
    ..QUIET
};

const QUARANTINES: Plan = Plan {
    name: "quarantines",
    about: "blobs are taken for damaged, and pushed again",
    collectors: 1,
    quarantiners: 1,
    ..QUIET
};

const QUARANTINES_TROUBLE: Plan = Plan {
    name: "quarantines-trouble",
    about: "the same, where calls fail, get lost and come late, and processes die",
    faults: TROUBLE.faults,
    ..QUARANTINES
};

const EVERYTHING: Plan = Plan {
    name: "everything",
    about: "all of it at once",
    servers: 4,
    pushers: 3,
    pullers: 1,
    taggers: 1,
    deleters: 2,
    collectors: 2,
    auditors: 1,
    scrubbers: 1,
    quarantiners: 0,
    acts: 3,
    thinks: 5 * 60_000,
    leases: Leases::Both,
    untagged: true,
    faults: Faults {
        slow: 20,
        refused: 250,
        lost: 200,
        late: 200,
        deaths: 400,
        hangups: 600,
        stalls: 300,
        jumps: 300,
        full: 600,
        throttled: 600,
    },
};

/// All plans, from the quietest to the worst.
pub const PLANS: &[Plan] = &[
    QUIET,
    LEASES,
    UNTAGGED,
    AUDITS,
    STALLS,
    CLOCKS,
    CRASHES,
    FULL,
    THROTTLED,
    TROUBLE,
    AUDITED_TROUBLE,
    UNTAGGED_TROUBLE,
    SCRUBS,
    QUARANTINES,
    QUARANTINES_TROUBLE,
    EVERYTHING,
];
