//! The cost of deciding and rendering: `cargo bench -p benches --bench pure`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use timers::stopwatch::{Start, StopwatchCommand};
use timers::{
    Board, Command, CommandId, Decision, Limits, Position, Scope, SessionId, StoredRows, Tag, Timestamp, UserId, decide,
};
use wire::clockit::{Seed, V1};
use wire::{Dialect, TextDialect};

const NOW: Timestamp = Timestamp(1_800_000_000_250);

fn id(nth: usize) -> SessionId {
    SessionId::new(&format!("session-{nth}")).expect("a good name")
}

fn start(nth: usize) -> Command {
    Command::Stopwatch(StopwatchCommand::Start(Start {
        session: Some(id(nth)),
        label: "Write the quarterly report".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    }))
}

fn after(board: &Board, command: &Command) -> Board {
    match decide(board, &StoredRows::default(), command, CommandId(1), NOW, &Limits::default()) {
        Ok(Decision::Change(change)) => {
            let revision = board.position.revision.next();
            board.after(&change, Position { revision, tag: Tag(revision.0) })
        }
        other => panic!("{other:?}"),
    }
}

fn board(running: usize) -> Board {
    let empty = Board::empty(Scope::user(&UserId::new("ann").expect("a good name")));
    (0..running).fold(empty, |board, nth| after(&board, &start(nth)))
}

fn deciding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    for sessions in [1, 10, 200] {
        let board = board(sessions);
        let pause = Command::Stopwatch(StopwatchCommand::Pause(id(0)));
        group.bench_function(format!("pause, {sessions} sessions"), |b| {
            b.iter(|| decide(&board, &StoredRows::default(), black_box(&pause), CommandId(1), NOW, &Limits::default()));
        });
    }
    group.finish();
}

fn parsing(c: &mut Criterion) {
    let text = r#"{"type":"session-pause","id":"8f14e45f","payload":{"sessionId":"session-0"}}"#;
    c.bench_function("parse/pause", |b| b.iter(|| V1::parse(black_box(text))));
}

fn rendering(c: &mut Criterion) {
    render::<Seed>(c, "seed");
    render::<V1>(c, "v1");
}

fn render<D: TextDialect>(c: &mut Criterion, name: &str) {
    let mut group = c.benchmark_group("render");
    for sessions in [1, 10] {
        let board = board(sessions);
        group.bench_function(format!("tick, {name}, {sessions} running"), |b| {
            b.iter(|| D::ticks(black_box(&board), NOW.beat().next(), |text| _ = black_box(text)));
        });
    }
    let old = board(10);
    let new = after(&old, &Command::Stopwatch(StopwatchCommand::Pause(id(3))));
    group.bench_function(format!("diff, {name}, 1 of 10 paused"), |b| {
        b.iter(|| D::diff(black_box(&old), &new, NOW, |text| _ = black_box(text)));
    });
    group.bench_function(format!("greeting, {name}, 10 sessions"), |b| {
        b.iter(|| D::greet(black_box(&old), &(), NOW, |text| _ = black_box(text)));
    });
    group.finish();
}

criterion_group!(benches, deciding, parsing, rendering);
criterion_main!(benches);
