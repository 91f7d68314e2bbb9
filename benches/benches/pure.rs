//! What deciding and rendering cost: `cargo bench -p benches --bench pure`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use timers::stopwatch::{Command as Ask, Start};
use timers::{
    Board, Command, CommandId, Decision, Known, Limits, Position, Scope, SessionId, Tag, Timestamp, UserId, decide,
};
use wire::clockit::{Dialect, news, parse, ready, ticks};

const NOW: Timestamp = Timestamp(1_800_000_000_250);

fn id(nth: usize) -> SessionId {
    SessionId::new(&format!("session-{nth}")).expect("a good name")
}

fn start(nth: usize) -> Command {
    Command::Stopwatch(Ask::Start(Start {
        session: Some(id(nth)),
        label: "Write the quarterly report".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    }))
}

fn after(board: &Board, command: &Command) -> Board {
    match decide(board, &Known::default(), command, CommandId(1), NOW, &Limits::default()) {
        Ok(Decision::Change(change)) => {
            let revision = board.position.revision.next();
            board.after(&change, Position { revision, tag: Tag(revision.0) })
        }
        other => panic!("{other:?}"),
    }
}

fn board(running: usize) -> Board {
    let empty = Board::empty(Scope::User(UserId::new("ann").expect("a good name")));
    (0..running).fold(empty, |board, nth| after(&board, &start(nth)))
}

fn deciding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    for sessions in [1, 10, 200] {
        let board = board(sessions);
        let pause = Command::Stopwatch(Ask::Pause(id(0)));
        group.bench_function(format!("pause, {sessions} sessions"), |b| {
            b.iter(|| decide(&board, &Known::default(), black_box(&pause), CommandId(1), NOW, &Limits::default()));
        });
    }
    group.finish();
}

fn parsing(c: &mut Criterion) {
    let text = r#"{"type":"session-pause","id":"8f14e45f","payload":{"sessionId":"session-0"}}"#;
    c.bench_function("parse/pause", |b| b.iter(|| parse(black_box(text))));
}

fn rendering(c: &mut Criterion) {
    let mut group = c.benchmark_group("render");
    for (name, dialect) in [("seed", Dialect::Seed), ("v1", Dialect::V1)] {
        for sessions in [1, 10] {
            let board = board(sessions);
            group.bench_function(format!("tick, {name}, {sessions} running"), |b| {
                b.iter(|| ticks(dialect, black_box(&board), NOW.beat().next(), |text, _| _ = black_box(text)));
            });
        }
        let old = board(10);
        let new = after(&old, &Command::Stopwatch(Ask::Pause(id(3))));
        group.bench_function(format!("news, {name}, 1 of 10 paused"), |b| {
            b.iter(|| news(dialect, black_box(&old), &new, NOW, |text| _ = black_box(text)));
        });
    }
    let ten = board(10);
    group.bench_function("ready, 10 sessions", |b| {
        b.iter_batched(|| (), |()| ready(black_box(&ten), NOW), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, deciding, parsing, rendering);
criterion_main!(benches);
