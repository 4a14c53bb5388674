//! Two or three streams through the SHA extensions of one x86-64 core.
//!
//! Each round of a stream needs the one before, and takes longer than the unit that computes it is
//! busy with it. So one stream leaves that unit idle half of the time, and a second one is nearly
//! free. The third fills what loads and message schedules leave; a fourth finds no registers.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};
use std::array;

use crate::constants::ROUNDS;
use crate::lane::{Block, State};

/// The proof that this processor has the instructions: only [`ShaNi::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi {
    /// Whether there are 32 registers, twice as many: what three streams need is more than 16.
    has_avx512: bool,
}

impl ShaNi {
    /// `None` on a processor without them.
    pub(crate) fn detect() -> Option<Self> {
        let is_there = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("avx"); // instructions with three operands need fewer copies
        let has_avx512 =
            is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        is_there.then_some(Self { has_avx512 })
    }

    /// The same on a processor with fewer registers.
    #[cfg(test)]
    pub(crate) fn without_avx512(mut self) -> Self {
        self.has_avx512 = false;
        self
    }

    /// Hashes blocks into states, the first run into the first state and so on, as far as the
    /// shortest run goes.
    pub(crate) fn compress<const N: usize>(self, states: [&mut State; N], runs: [&[Block]; N]) {
        if self.has_avx512 {
            // SAFETY: `detect` has seen `sha`, `ssse3`, `sse4.1` and `avx`, or there were no
            // `self`, and `avx512f` and `avx512vl`, or the field were false.
            unsafe { compress_avx512(states, runs) }
        } else {
            // SAFETY: `detect` has seen `sha`, `ssse3`, `sse4.1` and `avx`, or there were no `self`.
            unsafe { compress_avx(states, runs) }
        }
    }
}

/// Where a stream is: the eight words of its state, in the order that the instructions want.
#[derive(Clone, Copy)]
struct Words {
    abef: __m128i,
    cdgh: __m128i,
}

/// The same code, once for each set of registers.
macro_rules! compress_with {
    ($name:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $name<const N: usize>(states: [&mut State; N], runs: [&[Block]; N]) {
            let blocks = runs.iter().map(|run| run.len()).min().unwrap_or(0);
            let runs = runs.map(|run| &run[..blocks]);
            let mut words: [Words; N] = array::from_fn(|lane| load_state(states[lane]));
            for index in 0..blocks {
                let before = words;
                let mut message: [_; N] = array::from_fn(|lane| load_block(&runs[lane][index]));
                for quad in 0..4 {
                    for lane in 0..N {
                        four_rounds(&mut words[lane], message[lane][quad], ROUNDS[quad]);
                    }
                }
                for group in 1..4 {
                    for quad in 0..4 {
                        // All schedules, then all rounds: what follows each other is of different
                        // lanes, and does not wait for each other.
                        for lane in 0..N {
                            schedule(&mut message[lane], quad);
                        }
                        let constants = ROUNDS[4 * group + quad];
                        for lane in 0..N {
                            four_rounds(&mut words[lane], message[lane][quad], constants);
                        }
                    }
                }
                for lane in 0..N {
                    words[lane].abef = _mm_add_epi32(words[lane].abef, before[lane].abef);
                    words[lane].cdgh = _mm_add_epi32(words[lane].cdgh, before[lane].cdgh);
                }
            }
            for (state, words) in states.into_iter().zip(words) {
                store_state(state, words);
            }
        }
    };
}

compress_with!(compress_avx, "sha,ssse3,sse4.1,avx");
compress_with!(compress_avx512, "sha,ssse3,sse4.1,avx,avx512f,avx512vl");

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn four_rounds(words: &mut Words, message: __m128i, constants: [u32; 4]) {
    let sum = _mm_add_epi32(message, vector(constants));
    words.cdgh = _mm_sha256rnds2_epu32(words.cdgh, words.abef, sum);
    words.abef = _mm_sha256rnds2_epu32(words.abef, words.cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

/// Replaces four words of the message by the four that come 16 rounds later.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn schedule(message: &mut [__m128i; 4], quad: usize) {
    let [now, next, third, last] = array::from_fn(|ahead| message[(quad + ahead) % 4]);
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, next), _mm_alignr_epi8(last, third, 4));
    message[quad] = _mm_sha256msg2_epu32(sum, last);
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn load_block(block: &Block) -> [__m128i; 4] {
    let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut message = [_mm_setzero_si128(); 4];
    for (words, bytes) in message.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: `bytes` are 16 bytes that can be read, and the load asks for no alignment.
        let loaded = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        *words = _mm_shuffle_epi8(loaded, big_endian);
    }
    message
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn load_state(state: &State) -> Words {
    let [abcd, efgh] = [0, 4].map(|from| array::from_fn(|word| state[from + word]));
    let cdab = _mm_shuffle_epi32(vector(abcd), 0xb1);
    let hgfe = _mm_shuffle_epi32(vector(efgh), 0x1b);
    Words { abef: _mm_alignr_epi8(cdab, hgfe, 8), cdgh: _mm_blend_epi16(hgfe, cdab, 0xf0) }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn store_state(state: &mut State, words: Words) {
    let feba = _mm_shuffle_epi32(words.abef, 0x1b);
    let dchg = _mm_shuffle_epi32(words.cdgh, 0xb1);
    let [abcd, efgh] = [_mm_blend_epi16(feba, dchg, 0xf0), _mm_alignr_epi8(dchg, feba, 8)];
    for (four, vector) in state.as_chunks_mut::<4>().0.iter_mut().zip([abcd, efgh]) {
        // SAFETY: `four` are 16 bytes that can be written, and the store asks for no alignment.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), vector) };
    }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1,avx")]
fn vector(words: [u32; 4]) -> __m128i {
    // SAFETY: `words` are 16 bytes that can be read, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}
