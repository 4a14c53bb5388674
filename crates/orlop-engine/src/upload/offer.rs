//! The id of an upload of which nothing is stored yet.

use std::fmt;
use std::time::SystemTime;

use orlop_backend::{ExtentId, RandomId};
use orlop_oci::{Algorithm, Hasher};

use crate::options::LEASE;
use crate::repository::Repository;
use crate::state::seconds;

/// An id that proves by itself that it was given out: nothing of it has to be stored, and any process
/// can tell it from one that somebody has made up.
///
/// **Each upload that begins under it has an extent of its own.** It may be used again after its
/// upload is over and forgotten, and an extent's name must not. The names begin alike, so that an
/// upload can be found by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Offer {
    id: RandomId,
    /// From the top: the algorithm, when it was made in seconds, and the proof.
    rest: RandomId,
}

impl Offer {
    pub(super) fn new(
        repository: &Repository,
        id: RandomId,
        algorithm: Algorithm,
        now: SystemTime,
    ) -> Self {
        let algorithm = Algorithm::ALL.into_iter().position(|known| known == algorithm);
        let algorithm = algorithm.unwrap_or_default() as u128;
        let made = u128::from(seconds(now)) & MADE_MASK;
        let claim = algorithm << ALGORITHM_AT | made << PROOF_BITS;
        Self { id, rest: RandomId::from_bits(claim | proof(repository, id, claim)) }
    }

    /// Whether it was given out by this repository.
    pub(super) fn is_of(&self, repository: &Repository) -> bool {
        let bits = self.rest.to_bits();
        bits & PROOF_MASK == proof(repository, self.id, bits & !PROOF_MASK)
    }

    /// Whether it is too late to begin an upload under it.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        let made = (self.rest.to_bits() >> PROOF_BITS) & MADE_MASK;
        u128::from(seconds(now)) > made + u128::from(LEASE.as_secs())
    }

    /// What the digest is expected to be made with.
    pub(super) fn algorithm(&self) -> Algorithm {
        let at = (self.rest.to_bits() >> ALGORITHM_AT) as usize;
        Algorithm::ALL.get(at).copied().unwrap_or_default()
    }

    /// The name of an extent for an upload that begins under it, of which as much is `random` as
    /// makes it the only one of this name.
    pub(super) fn extent(&self, random: RandomId) -> ExtentId {
        let alike = u128::MAX << (5 * (RandomId::TEXT_BYTES - ALIKE_BYTES));
        RandomId::from_bits(self.id.to_bits() & alike | random.to_bits() & !alike).into()
    }

    /// How the names of all these extents begin.
    pub(super) fn stem(&self) -> String {
        let mut stem = self.id.to_string();
        stem.truncate(ALIKE_BYTES);
        stem
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.split_at_checked(RandomId::TEXT_BYTES)?;
        Some(Self { id: id.parse().ok()?, rest: rest.parse().ok()? })
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.id, self.rest)
    }
}

/// What only who knows the store's id can say of an offer. Nothing is gained by making one up: who
/// may write to the repository is given one for the asking.
fn proof(repository: &Repository, id: RandomId, claim: u128) -> u128 {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(repository.shared.id.as_bytes());
    hasher.update(&id.to_bits().to_be_bytes());
    hasher.update(&claim.to_be_bytes());
    hasher.update(repository.name().as_str().as_bytes());
    let verified = hasher.finish();
    let hash = verified.digest().hash().iter();
    hash.take(PROOF_BITS / 8).fold(0, |proof, byte| proof << 8 | u128::from(*byte))
}

/// How many characters of the names are alike: as many as make it unlikely that two uploads have
/// them in common, of the 26.
const ALIKE_BYTES: usize = 12;

const PROOF_BITS: usize = 80;
const PROOF_MASK: u128 = (1 << PROOF_BITS) - 1;
const MADE_MASK: u128 = (1 << (ALGORITHM_AT - PROOF_BITS)) - 1;
const ALGORITHM_AT: usize = 120;
