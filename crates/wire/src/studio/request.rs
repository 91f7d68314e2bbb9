//! The inputs of the procedures.

use std::fmt;
use std::str::FromStr;

use timers::studio::{
    Adjustment, Category, EntryId, NewEntry, NewTaskType, StudioCommand, Target, TaskTypeChange, TaskTypeId, TimeEntry,
};
use timers::{IndexTerm, Timestamp};

use crate::fault::Fault;
use crate::studio::input::Input;
use crate::studio::procedure::Procedure;

/// Most entries that a client can ask for at once. Without a number it receives all of them, page by page.
pub const LIMIT_MAX: i64 = 1000;

/// One call of a procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StudioRequest {
    /// List the task types.
    ListTaskTypes {
        /// Whether those that are not active are listed too.
        include_inactive: bool,
    },
    /// Return the running entry of a target.
    GetActive(Target),
    /// List entries.
    ListEntries(EntryList),
    /// Change something.
    Command(StudioCommand),
}

/// A list of entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryList {
    /// Which entries match.
    pub filter: EntryFilter,
    /// Only entries behind this position.
    pub after: Option<Cursor>,
    /// The largest number of entries; all if absent.
    pub limit: Option<usize>,
}

/// Which entries match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only entries of this target.
    pub target: Option<Target>,
    /// Only entries that started at this instant or later.
    pub from: Option<Timestamp>,
    /// Only entries that started at this instant or earlier.
    pub to: Option<Timestamp>,
    /// Only entries of these types; all if empty.
    pub task_types: Vec<TaskTypeId>,
    /// Whether entries that were corrected match.
    pub includes_adjusted: bool,
    /// Only entries that run, or only finished ones.
    pub is_running: Option<bool>,
}

/// A position in a list: that of its last entry. Written as `<start in ms>_<id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The start of the last entry.
    pub start: Timestamp,
    /// The id of the last entry; entries of one start are in the order of their ids.
    pub id: EntryId,
}

impl StudioRequest {
    /// Reads the input of a procedure. `user` is the person who calls it, as their login names them.
    ///
    /// # Errors
    /// The fault to answer with.
    pub fn read(procedure: Procedure, input: Option<&str>, user: &str) -> Result<Self, Fault> {
        Ok(match procedure {
            Procedure::ListTaskTypes => {
                let include_inactive = Input::read_optional(input)?.boolean("includeInactive")?.unwrap_or(false);
                Self::ListTaskTypes { include_inactive }
            }
            Procedure::GetActive => Self::GetActive(Input::read_optional(input)?.target()?),
            Procedure::ListEntries => Self::ListEntries(list(Input::read_optional(input)?)?),
            Procedure::CreateTaskType => Self::Command(create(Input::read(input)?)?),
            Procedure::UpdateTaskType => Self::Command(update(Input::read(input)?)?),
            Procedure::Start => Self::Command(start(Input::read(input)?, user)?),
            Procedure::Stop => {
                let entry = EntryId(Input::read(input)?.id("timeEntryId")?);
                Self::Command(StudioCommand::Stop(entry, user.to_owned()))
            }
            Procedure::Adjust => Self::Command(adjust(Input::read(input)?, user)?),
        })
    }
}

fn create(mut input: Input) -> Result<StudioCommand, Fault> {
    Ok(StudioCommand::CreateTaskType(NewTaskType {
        name: input.required_name()?,
        description: input.text("description")?,
        rate: input.required_rate()?,
        category: input.category()?.unwrap_or(Category::Billable),
        color: input.color()?,
        sort_order: input.integer("sortOrder")?.unwrap_or(0),
    }))
}

fn update(mut input: Input) -> Result<StudioCommand, Fault> {
    let id = TaskTypeId(input.id("id")?);
    let mut data = input.object("data", "data.")?.ok_or_else(|| input.wrong("data", "is missing"))?;
    let change = TaskTypeChange {
        name: data.name()?,
        description: data.text("description")?,
        rate: data.rate()?,
        category: data.category()?,
        color: data.color()?,
        sort_order: data.integer("sortOrder")?,
        is_active: data.boolean("isActive")?,
    };
    Ok(StudioCommand::UpdateTaskType(id, change))
}

fn start(mut input: Input, user: &str) -> Result<StudioCommand, Fault> {
    Ok(StudioCommand::Start(NewEntry {
        task_type: TaskTypeId(input.id("taskTypeId")?),
        target: input.target()?,
        notes: input.text("notes")?,
        user: user.to_owned(),
    }))
}

fn adjust(mut input: Input, user: &str) -> Result<StudioCommand, Fault> {
    Ok(StudioCommand::Adjust(Adjustment {
        entry: EntryId(input.id("timeEntryId")?),
        start: input.date("startTime")?,
        end: input.date("endTime")?,
        notes: input.text("notes")?,
        user: user.to_owned(),
    }))
}

fn list(mut input: Input) -> Result<EntryList, Fault> {
    let target = input.optional_target()?;
    let range = input.object("dateRange", "dateRange.")?;
    let range = range.map(|mut range| Ok::<_, Fault>((range.required_date("start")?, range.required_date("end")?)));
    let range = range.transpose()?;
    let task_types = input.ids("taskTypeIds")?.into_iter().map(TaskTypeId).collect();
    let includes_adjusted = input.boolean("includeManuallyAdjusted")?.unwrap_or(true);
    let is_running = input.boolean("isRunning")?;
    let after = input.nullable_text("cursor")?.map(|text| text.parse());
    let after = after.transpose().map_err(|()| input.wrong("cursor", "must be the nextCursor of an earlier answer"))?;
    let limit = match input.nullable_integer("limit")? {
        Some(limit @ 1..=LIMIT_MAX) => usize::try_from(limit).ok(),
        Some(_) => return Err(input.wrong("limit", "must be from 1 to 1000")),
        None => None,
    };
    let (from, to) = range.unzip();
    let filter = EntryFilter { target, from, to, task_types, includes_adjusted, is_running };
    Ok(EntryList { filter, after, limit })
}

impl EntryFilter {
    /// Returns the index term that finds all matching entries with the fewest others, if one does.
    pub fn term(&self) -> Option<IndexTerm> {
        match (self.target, &self.task_types[..]) {
            (Some(target), _) => Some(target.term()),
            (None, [task_type]) => Some(task_type.term()),
            (None, _) => None,
        }
    }

    /// Tells whether an entry matches.
    pub fn matches(&self, entry: &TimeEntry) -> bool {
        self.target.is_none_or(|target| target == entry.target)
            && self.from.is_none_or(|from| from <= entry.start)
            && self.to.is_none_or(|to| entry.start <= to)
            && (self.task_types.is_empty() || self.task_types.contains(&entry.task_type))
            && (self.includes_adjusted || !entry.manually_adjusted)
            && self.is_running.is_none_or(|is_running| is_running == entry.end.is_none())
    }
}

impl Cursor {
    /// Returns the position of an entry.
    pub fn of(entry: &TimeEntry) -> Self {
        Self { start: entry.start, id: entry.id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.start, self.id.0)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (start, id) = text.split_once('_').ok_or(())?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| ());
        Ok(Self { start: Timestamp(number(start)?), id: EntryId(number(id)?) })
    }
}
