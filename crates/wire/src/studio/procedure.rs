//! The procedures.

/// One of the procedures of time tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Procedure {
    /// List the task types.
    ListTaskTypes,
    /// Create a task type.
    CreateTaskType,
    /// Change a task type.
    UpdateTaskType,
    /// Start an entry.
    Start,
    /// Stop an entry.
    Stop,
    /// Return the running entry of a target.
    GetActive,
    /// List entries.
    ListEntries,
    /// Correct an entry.
    Adjust,
}

/// Whether a procedure reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcedureKind {
    /// It reads, and is called by GET.
    Query,
    /// It writes, and is called by POST.
    Mutation,
}

impl Procedure {
    /// All procedures.
    pub const ALL: &[Self] = &[
        Self::ListTaskTypes,
        Self::CreateTaskType,
        Self::UpdateTaskType,
        Self::Start,
        Self::Stop,
        Self::GetActive,
        Self::ListEntries,
        Self::Adjust,
    ];

    /// Returns the procedure at a path.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|procedure| procedure.path() == path)
    }

    /// Returns the path.
    pub fn path(self) -> &'static str {
        match self {
            Self::ListTaskTypes => "timeTracking.taskTypes.list",
            Self::CreateTaskType => "timeTracking.taskTypes.create",
            Self::UpdateTaskType => "timeTracking.taskTypes.update",
            Self::Start => "timeTracking.timer.start",
            Self::Stop => "timeTracking.timer.stop",
            Self::GetActive => "timeTracking.timer.getActive",
            Self::ListEntries => "timeTracking.timeEntries.list",
            Self::Adjust => "timeTracking.timeEntries.adjust",
        }
    }

    /// Returns whether the procedure reads or writes.
    pub fn kind(self) -> ProcedureKind {
        match self {
            Self::ListTaskTypes | Self::GetActive | Self::ListEntries => ProcedureKind::Query,
            Self::CreateTaskType | Self::UpdateTaskType | Self::Start | Self::Stop | Self::Adjust => {
                ProcedureKind::Mutation
            }
        }
    }
}

impl ProcedureKind {
    /// Returns the kind's name in error messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }

    /// Returns the HTTP method of calls.
    pub fn method(self) -> &'static str {
        match self {
            Self::Query => "GET",
            Self::Mutation => "POST",
        }
    }
}
