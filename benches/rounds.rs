//! What every comparison does: an order that is new in each round, and medians.

/// The numbers up to `count`, in an order that `random` says.
pub(crate) fn shuffled(count: usize, mut random: impl FnMut() -> u64) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = (0..count).map(|index| (random(), index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}

/// The one in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
