//! The clients of a run.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

use crate::client::{Client, ClientProfile, Dialect, RunContext};
use crate::focus::{FocusPerson, FocusProfile, FocusState};
use crate::library::{LibraryClient, LibraryProfile, LibraryRoom};
use crate::punch_clock::{Device, DeviceProfile, DeviceRecord};
use crate::record::{Event, Record};
use crate::rooms::{Role, RoomClient, RoomIds, RoomProfile};
use crate::studio::{Member, MemberProfile, MemberRecord};

/// Devices of a person with a punch clock: the first adopts every answer and resets the day, the second is stale until it
/// reads the document.
const DEVICES: usize = 2;

/// Library clients of a person: the first sends commands, the second only displays.
const LIBRARY_DEVICES: usize = 2;

/// The amount of load.
pub(crate) struct Size {
    users: usize,
    /// Clients per user.
    devices: usize,
    /// Average time between the commands of a client. The store remembers the last 64 commands of a user: at this
    /// pace, the clients of a user send fewer while one of them waits for an unavailable store.
    pace: Duration,
    /// Duration of the load before the fault.
    pub(crate) before: Duration,
    /// Duration of the load after the fault, ms.
    pub(crate) after_ms: Range<u64>,
    rooms: usize,
    /// Clients per room: a host, a watcher, and others that come and go.
    members: usize,
    /// Average time between the actions of a client of a room.
    room_pace: Duration,
    organizations: usize,
    /// Members per organisation, the last of whom calls nothing.
    colleagues: usize,
    /// Average time between the calls of a member. An organisation keeps its last 64 commands and its last 256 events, and
    /// a member misses fewer while a fault lasts.
    call_pace: Duration,
    /// People with a punch clock, each with [`DEVICES`].
    people: usize,
    /// Average time between the requests of a device.
    page_pace: Duration,
    /// People with focus sessions; every other one has two devices.
    learners: usize,
    /// People with [`LIBRARY_DEVICES`], in runs that have library clients.
    library_users: usize,
    /// Rooms with one library client each.
    library_rooms: usize,
}

/// The clients of a run.
pub(crate) struct Population {
    pub(crate) users: Vec<Client>,
    pub(crate) library: Vec<LibraryClient>,
    pub(crate) library_rooms: Vec<LibraryRoom>,
    pub(crate) room_ids: RoomIds,
    pub(crate) rooms: Vec<RoomClient>,
    pub(crate) members: Vec<Member>,
    pub(crate) devices: Vec<Device>,
    pub(crate) learners: Vec<FocusPerson>,
}

/// What the clients of a run have seen and done.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) users: Vec<Record>,
    pub(crate) library: Vec<Record>,
    pub(crate) library_rooms: Vec<Record>,
    pub(crate) rooms: Vec<Record>,
    pub(crate) members: Vec<MemberRecord>,
    pub(crate) devices: Vec<DeviceRecord>,
    pub(crate) learners: Vec<FocusState>,
}

/// The load of the full form.
pub(crate) const FULL: Size = Size {
    users: 75,
    devices: 4,
    pace: Duration::from_millis(1500),
    before: Duration::from_millis(4000),
    after_ms: 200..1000,
    rooms: 12,
    members: 7,
    room_pace: Duration::from_millis(1500),
    organizations: 10,
    colleagues: 5,
    call_pace: Duration::from_millis(900),
    people: 20,
    page_pace: Duration::from_millis(900),
    learners: 24,
    library_users: 20,
    library_rooms: 8,
};
/// The load of the short form.
pub(crate) const SHORT: Size = Size {
    users: 20,
    devices: 3,
    pace: Duration::from_millis(600),
    before: Duration::from_millis(900),
    after_ms: 100..500,
    rooms: 4,
    members: 5,
    room_pace: Duration::from_millis(500),
    organizations: 3,
    colleagues: 4,
    call_pace: Duration::from_millis(400),
    people: 6,
    page_pace: Duration::from_millis(400),
    learners: 9,
    library_users: 6,
    library_rooms: 3,
};

