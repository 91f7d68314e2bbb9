//! Files that are no whole backup: nothing of them is restored.

use harness::RedisServer;

use super::command::{Folder, Said, backup, keys, node, restore, stop};
use super::content::write;

#[tokio::test]
async fn a_cut_or_damaged_file_is_refused_with_the_place_and_nothing_is_written() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    let source = node(&folder.store("data")).await;
    write(&source).await;
    stop(source).await;
    Said::by(&mut backup(&folder.store("data"), &file)).has(0, &[]);
    let whole = std::fs::read(&file).unwrap();
    let bad = folder.path("bad.tcb");
    let restored = |bytes: &[u8]| {
        std::fs::write(&bad, bytes).unwrap();
        Said::by(&mut restore(&redis.url(), &bad))
    };
    for length in [0, 10, 25, whole.len() / 2, whole.len() - 1] {
        let expected =
            if length < 20 { "bad.tcb: it is not a backup of Tickcast" } else { "bad.tcb: it is cut: it ends" };
        restored(&whole[..length]).has(65, &[expected, "nothing was restored"]);
    }
    for at in [30, whole.len() / 2, whole.len() - 3] {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        restored(&flipped).has(65, &["bad.tcb: it is damaged: the block at byte ", "nothing was restored"]);
    }
    assert_eq!(keys(&redis), 0, "the store was not even opened");
    Said::by(&mut restore(&redis.url(), &folder.path("none.tcb"))).has(66, &["none.tcb"]);
    restored(&whole).has(0, &["restored "]);
}
