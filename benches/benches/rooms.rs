//! What a join and the expiry of many members cost in a large room: `cargo bench -p benches --bench rooms`.
//!
//! The cost of a join must grow at most linearly with the room, and the cost of an expiry must stay about constant for
//! each member.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use timers::room::{Joining, RoomCommand};
use timers::{
    Board, Change, Command, CommandId, ConnectionId, Decision, Limits, MemberId, Millis, NodeId, Position,
    ResumeSecret, RoomId, Scope, StoredRows, Tag, Timestamp, decide,
};
use wire::Dialect;
use wire::rooms::Rooms;

const NOW: Timestamp = Timestamp(1_800_000_000_250);

/// Members of the rooms. A room takes 1,000 members.
const SIZES: [usize; 3] = [250, 500, 1_000];

/// The id of a member. Ids are random in practice, so they do not ascend with the time of joining.
fn id(nth: usize) -> String {
    format!("{:016x}", (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn join(nth: usize, name: Option<String>) -> Joining {
    Joining {
        member: MemberId::new(&id(nth)).expect("a good id"),
        secret: ResumeSecret::new(&id(nth + 1_000_000)).expect("a good id"),
        resume: None,
        name,
        connection: connection(nth),
        node: NodeId::new("node-1.5f1c4086f9897ed5").expect("a good id"),
    }
}

fn connection(nth: usize) -> ConnectionId {
    ConnectionId::new(&id(nth + 2_000_000)).expect("a good id")
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.room.members = usize::MAX;
    limits
}

fn change(board: &Board, command: &Command, now: Timestamp) -> Change {
    match decide(board, &StoredRows::default(), command, CommandId(1), now, &limits()) {
        Ok(Decision::Change(change)) => change,
        other => panic!("{other:?}"),
    }
}

fn after(board: &Board, change: &Change) -> Board {
    let revision = board.position.revision.next();
    board.after(change, Position { revision, tag: Tag(revision.0) })
}

/// A room of so many members without given names, which joined 10 ms apart.
fn room(members: usize) -> Board {
    let empty = Board::empty(Scope::room(&RoomId::new("r").expect("a good id")));
    (0..members).fold(empty, |board, nth| {
        let command = match nth {
            0 => RoomCommand::Create(None, join(nth, None)),
            _ => RoomCommand::Join(join(nth, None)),
        };
        after(&board, &change(&board, &command.into(), NOW + Millis(10 * nth as u64)))
    })
}

/// A room whose members all lost their connections.
fn disconnected(members: usize) -> Board {
    (0..members).fold(room(members), |board, nth| {
        let command = RoomCommand::MarkDisconnected(connection(nth));
        after(&board, &change(&board, &command.into(), NOW + Millis(20_000 + nth as u64)))
    })
}

/// One join: the decision, the new board, the change as the other members are sent it, and the greeting of the joiner.
fn joining(c: &mut Criterion) {
    let later = NOW + Millis(60_000);
    let mut group = c.benchmark_group("join");
    for size in SIZES {
        let (board, command) = (room(size), Command::from(RoomCommand::Join(join(size, None))));
        let decided = change(&board, &command, later);
        let joined = after(&board, &decided);
        let member = MemberId::new(&id(size)).expect("a good id");
        let of = |step| BenchmarkId::new(step, size);
        group.bench_function(of("decide"), |b| b.iter(|| change(black_box(&board), &command, later)));
        group.bench_function(of("board"), |b| b.iter(|| after(black_box(&board), &decided)));
        group.bench_function(of("diff"), |b| {
            b.iter(|| Rooms::diff(black_box(&board), &joined, later, |event| _ = black_box(event)));
        });
        group.bench_function(of("greet"), |b| {
            b.iter(|| Rooms::greet(black_box(&joined), &member, later, |event| _ = black_box(event)));
        });
        group.bench_function(of("all"), |b| {
            b.iter(|| {
                let joined = after(&board, &change(black_box(&board), &command, later));
                Rooms::diff(&board, &joined, later, |event| _ = black_box(event));
                Rooms::greet(&joined, &member, later, |event| _ = black_box(event));
            });
        });
    }
    group.finish();
}

/// The expiry of all members at once. The throughput is that of members.
fn expiring(c: &mut Criterion) {
    let later = NOW + Millis(60_000);
    let mut group = c.benchmark_group("settle");
    for size in SIZES {
        let board = disconnected(size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("all due", size), |b| {
            b.iter(|| change(black_box(&board), &Command::Settle, later));
        });
    }
    group.finish();
}

criterion_group!(benches, joining, expiring);
criterion_main!(benches);
