//! Who is spoken to, for counting.

use std::sync::Arc;

use opentelemetry::KeyValue;
use wire::clockit;

use crate::auth::By;
use crate::metrics::Metrics;
use crate::metrics::tally::Label;

/// What is spoken with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    ClockitSeed,
    ClockitV1,
    Rooms,
}

impl From<clockit::Dialect> for Dialect {
    fn from(dialect: clockit::Dialect) -> Self {
        match dialect {
            clockit::Dialect::Seed => Self::ClockitSeed,
            clockit::Dialect::V1 => Self::ClockitV1,
        }
    }
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClockitSeed => "clockit.seed",
            Self::ClockitV1 => "clockit.v1",
            Self::Rooms => "rooms",
        }
    }
}

impl Label for Dialect {
    const ALL: &[Self] = &[Self::ClockitSeed, Self::ClockitV1, Self::Rooms];

    fn index(self) -> usize {
        self as usize
    }

    fn attributes(self) -> Vec<KeyValue> {
        vec![KeyValue::new("dialect", self.name())]
    }
}

/// A client, by what it speaks and what it was believed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    dialect: Dialect,
    by: By,
}

/// By what somebody is believed, in the order of the label.
const EVIDENCE: [By; 4] = [By::UserId, By::Token, By::Session, By::Guest];

const PARTIES: [Party; EVIDENCE.len() * Dialect::ALL.len()] = {
    let mut all = [Party { dialect: Dialect::ClockitSeed, by: By::UserId }; EVIDENCE.len() * Dialect::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = Party { dialect: Dialect::ALL[at / EVIDENCE.len()], by: EVIDENCE[at % EVIDENCE.len()] };
        at += 1;
    }
    all
};

impl Label for Party {
    const ALL: &[Self] = &PARTIES;

    fn index(self) -> usize {
        let by = match self.by {
            By::UserId => 0,
            By::Token => 1,
            By::Session => 2,
            By::Guest => 3,
        };
        self.dialect.index() * EVIDENCE.len() + by
    }

    fn attributes(self) -> Vec<KeyValue> {
        let by = match self.by {
            By::UserId => "trusted",
            By::Token => "token",
            By::Session => "session",
            By::Guest => "guest",
        };
        vec![KeyValue::new("dialect", self.dialect.name()), KeyValue::new("auth", by)]
    }
}

/// A client that is there, until this is dropped.
pub(crate) struct Present {
    metrics: Arc<Metrics>,
    party: Party,
}

impl Present {
    /// Counts a client that has come.
    pub(crate) fn new(metrics: &Arc<Metrics>, dialect: impl Into<Dialect>, by: By) -> Self {
        let party = Party { dialect: dialect.into(), by };
        metrics.opened.add(party, 1);
        metrics.present.add(party, 1);
        Self { metrics: Arc::clone(metrics), party }
    }

    /// Takes in that the client is believed for something else.
    pub(crate) fn is_by(&mut self, by: By) {
        let party = Party { by, ..self.party };
        if party != self.party {
            self.metrics.present.add(party, 1);
            self.metrics.present.take_away(self.party);
            self.party = party;
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.metrics.present.take_away(self.party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_party_has_a_place_of_its_own() {
        for (place, party) in Party::ALL.iter().enumerate() {
            assert_eq!(party.index(), place);
        }
    }
}
