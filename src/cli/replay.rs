//! `callgate replay`: the log is the truth. Rebuilds the session table from it, or compares the two.

use super::{ConfigFile, Failure, print_line};
use crate::domain::call::Record;
use crate::domain::ids::CallId;
use crate::store::{Session, Sharing, Store, StoreError, Stream};

/// Streams that are read at once.
const PAGE: u64 = 200;
/// A call may change between two reads: a difference must be there this often.
const LOOKS: u32 = 3;

const HELP: &str = "\
The events are the truth, the session table is made from them. --verify compares and changes nothing: it may run beside
gates. Without it the table is rewritten, for which the database must be nobody else's: stop all gates first.

Examples:
  callgate replay --verify
  callgate replay --verify --call 0197c8a2-6f0e-7c3a-9b1e-2f3a4b5c6d7e
  callgate replay

Environment:
  DATABASE_URL            the database, over database.url
  CALLGATE__SECTION__KEY  as for `callgate serve`

Exit codes:
  0  events and tables agree, or agree now
  1  they differ (--verify), there is no such call, or the database does not answer
  2  bad usage or configuration, or a gate runs on the database";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Compare with the session table and the references, change nothing; exits 1 on a difference
    #[arg(long)]
    verify: bool,
    /// Only this call; shows its events
    #[arg(long, value_name = "ID")]
    call: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = Store::open(arguments.config.load()?.database.url.expose()).await?;
    let only = arguments.call.as_deref().map(str::parse::<CallId>).transpose();
    let only = only.map_err(|error| Failure::Usage(format!("--call: {error}")))?;
    // Rebuilding writes; nobody else may.
    let _lock = if arguments.verify {
        None
    } else {
        let alone = store.lock_process(Sharing::Alone).await;
        Some(alone.map_err(|error| {
            Failure::Usage(format!("rebuilding needs the database alone, --verify does not: {}", error.0))
        })?)
    };
    let mut walk = Walk { store, verify: arguments.verify, calls: 0, events: 0, live: 0, differences: 0 };
    if let Some(call_id) = only {
        let stream = walk.store.stream(call_id).await?;
        if stream.0.is_empty() {
            return Err(Failure::Check(format!("there is no call {call_id}")));
        }
        for recorded in &stream.0 {
            let event = &recorded.event;
            print_line(format_args!(
                "{:>4} {} {}",
                recorded.sequence.0,
                event.occurred_at.to_rfc3339(),
                event.kind.name()
            ));
        }
        walk.visit(call_id, stream).await?;
    } else {
        walk.all().await?;
    }
    walk.conclude()
}

struct Walk {
    store: Store,
    verify: bool,
    calls: u64,
    events: usize,
    live: u64,
    differences: u64,
}

impl Walk {
    async fn all(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let streams = self.store.streams_after(after, PAGE).await?;
            let Some((last, _)) = streams.last() else { break };
            after = Some(*last);
            for (call_id, stream) in streams {
                self.visit(call_id, stream).await?;
            }
        }
        for session in self.store.sessions_without_events().await? {
            self.differ(session, "has a row, but no events");
        }
        Ok(())
    }

    async fn visit(&mut self, call_id: CallId, stream: Stream) -> Result<(), StoreError> {
        self.calls += 1;
        self.events += stream.0.len();
        let mut stream = stream;
        let mut look = 1;
        loop {
            let record = Record::of(&stream.replay());
            let row = self.store.session(call_id).await?;
            let Some(record) = record else {
                self.differ(call_id, "has events that make no call");
                return Ok(());
            };
            let same = row.as_ref().is_some_and(|row| row.record == record && row.sequence == stream.sequence());
            let known = self.store.references_of(call_id).await?;
            let named = record.references.iter().all(|reference| known.contains(reference));
            if same && named {
                self.live += u64::from(record.status.is_live());
                return Ok(());
            }
            if look < LOOKS && self.verify {
                look += 1;
                stream = self.store.stream(call_id).await?;
                continue;
            }
            self.differ(call_id, &difference(row.as_ref(), &record, named));
            if !self.verify {
                self.store.rewrite_session(call_id, &record, stream.sequence()).await?;
            }
            self.live += u64::from(record.status.is_live());
            return Ok(());
        }
    }

    fn differ(&mut self, call_id: CallId, what: &str) {
        self.differences += 1;
        print_line(format_args!("{call_id} {what}"));
    }

    fn conclude(self) -> Result<(), Failure> {
        let Self { calls, events, live, differences, .. } = self;
        print_line(format_args!(
            "{events} events of {calls} calls replayed, {live} of them live; {differences} differences"
        ));
        match (self.verify, differences) {
            (_, 0) => Ok(()),
            (true, _) => Err(Failure::Check("the tables differ from the events".to_owned())),
            (false, _) => {
                print_line("the session table is rebuilt from the events");
                Ok(())
            }
        }
    }
}

fn difference(row: Option<&Session>, record: &Record, named: bool) -> String {
    match row {
        None => "has events, but no row".to_owned(),
        Some(_) if !named => "has names in its events that the references lack".to_owned(),
        Some(row) => format!(
            "is {} with slot {} by its events, {} with slot {} by its row",
            record.status, record.slot, row.record.status, row.record.slot
        ),
    }
}
