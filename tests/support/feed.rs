//! Server-Sent Events (WHATWG HTML, 9.2), read one by one.

use futures_util::StreamExt;
use serde_json::Value;

use super::door::Door;
use super::http::Ask;
use super::wait::DEADLINE;

/// One event of the feed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedEvent {
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) data: Value,
}

/// One event of the stream, of whatever kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// What happened to a call, or in the gate.
    Lifecycle(FeedEvent),
    /// Everything that an operator watches.
    Overview(Value),
}

pub(crate) struct Feed {
    stream: awc::ClientResponse,
    text: String,
}

impl Feed {
    /// Opens the gate's feed, behind the event `after` where one is given.
    pub(crate) async fn open(gate: &Door, after: Option<u64>) -> Self {
        Self::of(gate, Ask::get("/api/events/stream"), after).await
    }

    /// The same with the overview between the events.
    pub(crate) async fn open_with_overview(gate: &Door, after: Option<u64>) -> Self {
        Self::of(gate, Ask::get("/api/events/stream?overview=true"), after).await
    }

    async fn of(gate: &Door, ask: Ask, after: Option<u64>) -> Self {
        let mut ask = ask.header("Accept", "text/event-stream");
        if let Some(after) = after {
            ask = ask.header("Last-Event-ID", &after.to_string());
        }
        let stream = ask.open(gate.address()).await.expect("the feed opens");
        assert_eq!(stream.status(), 200);
        let kind = stream.headers().get("content-type").unwrap().to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { stream, text: String::new() }
    }

    /// The next lifecycle event.
    pub(crate) async fn next(&mut self) -> FeedEvent {
        loop {
            if let Told::Lifecycle(event) = self.told().await {
                return event;
            }
        }
    }

    /// The next overview.
    pub(crate) async fn next_overview(&mut self) -> Value {
        loop {
            if let Told::Overview(overview) = self.told().await {
                return overview;
            }
        }
    }

    /// The next overview that shows this, passing over others.
    pub(crate) async fn overview_where(&mut self, what: &str, shows: impl Fn(&Value) -> bool) -> Value {
        let looked = async {
            loop {
                let overview = self.next_overview().await;
                if shows(&overview) {
                    return overview;
                }
            }
        };
        let found = tokio::time::timeout(DEADLINE, looked).await;
        found.unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain for an overview: {what}"))
    }

    /// The next event of either kind; comments that keep the line alive are passed over.
    pub(crate) async fn told(&mut self) -> Told {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(event) = read(&block) {
                    return event;
                }
            }
            let chunk = tokio::time::timeout(DEADLINE, self.stream.next()).await.expect("an event in time");
            let chunk = chunk.expect("the feed goes on").expect("the feed is whole");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<FeedEvent> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }
}

fn read(block: &str) -> Option<Told> {
    let field = |name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let values: Vec<&str> = values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    let name = field("event");
    if let Some(id) = field("id") {
        return Some(Told::Lifecycle(FeedEvent { id: id.parse().unwrap(), name, data }));
    }
    assert_eq!(name.as_deref(), Some("overview"), "only the overview has no place in the feed");
    Some(Told::Overview(data))
}
