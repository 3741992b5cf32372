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

pub(crate) struct Feed {
    stream: awc::ClientResponse,
    text: String,
}

impl Feed {
    /// Opens the gate's feed, behind the event `after` where one is given.
    pub(crate) async fn open(gate: &Door, after: Option<u64>) -> Self {
        let mut ask = Ask::get("/api/events/stream").header("Accept", "text/event-stream");
        if let Some(after) = after {
            ask = ask.header("Last-Event-ID", &after.to_string());
        }
        let stream = ask.open(gate.address()).await.expect("the feed opens");
        assert_eq!(stream.status(), 200);
        let kind = stream.headers().get("content-type").unwrap().to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { stream, text: String::new() }
    }

    /// The next event; comments that keep the line alive are passed over.
    pub(crate) async fn next(&mut self) -> FeedEvent {
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

fn read(block: &str) -> Option<FeedEvent> {
    let field = |name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let values: Vec<&str> = values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let (id, data) = (field("id")?, field("data")?);
    Some(FeedEvent { id: id.parse().unwrap(), name: field("event"), data: serde_json::from_str(&data).unwrap() })
}
