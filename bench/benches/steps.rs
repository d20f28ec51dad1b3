//! How long each step of a request takes: `just bench`, or `just bench pick` for those whose names hold a word.

use std::{cell::RefCell, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate_bench::cases;

fn steps(criterion: &mut Criterion) {
    for case in cases::all() {
        // Made ready only if it is among those that were asked for.
        let step = RefCell::new(None);
        criterion.bench_function(case.name(), |bencher| {
            let mut step = step.borrow_mut();
            bencher.iter(step.get_or_insert_with(|| case.prepare()));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = steps
}
criterion_main!(benches);
