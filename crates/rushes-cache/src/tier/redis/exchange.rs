//! Many commands in one exchange: to each server what is its own, all servers at once.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use redis::{Cmd, Pipeline, Value, cmd};

use super::link::failed;
use super::names::Name;
use super::servers::Map;
use crate::tier::TierError;

/// Commands, each with the name that decides where it goes.
#[derive(Default)]
pub(super) struct Batch(Vec<(Name, Step)>);

enum Step {
    /// Reads a string; neighbours share one command.
    Get,
    Command(Cmd),
    /// One whose reply nobody reads.
    Quiet(Cmd),
}

/// What a server answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply(Value);

impl Reply {
    /// The bytes, when there are any.
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        match self.0 {
            Value::BulkString(bytes) => Some(bytes),
            Value::SimpleString(text) => Some(text.into_bytes()),
            _ => None,
        }
    }

    /// Whether it says that something was done.
    pub(super) fn is_one(&self) -> bool {
        matches!(self.0, Value::Int(1) | Value::Okay)
    }
}

/// A pipeline for one server, and whose replies it will bring.
#[derive(Default)]
struct Lane {
    pipeline: Pipeline,
    /// For each command the places of its replies; a quiet one has none.
    places: Vec<Vec<usize>>,
}

impl Batch {
    /// Reads a string.
    pub(super) fn get(&mut self, name: Name) {
        self.0.push((name, Step::Get));
    }

    /// Runs a command.
    pub(super) fn push(&mut self, name: Name, command: Cmd) {
        self.0.push((name, Step::Command(command)));
    }

    /// Runs a command whose reply does not matter; it is left out of the replies.
    pub(super) fn push_quietly(&mut self, name: Name, command: Cmd) {
        self.0.push((name, Step::Quiet(command)));
    }

    /// How many replies there will be.
    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|(_, step)| !matches!(step, Step::Quiet(_))).count()
    }

    /// Runs all; the replies are in the order of the commands.
    pub(super) async fn run(self, map: &Map) -> Result<Vec<Reply>, TierError> {
        let mut replies = vec![Reply::default(); self.len()];
        let lanes = self.lanes(map)?;
        let runs = lanes.into_iter().map(|(server, lane)| lane.run(map, server));
        for (places, answers) in try_join_all(runs).await? {
            for (places, answer) in places.into_iter().zip(answers) {
                let answers = match answer {
                    Value::Array(answers) => answers,
                    single => vec![single],
                };
                for (place, answer) in places.into_iter().zip(answers) {
                    if let Some(reply) = replies.get_mut(place) {
                        *reply = Reply(answer);
                    }
                }
            }
        }
        Ok(replies)
    }

    /// Sorts the commands by server. Reads of one slot (outside of a cluster: all) that no other
    /// command comes between become one command.
    fn lanes(self, map: &Map) -> Result<BTreeMap<usize, Lane>, TierError> {
        let mut lanes: BTreeMap<usize, Lane> = BTreeMap::new();
        let mut reading: BTreeMap<(usize, u16), (Cmd, Vec<usize>)> = BTreeMap::new();
        let mut place = 0;
        for (name, step) in self.0 {
            let home = map.home(&name);
            let home = home.ok_or_else(|| TierError::Other("no server has its slot".to_owned()))?;
            let slot = if map.in_cluster { name.slot } else { 0 };
            let command = match step {
                Step::Get => {
                    let read = reading.entry((home, slot));
                    let (command, places) = read.or_insert_with(|| (cmd("MGET"), Vec::new()));
                    command.arg(name.text);
                    places.push(place);
                    place += 1;
                    continue;
                }
                Step::Command(command) => {
                    place += 1;
                    (command, vec![place - 1])
                }
                Step::Quiet(command) => (command, Vec::new()),
            };
            flush(&mut reading, &mut lanes, |(server, of)| server == home && of == slot);
            lanes.entry(home).or_default().push(command);
        }
        flush(&mut reading, &mut lanes, |_| true);
        Ok(lanes)
    }
}

/// Moves the reads that are chosen into their lanes.
fn flush(
    reading: &mut BTreeMap<(usize, u16), (Cmd, Vec<usize>)>,
    lanes: &mut BTreeMap<usize, Lane>,
    chosen: impl Fn((usize, u16)) -> bool,
) {
    let ready: Vec<_> = reading.keys().copied().filter(|key| chosen(*key)).collect();
    for key in ready {
        if let Some(command) = reading.remove(&key) {
            lanes.entry(key.0).or_default().push(command);
        }
    }
}

impl Lane {
    /// Sends it; the answers and their places.
    async fn run(
        self,
        map: &Map,
        server: usize,
    ) -> Result<(Vec<Vec<usize>>, Vec<Value>), TierError> {
        let link = map.links.get(server);
        let link = link.ok_or_else(|| TierError::Other("a server is gone".to_owned()))?;
        let mut connection = link.connection();
        let answers = self.pipeline.query_async::<Vec<Value>>(&mut connection).await;
        Ok((self.places, answers.map_err(|error| failed(&link.address, &error))?))
    }

    fn push(&mut self, (command, places): (Cmd, Vec<usize>)) {
        self.pipeline.add_command(command);
        self.places.push(places);
    }
}
