//! Hashing: the only place where a digest becomes trusted.

use orlop_lanes::Sha256;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha512};

use crate::{Algorithm, Digest, Invalid};

/// Hashes a stream of bytes, and can be put down in the middle and taken up again elsewhere.
///
/// ```
/// use orlop_oci::{Algorithm, Digest, Hasher};
///
/// let mut hasher = Hasher::new(Algorithm::Sha256);
/// hasher.update(b"hel");
/// let state = hasher.state(); // store it; go on in another process
/// let mut hasher = Hasher::resume(&state)?;
/// hasher.update(b"lo");
/// let verified = hasher.finish();
/// assert_eq!(verified.digest(), &Digest::of(Algorithm::Sha256, b"hello"));
/// assert_eq!(verified.size(), 5);
/// # Ok::<(), orlop_oci::Invalid>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hasher {
    core: Core,
    size: u64,
}

#[derive(Clone, Debug)]
enum Core {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Starts with no bytes seen.
    pub fn new(algorithm: Algorithm) -> Self {
        let core = match algorithm {
            Algorithm::Sha256 => Core::Sha256(Sha256::new()),
            Algorithm::Sha512 => Core::Sha512(Box::new(Sha512::new())),
        };
        Self { core, size: 0 }
    }

    /// Takes up a hash where [`Hasher::state`] put it down, without reading any byte again.
    ///
    /// Fails when the state was not written by this version of the format; the caller then
    /// hashes from the beginning.
    pub fn resume(state: &HashState) -> Result<Self, Invalid> {
        let refused = |reason: &str| Invalid::new("hash state", state.describe(), reason);
        let core = match state.algorithm {
            Algorithm::Sha256 => Core::Sha256(
                Sha256::resume(
                    state.bytes.as_slice().try_into().map_err(|_| refused("wrong length"))?,
                )
                .ok_or_else(|| refused("impossible position in the block"))?,
            ),
            Algorithm::Sha512 => Core::Sha512(Box::new(
                Sha512::deserialize(
                    &SerializedState::<Sha512>::try_from(state.bytes.as_slice())
                        .map_err(|_| refused("wrong length"))?,
                )
                .map_err(|_| refused("impossible position in the block"))?,
            )),
        };
        Ok(Self { core, size: state.size })
    }

    /// Hashes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.core {
            Core::Sha256(sha) => sha.update(bytes),
            Core::Sha512(sha) => sha.update(bytes),
        }
        self.size += bytes.len() as u64;
    }

    /// Hashes the next bytes of several streams: with SHA-256, and a processor that has
    /// instructions for it, three of them take hardly longer than one.
    ///
    /// ```
    /// use orlop_oci::{Algorithm, Digest, Hasher};
    ///
    /// let mut hashers = [Algorithm::Sha256; 2].map(Hasher::new);
    /// Hasher::update_many(hashers.iter_mut().zip([&b"hello"[..], b"world"]));
    /// let [hello, world] = hashers.map(Hasher::finish);
    /// assert_eq!(hello.digest(), &Digest::of(Algorithm::Sha256, b"hello"));
    /// assert_eq!(world.digest(), &Digest::of(Algorithm::Sha256, b"world"));
    /// ```
    pub fn update_many<'a>(streams: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>) {
        let lanes = streams.into_iter().filter_map(|(hasher, bytes)| {
            hasher.size += bytes.len() as u64;
            match &mut hasher.core {
                Core::Sha256(sha) => Some((sha, bytes)),
                Core::Sha512(sha) => {
                    sha.update(bytes);
                    None
                }
            }
        });
        Sha256::update_many(lanes);
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.core {
            Core::Sha256(_) => Algorithm::Sha256,
            Core::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Bytes hashed so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Everything needed to go on later: about 100 bytes for SHA-256, 210 for SHA-512.
    pub fn state(&self) -> HashState {
        HashState {
            algorithm: self.algorithm(),
            size: self.size,
            bytes: match &self.core {
                Core::Sha256(sha) => sha.state().to_vec(),
                Core::Sha512(sha) => sha.serialize().as_slice().to_vec(),
            },
        }
    }

    /// Ends the stream. This is the only way to make a [`Verified`].
    pub fn finish(self) -> Verified {
        let algorithm = self.algorithm();
        let digest = match self.core {
            Core::Sha256(sha) => Digest::from_hash(algorithm, &sha.finish()),
            Core::Sha512(sha) => Digest::from_hash(algorithm, &sha.finalize()),
        };
        Verified { digest, size: self.size }
    }
}

