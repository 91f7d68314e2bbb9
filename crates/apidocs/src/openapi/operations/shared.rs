//! The routes that all systems share.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        tag: "Shared",
        summary: "Tells that the node serves requests, whatever the state of its store.",
        success: "The state of the service.",
        failures: &[(403, "The origin is not allowed.")],
        is_public: true,
        ..Operation::new("GET", "/api/health", "getHealth")
    },
    Operation {
        tag: "Shared",
        summary: "Lists the systems that the service offers.",
        success: "The systems.",
        failures: &[(403, "The origin is not allowed.")],
        is_public: true,
        ..Operation::new("GET", "/api/systems", "getSystems")
    },
    Operation {
        tag: "Shared",
        summary: "Returns the cluster's time by JSON-RPC 2.0, as the npm package `timesync` requests it.",
        success: "The time.",
        failures: &[
            (400, "The body is not a request for the time."),
            (403, "The origin is not allowed."),
            (408, "The body arrives too slowly."),
            (413, "The body is larger than 4,096 bytes."),
            (503, "The node does not know the time."),
        ],
        is_public: true,
        ..Operation::new("POST", "/timesync", "getTime")
    },
];
