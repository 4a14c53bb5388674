//! The whole blocks of one stream, on their way through a lane.

use crate::kernel::Kernel;

/// The eight words that a stream has become so far.
pub(crate) type State = [u32; 8];

/// What is hashed at a time.
pub(crate) type Block = [u8; 64];

/// One stream's next blocks.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) blocks: &'a [Block],
}

impl Lane<'_> {
    /// Hashes all of several streams. Takes `WIDTH` at a time, and where one ends, the next one.
    pub(crate) fn run_all(kernel: Kernel, streams: impl Iterator<Item = Self>) {
        let mut waiting = streams.filter(|lane| !lane.blocks.is_empty());
        let mut lanes: [Option<Self>; WIDTH] = [const { None }; WIDTH];
        loop {
            for lane in &mut lanes {
                if lane.as_ref().is_none_or(|lane| lane.blocks.is_empty()) {
                    *lane = waiting.next();
                }
            }
            match lanes.each_mut().map(Option::as_mut) {
                [None, None, None] => return,
                [Some(a), Some(b), Some(c)] => Self::step(kernel, [a, b, c]),
                [Some(a), Some(b), None] | [Some(a), None, Some(b)] | [None, Some(a), Some(b)] => {
                    Self::step(kernel, [a, b]);
                }
                [Some(lane), None, None] | [None, Some(lane), None] | [None, None, Some(lane)] => {
                    Self::step(kernel, [lane]);
                }
            }
        }
    }

    /// Goes on with all of them, until the first one ends.
    fn step<const N: usize>(kernel: Kernel, mut lanes: [&mut Self; N]) {
        let blocks = lanes.iter().map(|lane| lane.blocks.len()).min().unwrap_or(0);
        let runs = lanes.each_mut().map(|lane| {
            let (run, rest) = lane.blocks.split_at(blocks);
            lane.blocks = rest;
            run
        });
        kernel.compress(lanes.map(|lane| &mut *lane.state), runs);
    }
}

/// How many streams are hashed side by side: a fourth would find no registers.
const WIDTH: usize = 3;