/// A hash put down in the middle of a stream: plain data that can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashState {
    algorithm: Algorithm,
    size: u64,
    bytes: Vec<u8>,
}

impl HashState {
    /// Puts together what [`HashState::algorithm`], [`HashState::size`] and
    /// [`HashState::as_bytes`] took apart. [`Hasher::resume`] checks it.
    pub fn new(algorithm: Algorithm, size: u64, bytes: Vec<u8>) -> Self {
        Self { algorithm, size, bytes }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Bytes hashed so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The state of the algorithm in the words of its implementation.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn describe(&self) -> String {
        let (algorithm, length) = (self.algorithm, self.bytes.len());
        format!("{algorithm} at byte {}, {length} bytes", self.size)
    }
}

/// A digest whose bytes were hashed here, together with how many they were.
///
/// There is no constructor: holding one is the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    digest: Digest,
    size: u64,
}

impl Verified {
    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many bytes there were.
    pub fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_split_with_a_resume_at_each_cut_gives_the_same_digest(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            cuts in proptest::collection::vec(0usize..2000, 0..6),
        ) {
            for algorithm in Algorithm::ALL {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
                cuts.sort_unstable();
                cuts.push(bytes.len());
                let (mut hasher, mut from) = (Hasher::new(algorithm), 0);
                for to in cuts {
                    hasher.update(&bytes[from..to]);
                    hasher = Hasher::resume(&hasher.state()).unwrap();
                    from = to;
                }
                let verified = hasher.finish();
                prop_assert_eq!(verified.digest(), &Digest::of(algorithm, &bytes));
                prop_assert_eq!(verified.size(), bytes.len() as u64);
            }
        }

        #[test]
        fn many_streams_of_both_algorithms(
            streams in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..1000)), 0..8),
        ) {
            let algorithm = |is_long: bool| if is_long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let mut hashers: Vec<Hasher> =
                streams.iter().map(|(is_long, _)| Hasher::new(algorithm(*is_long))).collect();
            let halves = streams.iter().map(|(_, bytes)| bytes.split_at(bytes.len() / 2));
            let (firsts, seconds): (Vec<_>, Vec<_>) = halves.unzip();
            Hasher::update_many(hashers.iter_mut().zip(firsts));
            Hasher::update_many(hashers.iter_mut().zip(seconds));
            for (hasher, (is_long, bytes)) in hashers.into_iter().zip(&streams) {
                let verified = hasher.finish();
                prop_assert_eq!(verified.digest(), &Digest::of(algorithm(*is_long), bytes));
                prop_assert_eq!(verified.size(), bytes.len() as u64);
            }
        }

        #[test]
        fn states_that_sha2_stored_are_taken_up(bytes: Vec<u8>, rest: Vec<u8>) {
            let mut theirs = sha2::Sha256::new();
            theirs.update(&bytes);
            let stored = theirs.serialize().as_slice().to_vec();
            let stored = HashState::new(Algorithm::Sha256, bytes.len() as u64, stored);
            let mut hasher = Hasher::resume(&stored).unwrap();
            prop_assert_eq!(&hasher.state(), &stored);
            hasher.update(&rest);
            let whole = [bytes, rest].concat();
            let verified = hasher.finish();
            prop_assert_eq!(verified.digest(), &Digest::of(Algorithm::Sha256, &whole));
        }

        #[test]
        fn no_state_makes_resume_panic(size: u64, bytes: Vec<u8>, long in proptest::collection::vec(any::<u8>(), 104)) {
            for algorithm in Algorithm::ALL {
                let _ = Hasher::resume(&HashState::new(algorithm, size, bytes.clone()));
                let _ = Hasher::resume(&HashState::new(algorithm, size, long.clone()));
            }
        }
    }
}
