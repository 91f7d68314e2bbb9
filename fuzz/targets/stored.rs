//! Data read from the store: an item, an update, the name of a scope, a cursor of the history.

#![no_main]

use timers::{Item, Scope};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(item) = Item::decode(bytes) {
        assert_eq!(Item::decode(&item.encode()).expect("an encoded item"), item);
    }
    if let Ok(update) = engine::Update::decode(bytes.to_vec().into()) {
        update.items.read().ok();
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(scope.to_string(), text);
    }
    if let Ok(cursor) = text.parse::<engine::store::HistoryCursor>() {
        assert!(cursor.to_string().parse::<engine::store::HistoryCursor>().is_ok());
    }
});
