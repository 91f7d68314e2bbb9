//! Connected clients, by dialect and authentication method.

use std::sync::{Arc, LazyLock};

use access::AuthMethod;
use opentelemetry::KeyValue;

use crate::ops::metrics::Metrics;
use crate::ops::metrics::labelled_counter::Label;
use crate::systems::DIALECTS;

/// A dialect, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DialectLabel(usize);

impl DialectLabel {
    /// Returns the label of a dialect that a system lists.
    pub(crate) fn of(dialect: &str) -> Self {
        let listed = DIALECTS.iter().position(|listed| *listed == dialect);
        debug_assert!(listed.is_some(), "{dialect:?} is not among the DIALECTS of a system");
        Self(listed.unwrap_or_default())
    }
}

static DIALECT_LABELS: LazyLock<Vec<DialectLabel>> = LazyLock::new(|| (0..DIALECTS.len()).map(DialectLabel).collect());

impl Label for DialectLabel {
    fn all() -> &'static [Self] {
        &DIALECT_LABELS
    }

    fn index(self) -> usize {
        self.0
    }

    fn attributes(self) -> Vec<KeyValue> {
        vec![KeyValue::new("dialect", DIALECTS[self.0])]
    }
}

/// The authentication methods and their names as labels.
const METHODS: [(AuthMethod, &str); 5] = [
    (AuthMethod::UserId, "trusted"),
    (AuthMethod::Token, "token"),
    (AuthMethod::Session, "session"),
    (AuthMethod::NextAuth, "next-auth"),
    (AuthMethod::Guest, "guest"),
];

/// A client's dialect and authentication method, as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientLabels {
    dialect: DialectLabel,
    method: AuthMethod,
}

static CLIENT_LABELS: LazyLock<Vec<ClientLabels>> = LazyLock::new(|| {
    let of_dialect = |dialect: &DialectLabel| METHODS.map(|(method, _)| ClientLabels { dialect: *dialect, method });
    DIALECT_LABELS.iter().flat_map(of_dialect).collect()
});

impl ClientLabels {
    pub(super) fn dialect(self) -> &'static str {
        DIALECTS[self.dialect.0]
    }

    fn method_index(self) -> usize {
        METHODS.iter().position(|(method, _)| *method == self.method).expect("each method is listed")
    }
}

impl Label for ClientLabels {
    fn all() -> &'static [Self] {
        &CLIENT_LABELS
    }

    fn index(self) -> usize {
        self.dialect.index() * METHODS.len() + self.method_index()
    }

    fn attributes(self) -> Vec<KeyValue> {
        let (_, method) = METHODS[self.method_index()];
        vec![KeyValue::new("dialect", self.dialect()), KeyValue::new("auth", method)]
    }
}

/// Counts a client as connected until it is dropped.
pub(crate) struct ConnectionGauge {
    metrics: Arc<Metrics>,
    labels: ClientLabels,
}

impl ConnectionGauge {
    pub(crate) fn new(metrics: &Arc<Metrics>, dialect: &str, method: AuthMethod) -> Self {
        let labels = ClientLabels { dialect: DialectLabel::of(dialect), method };
        metrics.opened.add(labels, 1);
        metrics.connected.add(labels, 1);
        Self { metrics: Arc::clone(metrics), labels }
    }

    /// Counts the client under another authentication method.
    pub(crate) fn set_method(&mut self, method: AuthMethod) {
        let labels = ClientLabels { method, ..self.labels };
        if labels != self.labels {
            self.metrics.connected.add(labels, 1);
            self.metrics.connected.subtract_one(self.labels);
            self.labels = labels;
        }
    }
}

impl Drop for ConnectionGauge {
    fn drop(&mut self) {
        self.metrics.connected.subtract_one(self.labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_of_labels_has_an_index_of_its_own() {
        for (index, labels) in ClientLabels::all().iter().enumerate() {
            assert_eq!(labels.index(), index);
        }
        assert!(DIALECTS.iter().enumerate().all(|(index, dialect)| DialectLabel::of(dialect).index() == index));
    }
}
