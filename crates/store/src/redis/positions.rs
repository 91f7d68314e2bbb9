//! Reading the positions of boards.

use bytes::Bytes;
use engine::store::{Fault, FaultKind};
use fred::error::Error;
use fred::interfaces::HashesInterface;
use timers::Position;

use crate::redis::decode;
use crate::redis::fault::each_reply;
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Reads the positions of boards; `None` for a board whose position can't be read.
pub(crate) async fn read(
    server: &Server,
    shared: &Shared,
    boards: impl ExactSizeIterator<Item = String>,
) -> Result<Vec<Option<Position>>, Fault> {
    let fault = |error| server.fault(error);
    let expected = boards.len();
    let pipeline = server.commands()?.pipeline();
    for board in boards {
        let _: () = pipeline.hmget(board, vec!["@rev", "@tag"]).await.map_err(fault)?;
    }
    let heads = each_reply(pipeline.try_all::<Vec<Option<Bytes>>>().await, expected).map_err(fault)?;
    let position = |head: Result<Vec<Option<Bytes>>, Error>| {
        let head = head.map_err(fault)?;
        decode::position(field(&head, 0), field(&head, 1))
    };
    let note = |fault: &Fault| {
        if fault.kind() == FaultKind::Damaged {
            shared.counters.damaged.add_one();
        }
    };
    Ok(heads.into_iter().map(|head| position(head).inspect_err(note).ok()).collect())
}

fn field(head: &[Option<Bytes>], nth: usize) -> Option<&[u8]> {
    head.get(nth).and_then(Option::as_deref)
}