/// The load of scenarios on Kubernetes: 301 WebSocket clients, of Clockit, Punch clock and Focus, and 103 of Socket.IO.
pub(crate) const KUBERNETES: Size = Size {
    users: 62,
    devices: 4,
    pace: Duration::from_millis(2000),
    before: Duration::from_millis(4000),
    after_ms: 200..1000,
    rooms: 9,
    members: 7,
    room_pace: Duration::from_millis(2000),
    organizations: 8,
    colleagues: 5,
    call_pace: Duration::from_millis(1500),
    people: 20,
    page_pace: Duration::from_millis(1500),
    learners: 15,
    library_users: 0,
    library_rooms: 0,
};
/// The load of the short form of these: 62 WebSocket clients and 20 of Socket.IO.
pub(crate) const KUBERNETES_SHORT: Size =
    Size { users: 12, people: 4, learners: 5, rooms: 2, members: 6, organizations: 2, colleagues: 4, ..KUBERNETES };

impl Population {
    /// Starts the clients.
    pub(crate) fn start(size: &Size, context: &RunContext, random: &mut Rng) -> Self {
        let users = start_users(size, context, random);
        let room_ids = RoomIds::new(size.rooms);
        let rooms = start_rooms(size, context, &room_ids, random);
        let members = start_members(size, context, random);
        // A copy, so that whatever else a seed determines does not depend on these devices.
        let mut copy = random.clone();
        let devices = start_devices(size, context, &mut copy);
        let learners = start_learners(size, context, &mut copy);
        let library = start_library(size, context, &mut copy);
        let library_rooms = start_library_rooms(size, context);
        Self { users, library, library_rooms, room_ids, rooms, members, devices, learners }
    }

    /// Waits until the clients have finished, and returns what they have seen and done.
    pub(crate) async fn ended(self) -> Records {
        let mut records = Records::default();
        for client in self.users {
            records.users.push(client.ended().await);
        }
        for client in self.library {
            records.library.push(client.ended().await);
        }
        for client in self.library_rooms {
            records.library_rooms.push(client.ended().await);
        }
        for client in self.rooms {
            records.rooms.push(client.ended().await);
        }
        for member in self.members {
            records.members.push(member.ended().await);
        }
        for device in self.devices {
            records.devices.push(device.ended().await);
        }
        for person in self.learners {
            records.learners.push(person.ended().await);
        }
        records
    }
}

impl Records {
    /// Returns the number of acknowledged commands.
    pub(crate) fn acknowledged(&self) -> usize {
        let calls = self.members.iter().map(|member| member.calls.len());
        let requests = self.devices.iter().flat_map(|device| &device.attempts).filter(|it| it.answer.is_some());
        let learners = self.learners.iter().map(FocusState::acknowledged);
        self.users.iter().chain(&self.library).map(acknowledged).chain(calls).chain(learners).sum::<usize>()
            + requests.count()
    }

    /// Returns the records of all clients.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        let members = self.members.iter().map(|member| &member.record);
        let devices = self.devices.iter().map(|device| &device.record);
        let learners = self.learners.iter().flat_map(|person| &person.devices).map(|device| &device.record);
        self.users
            .iter()
            .chain(&self.library)
            .chain(&self.library_rooms)
            .chain(&self.rooms)
            .chain(members)
            .chain(devices)
            .chain(learners)
    }

    /// Returns the records of all clients.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Record> {
        let members = self.members.into_iter().map(|member| member.record);
        let devices = self.devices.into_iter().map(|device| device.record);
        let learners = self.learners.into_iter().flat_map(|person| person.devices).map(|device| device.record);
        let users = self.users.into_iter().chain(self.library);
        users.chain(self.library_rooms).chain(self.rooms).chain(members).chain(devices).chain(learners)
    }
}

