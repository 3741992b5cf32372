//! Callers on threads of their own, each with its own connections: many calls at once, or one after the other until
//! they are told to stop. What they were answered is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::rt::System;
use futures_util::future::join_all;

use super::cluster::Addresses;
use super::gate::a_call;
use super::http::{Answer, Ask};

/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(15);
/// A caller hangs up on a replica that does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks for calls of these businesses in turn, all at once from so many threads; the answers.
pub(crate) fn calls_at_once(addresses: &Addresses, businesses: &[&str], calls: usize, threads: usize) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(threads));
    let callers: Vec<JoinHandle<Vec<Answer>>> = (0..threads)
        .map(|thread| {
            let asks: Vec<(String, Ask)> = (thread..calls)
                .step_by(threads)
                .map(|call| {
                    let business = businesses[call % businesses.len()];
                    let address = addresses.nth(call).expect("a replica runs");
                    (address, Ask::post("/api/calls").json(&a_call(business)))
                })
                .collect();
            let start = Arc::clone(&start);
            std::thread::spawn(move || {
                start.wait();
                System::new().block_on(async {
                    let answers = asks.into_iter().map(async |(address, ask)| ask.send(&address).await.unwrap());
                    join_all(answers).await
                })
            })
        })
        .collect();
    let answers: Vec<Answer> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    answers.iter().for_each(Answer::assert_presentable);
    answers
}

/// Callers who go on calling.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many callers ask for calls of these businesses, at each replica in turn.
    pub(crate) fn start(addresses: &Addresses, businesses: &[&str], callers: usize) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Tally::default())));
        let number = Arc::new(AtomicUsize::new(0));
        let businesses: Arc<[String]> = businesses.iter().map(|business| (*business).to_owned()).collect();
        let callers = (0..callers)
            .map(|_| {
                let caller = Caller {
                    addresses: addresses.clone(),
                    businesses: Arc::clone(&businesses),
                    number: Arc::clone(&number),
                    tally: Arc::clone(&tally),
                };
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    System::new().block_on(async {
                        while !stop.load(Ordering::SeqCst) {
                            caller.call().await;
                            tokio::time::sleep(PAUSE).await;
                        }
                    });
                })
            })
            .collect();
        Self { stop, tally, callers }
    }

    /// What they were answered so far.
    pub(crate) fn so_far(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// They stop; what they were answered.
    pub(crate) fn stop(self) -> Tally {
        self.stop.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.join().expect("every answer was presentable");
        }
        self.tally.lock().unwrap().clone()
    }
}

struct Caller {
    addresses: Addresses,
    businesses: Arc<[String]>,
    number: Arc<AtomicUsize>,
    tally: Arc<Mutex<Tally>>,
}

impl Caller {
    async fn call(&self) {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let Some(address) = self.addresses.nth(number) else { return };
        let ask = Ask::post("/api/calls").json(&a_call(&self.businesses[number % self.businesses.len()]));
        let answer = tokio::time::timeout(PATIENCE, ask.send(&address)).await;
        let kind = match answer {
            Ok(Ok(answer)) => {
                answer.assert_presentable();
                kind_of(&answer)
            }
            // The replica was killed, or stopped.
            _ => "no answer".to_owned(),
        };
        self.tally.lock().unwrap().count(kind);
    }
}

/// Its status, and its error where it is one.
fn kind_of(answer: &Answer) -> String {
    if answer.status.is_success() {
        return answer.code().to_string();
    }
    format!("{} {}", answer.code(), answer.any_problem()["error"].as_str().unwrap())
}

/// How often each answer was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<String, usize>);

impl Tally {
    pub(crate) fn of(answers: &[Answer]) -> Self {
        let mut tally = Self::default();
        for answer in answers {
            tally.count(kind_of(answer));
        }
        tally
    }

    fn count(&mut self, kind: String) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Calls that were started.
    pub(crate) fn started(&self) -> usize {
        self.count_of("201")
    }

    /// How often this was answered: a status, and an error where it is one.
    pub(crate) fn count_of(&self, kind: &str) -> usize {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// Calls were started, and every other answer is one of these.
    pub(crate) fn assert_only(&self, others: &[&str]) {
        assert!(self.started() > 0, "no call was started: {self:?}");
        let stranger = self.0.keys().find(|kind| *kind != "201" && !others.contains(&kind.as_str()));
        assert_eq!(stranger, None, "{self:?}");
    }
}
