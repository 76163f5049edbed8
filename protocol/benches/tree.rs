//! Batch update of the state tree, and the permutation under it.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocol::{
    Fr,
    hash::{Tag, hash},
    poseidon2,
    tree::{Change, EMPTY, MemoryStore, open, update},
};

fn changes(from: u64, count: u64, value: u64) -> Vec<Change> {
    let mut changes: Vec<Change> = (from..from + count)
        .map(|i| (hash(Tag::KeyAccount, &[Fr::from(i)]), Some(Fr::from(value))))
        .collect();
    changes.sort();
    changes
}

fn tree(c: &mut Criterion) {
    c.bench_function("poseidon2 permutation", |b| {
        let mut state = [1, 2, 3].map(Fr::from);
        b.iter(|| poseidon2::permute(&mut state));
    });

    // A state of 2^16 keys.
    let mut store = MemoryStore::new();
    let base = update(&store, EMPTY, &changes(0, 1 << 16, 1)).expect("the store is in memory");
    let root = base.root;
    store.insert(base.nodes);

    let mut group = c.benchmark_group("state of 2^16 keys");
    group.sample_size(20);
    for count in [100, 1000, 10_000] {
        // Half of the keys exist, half are new.
        let changes = changes((1 << 16) - count / 2, count, 2);
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("update {count} keys"), |b| {
            b.iter_batched(
                || (),
                |()| update(&store, root, &changes),
                BatchSize::PerIteration,
            );
        });
    }
    let changes = changes((1 << 16) - 50, 100, 2);
    group.throughput(Throughput::Elements(100));
    group.bench_function("open 100 keys one after the other", |b| {
        b.iter(|| open(&store, root, &changes))
    });
    group.finish();
}

criterion_group!(benches, tree);
criterion_main!(benches);