fn start_users(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<Client> {
    let clients = (0..size.users).flat_map(|user| (0..size.devices).map(move |device| (user, device)));
    let clients = clients.map(|(user, device)| {
        let profile = ClientProfile {
            client: format!("u{user}-{device}"),
            user: format!("u{user}"),
            // The last device sends no commands; for every other user it uses the seed dialect.
            dialect: if device + 1 == size.devices && user % 2 == 0 { Dialect::Seed } else { Dialect::V1 },
            node: (user + device) % context.nodes.len(),
            pace: (device + 1 < size.devices || user % 4 == 0).then_some(size.pace),
            races: user % 4 == 1,
            seed: random.u64(..),
        };
        Client::start(profile, context.clone())
    });
    clients.collect()
}

fn start_library(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<LibraryClient> {
    let Some(options) = &context.library else { return vec![] };
    let clients = (0..size.library_users).flat_map(|user| (0..LIBRARY_DEVICES).map(move |device| (user, device)));
    let clients = clients.map(|(user, device)| {
        let profile = LibraryProfile {
            client: format!("library{user}-{device}"),
            user: format!("library{user}"),
            pace: (device == 0).then_some(size.pace),
            seed: random.u64(..),
        };
        LibraryClient::start(profile, options.clone(), context)
    });
    clients.collect()
}

fn start_library_rooms(size: &Size, context: &RunContext) -> Vec<LibraryRoom> {
    let Some(options) = &context.library else { return vec![] };
    let clients = (0..size.library_rooms).map(|nth| format!("library-room{nth}"));
    clients.map(|client| LibraryRoom::start(client, options.clone(), context)).collect()
}

fn start_rooms(size: &Size, context: &RunContext, ids: &RoomIds, random: &mut Rng) -> Vec<RoomClient> {
    let clients = (0..size.rooms).flat_map(|slot| (0..size.members).map(move |nth| (slot, nth)));
    let clients = clients.map(|(slot, nth)| {
        let profile = RoomProfile {
            client: format!("room{slot}-{nth}"),
            slot,
            role: match nth {
                0 => Role::Host,
                1 => Role::Watcher,
                _ => Role::Guest,
            },
            node: random.usize(0..context.nodes.len()),
            pace: size.room_pace,
            seed: random.u64(..),
        };
        RoomClient::start(profile, context.clone(), ids.clone())
    });
    clients.collect()
}

fn start_members(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<Member> {
    let members =
        (1..=size.organizations).flat_map(|organization| (1..=size.colleagues).map(move |nth| (organization, nth)));
    let members = members.map(|(organization, nth)| {
        let profile = MemberProfile {
            client: format!("organization{organization}-{nth}"),
            organization,
            user: organization * 100 + nth,
            node: random.usize(0..context.nodes.len()),
            pace: (nth < size.colleagues).then_some(size.call_pace),
            seed: random.u64(..),
        };
        Member::start(profile, context)
    });
    members.collect()
}

fn start_devices(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<Device> {
    let devices = (1..=size.people).flat_map(|person| (0..DEVICES).map(move |nth| (person, nth)));
    let devices = devices.map(|(person, nth)| {
        let profile = DeviceProfile {
            client: format!("punch{person}-{nth}"),
            person: format!("punch{person}"),
            place: (nth, DEVICES),
            node: (person + nth) % context.nodes.len(),
            pace: size.page_pace,
            adopts: nth == 0,
            resets: nth == 0,
            is_live: nth == 0 || person % 2 == 0,
            seed: random.u64(..),
        };
        Device::start(profile, context)
    });
    devices.collect()
}

fn start_learners(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<FocusPerson> {
    let people = (1..=size.learners).map(|person| {
        let profile = FocusProfile {
            person: format!("focus{person}"),
            node: person % context.nodes.len(),
            devices: 1 + person % 2,
            seed: random.u64(..),
        };
        FocusPerson::start(&profile, context)
    });
    people.collect()
}

fn acknowledged(record: &Record) -> usize {
    record
        .entries
        .iter()
        .filter(|entry| matches!(&entry.event, Event::Received(message) if message["type"] == "ack"))
        .count()
}
