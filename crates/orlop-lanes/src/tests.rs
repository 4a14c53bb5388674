use proptest::collection::vec;
use proptest::prelude::*;
use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState as _;

use crate::Sha256;
use crate::kernel::Kernel;

fn kernels() -> Vec<Kernel> {
    let mut kernels = vec![Kernel::Portable];
    #[cfg(target_arch = "x86_64")]
    if let Some(sha_ni) = crate::x86::ShaNi::detect() {
        kernels.push(Kernel::ShaNi(sha_ni));
        kernels.push(Kernel::ShaNi(sha_ni.without_avx512()));
    }
    kernels
}

fn hash(bytes: &[u8]) -> String {
    let mut sha = Sha256::new();
    sha.update(bytes);
    hex(&sha.finish())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|four| char::from_digit(four.into(), 16).unwrap())
        .collect()
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// Hashes several streams at once, each cut where `cuts` says, and says what came out.
fn hash_many(kernel: Kernel, streams: &[Vec<u8>], cuts: &[usize]) -> Vec<[u8; 32]> {
    let mut shas = vec![Sha256::new(); streams.len()];
    let mut rest: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
    for (round, cut) in cuts.iter().chain([&usize::MAX]).enumerate() {
        let pieces = rest.iter_mut().enumerate().map(|(stream, rest)| {
            // Each stream is cut elsewhere, or lanes would always end together.
            let at = cut.saturating_add(stream * 37 * (round % 3)).min(rest.len());
            let (piece, behind) = rest.split_at(at);
            *rest = behind;
            piece
        });
        Sha256::update_many_with(kernel, shas.iter_mut().zip(pieces));
    }
    shas.into_iter().map(Sha256::finish).collect()
}

fn expected(streams: &[Vec<u8>]) -> Vec<[u8; 32]> {
    streams.iter().map(|bytes| sha2::Sha256::digest(bytes).into()).collect()
}

#[test]
fn published_vectors() {
    for (message, digest) in [
        (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
              hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (&[0xbd], "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
        (
            &[0xc9, 0x8c, 0x8e, 0x55],
            "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504",
        ),
        (&[0; 55], "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
        (&[0; 56], "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
        (&[0; 57], "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
        (&[0; 64], "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
        (&[0; 1000], "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
        (&[b'A'; 1000], "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4"),
        (&[b'U'; 1005], "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0"),
    ] {
        assert_eq!(hash(message), digest, "{} bytes", message.len());
    }
    let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(hash(&vec![b'a'; 1_000_000]), million);
    let zeros = "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025";
    assert_eq!(hash(&vec![0; 1_000_000]), zeros);
}

/// The Monte Carlo test of NIST's validation system, its first round of a thousand messages.
#[test]
fn published_chain() {
    let seed = "6d1e72ad03ddeb5de891e572e2396f8da015d899ef0e79503152d6010a3fe691";
    let byte = |at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap();
    let mut last = [std::array::from_fn(byte); 3];
    for _ in 0..1000 {
        let mut sha = Sha256::new();
        for hash in &last {
            sha.update(hash);
        }
        last = [last[1], last[2], sha.finish()];
    }
    let digest = "e93c330ae5447738c8aa85d71a6c80f2a58381d05872d26bdd39f1fcd4f2b788";
    assert_eq!(hex(&last[2]), digest);
}

#[test]
fn a_million_in_all_lanes() {
    let million = vec![b'a'; 1_000_000];
    let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    for kernel in kernels() {
        for streams in 1..=7 {
            for hash in hash_many(kernel, &vec![million.clone(); streams], &[]) {
                assert_eq!(hex(&hash), digest);
            }
        }
    }
}

#[test]
fn every_length_alone_and_in_each_lane() {
    for kernel in kernels() {
        for len in 0..700 {
            for streams in 1..=4 {
                let streams: Vec<Vec<u8>> =
                    (0..streams).map(|seed| noise((len + 61 * seed) % 700, seed as u64)).collect();
                assert_eq!(hash_many(kernel, &streams, &[]), expected(&streams), "{len}");
            }
        }
    }
}

#[test]
fn a_state_with_any_count_can_be_ended() {
    let mut stored = Sha256::new().state();
    stored[32..40].fill(0xff);
    let mut sha = Sha256::resume(&stored).unwrap();
    sha.update(&[0; 129]);
    sha.finish();
}

proptest! {
    #[test]
    fn any_mix_of_streams(
        lens in vec(0usize..5000, 0..9),
        cuts in vec(0usize..900, 0..6),
    ) {
        let streams: Vec<Vec<u8>> =
            lens.iter().zip(0..).map(|(len, seed)| noise(*len, seed)).collect();
        for kernel in kernels() {
            prop_assert_eq!(hash_many(kernel, &streams, &cuts), expected(&streams));
        }
    }

    #[test]
    fn states_are_those_of_sha2(len in 0usize..3000, cut in 0usize..3000, seed: u64) {
        let bytes = noise(len, seed);
        let (one, two) = bytes.split_at(cut.min(len));
        let (mut ours, mut theirs) = (Sha256::new(), sha2::Sha256::new());
        ours.update(one);
        theirs.update(one);
        let stored = theirs.serialize();
        prop_assert_eq!(&ours.state()[..], stored.as_slice());

        let mut resumed = Sha256::resume(&ours.state()).unwrap();
        let mut theirs = sha2::Sha256::deserialize(&ours.state().into()).unwrap();
        resumed.update(two);
        theirs.update(two);
        prop_assert_eq!(resumed.finish(), <[u8; 32]>::from(theirs.finalize()));
    }

    #[test]
    fn refused_is_what_sha2_refuses(
        words in vec(any::<u8>(), 40), tail_len in 0u8..80, tail in vec(any::<u8>(), 63), zeros in 0usize..64,
    ) {
        let mut stored = [0; Sha256::STATE_BYTES];
        stored[..40].copy_from_slice(&words);
        stored[40] = tail_len;
        stored[41..].copy_from_slice(&tail);
        stored[Sha256::STATE_BYTES - zeros..].fill(0);
        let ours = Sha256::resume(&stored);
        let theirs = sha2::Sha256::deserialize(&stored.into());
        prop_assert_eq!(ours.is_some(), theirs.is_ok());
        if let Some(ours) = ours {
            prop_assert_eq!(ours.state(), stored);
        }
    }
}
