//! Why the rules refuse a command of an organisation.

use crate::studio::task_type::TaskTypeId;
use crate::studio::time_entry::EntryId;

/// Why the rules refuse a command of an organisation. A retry does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudioRefusal {
    /// The organisation does not have the type.
    #[error("Task type not found")]
    UnknownTaskType,
    /// The organisation does not have the entry.
    #[error("Time entry not found")]
    UnknownEntry,
    /// The type is not active.
    #[error("Cannot start timer: task type is inactive")]
    InactiveTaskType,
    /// An entry of the target runs.
    #[error("Cannot start timer: active timer already running for this session/project/track")]
    AlreadyRunning,
    /// The entry does not run.
    #[error("Cannot stop timer: timer is not running")]
    NotRunning,
    /// The end would be before the start.
    #[error("End time cannot be before start time")]
    EndBeforeStart,
    /// The start would be in the future.
    #[error("Start time cannot be in the future")]
    StartInFuture,
    /// As many entries run as the limit.
    #[error("Cannot start timer: {0} timers are running, which is the limit of an organization")]
    TooManyRunning(usize),
    /// There are as many types as the limit.
    #[error("an organization has at most {0} task types")]
    TooManyTaskTypes(usize),
    /// A text has more characters than the limit.
    #[error("notes and descriptions have at most {0} characters")]
    TextTooLong(usize),
    /// Running entries and types have more bytes than the limit.
    #[error("running timers and task types have more than {0} bytes")]
    BoardTooLarge(usize),
    /// No number is left.
    #[error("the ids of the organization are used up")]
    OutOfIds,
    /// A type with the id of an imported one exists, and is another one.
    #[error("task type {} exists already and is another one", .0.0)]
    TaskTypeTaken(TaskTypeId),
    /// An entry with the id of an imported one exists, and is another one.
    #[error("time entry {} exists already and is another one", .0.0)]
    EntryTaken(EntryId),
    /// An imported entry is of a type that the organisation does not have.
    #[error("time entry {} is of a task type that does not exist", .0.0)]
    EntryWithoutType(EntryId),
    /// An imported entry begins in the future.
    #[error("time entry {} begins in the future", .0.0)]
    EntryInFuture(EntryId),
    /// An imported entry runs, and another entry of its target runs already.
    #[error("time entry {} runs, and another entry of its session, project or track is running already", .0.0)]
    TargetRuns(EntryId),
}
