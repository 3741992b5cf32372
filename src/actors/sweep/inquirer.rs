//! What a sweep asks the provider: so many questions at once, so many in a second, and none any more once several in a
//! row were not answered.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::progress::Progress;
use crate::domain::reconciliation::{Inquiry, Listed, Look, Question};
use crate::provider::{Conversation, ConversationState, ProviderError, Stretch, VoiceProvider};

/// After so many questions in a row without an answer the provider is left alone until the next sweep.
const PATIENCE: u32 = 5;
/// So many of them are named in the report.
const NAMED: usize = 20;

/// So many pages in a row that bring nobody new are no list.
const IDLE_PAGES: u32 = 20;

/// No provider carries more calls at once.
const MOST_LISTED: usize = 1_000_000;

/// How many questions a sweep may ask.
#[derive(Clone, Copy, Debug)]
pub struct Courtesy {
    /// Open at once.
    pub at_once: usize,
    /// Between two.
    pub pause: Duration,
}

/// Asks the provider on behalf of one sweep.
pub(super) struct Inquirer<'a> {
    provider: &'a dyn VoiceProvider,
    courtesy: Courtesy,
    next: Cell<Instant>,
    /// Questions in a row that were not answered.
    in_vain: Cell<u32>,
    /// The provider has answered something in this sweep.
    answers: Cell<bool>,
    /// What the questions that were not answered came to.
    unanswered: RefCell<Vec<String>>,
}

impl<'a> Inquirer<'a> {
    pub(super) fn new(provider: &'a dyn VoiceProvider, courtesy: Courtesy) -> Self {
        Self {
            provider,
            courtesy,
            next: Cell::new(Instant::now()),
            in_vain: Cell::new(0),
            answers: Cell::new(false),
            unanswered: RefCell::default(),
        }
    }

    /// What did not answer so far.
    pub(super) fn unanswered(&self) -> Vec<String> {
        self.unanswered.borrow().clone()
    }

    /// Asks one question when it is its turn.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
        let left_alone = || ProviderError("it is left alone until the next sweep".to_owned());
        if self.leaves_alone() {
            return Err(left_alone());
        }
        let turn = self.next.get().max(Instant::now());
        self.next.set(turn + self.courtesy.pause);
        sleep_until(turn).await;
        if self.leaves_alone() {
            return Err(left_alone());
        }
        match question.await {
            Ok(answer) => {
                self.in_vain.set(0);
                self.answers.set(true);
                Ok(answer)
            }
            Err(error) => {
                self.in_vain.set(self.in_vain.get() + 1);
                self.note(&error);
                Err(error)
            }
        }
    }

    fn leaves_alone(&self) -> bool {
        self.in_vain.get() >= PATIENCE
    }

    fn note(&self, error: &ProviderError) {
        let mut unanswered = self.unanswered.borrow_mut();
        if unanswered.len() < NAMED {
            unanswered.push(error.to_string());
        }
    }

    /// How many conversations are live.
    pub(super) async fn count(&self) -> Result<u64, ProviderError> {
        self.ask(self.provider.live_count()).await
    }

    /// The live conversations; read in several chains of pages at once, parted where `partition` says.
    pub(super) async fn list(&self, partition: &[DateTime<Utc>], progress: &Progress) -> Result<Listed, ProviderError> {
        // Before the list: what ends meanwhile makes the list seem short, never whole.
        let count = self.count().await.ok();
        progress.begin("reading the provider's list", count.and_then(|count| count.try_into().ok()).unwrap_or(0));
        let ends = partition.iter().copied().map(Some);
        let stretches = std::iter::once(None).chain(ends.clone()).zip(ends.chain(std::iter::once(None)));
        let chains = stretches.map(|(from, to)| self.chain(Stretch { from, to }, progress));
        let mut chains = stream::iter(chains).buffer_unordered(self.courtesy.at_once);
        let mut conversations = HashSet::new();
        while let Some(chain) = chains.next().await {
            conversations.extend(chain?);
        }
        Ok(Listed { conversations, count })
    }

    async fn chain(&self, began: Stretch, progress: &Progress) -> Result<HashSet<String>, ProviderError> {
        let (mut listed, mut idle) = (HashSet::new(), 0);
        let mut cursor: Option<String> = None;
        loop {
            let page = self.ask(self.provider.list_live(began, cursor.as_deref())).await?;
            progress.advance(page.conversation_ids.len());
            let known = listed.len();
            listed.extend(page.conversation_ids);
            if page.next_cursor.is_none() {
                return Ok(listed);
            }
            idle = if listed.len() > known { 0 } else { idle + 1 };
            if idle >= IDLE_PAGES || listed.len() > MOST_LISTED || page.next_cursor == cursor {
                let error = ProviderError("the list of conversations does not come to an end".to_owned());
                self.note(&error);
                return Err(error);
            }
            cursor = page.next_cursor;
        }
    }

    /// One conversation; none where the provider knows nothing of it.
    pub(super) async fn look_up(&self, conversation: &str) -> Result<Option<Conversation>, ProviderError> {
        self.ask(self.provider.look_up(conversation)).await
    }

    /// What the provider says to an inquiry.
    pub(super) async fn look(&self, Inquiry { row, question }: &Inquiry) -> Look {
        if self.leaves_alone() && self.answers.get() {
            // It answers others: its silence about them proves nothing of this one.
            return Look::NotAsked;
        }
        let record = &row.record;
        let user_id = record.profile.as_ref().and_then(|profile| profile.user_id.as_deref());
        let answer = match (question, row.conversation()) {
            (Question::LookUp, Some(conversation)) => self.look_up(conversation).await,
            _ => self.ask(self.provider.find(row.call_id, user_id, record.announced_at)).await,
        };
        look_of(answer)
    }

    /// How many questions are open at once at most.
    pub(super) fn at_once(&self) -> usize {
        self.courtesy.at_once
    }
}

fn look_of(answer: Result<Option<Conversation>, ProviderError>) -> Look {
    match answer {
        Ok(Some(Conversation { references, state: ConversationState::Live, .. })) => Look::Live(references),
        Ok(Some(Conversation { references, state: ConversationState::Over { at }, .. })) => {
            Look::Over { references, at }
        }
        Ok(None) => Look::Missing,
        Err(_) => Look::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use actix_web::{App, HttpResponse, HttpServer, rt, web};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::elevenlabs::{ElevenLabs, ElevenLabsOptions, Transport};
    use crate::telemetry::Metrics;

    /// A provider whose list has these pages, by their number; the count is always 7.
    fn provider(page: fn(u32) -> Value) -> (ElevenLabs, Arc<AtomicU32>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicU32::new(0));
        let pages = Arc::clone(&asked);
        let list = move || {
            let page = page(pages.fetch_add(1, Ordering::SeqCst));
            async move { HttpResponse::Ok().json(page) }
        };
        let server = HttpServer::new(move || {
            App::new()
                .default_service(web::to(HttpResponse::InternalServerError))
                .route("/v1/convai/conversations", web::get().to(list.clone()))
                .route(
                    "/v1/convai/analytics/live-count",
                    web::get().to(async || HttpResponse::Ok().body(r#"{"count": 7}"#)),
                )
        });
        rt::spawn(server.workers(1).listen(listener).unwrap().disable_signals().run());
        let options = ElevenLabsOptions {
            base_url,
            api_key: "key".to_owned(),
            transport: Transport::Twilio,
            place_timeout: Duration::from_secs(1),
            carrier: None,
        };
        (ElevenLabs::new(options, Arc::new(Metrics::new())), asked)
    }

    fn courtesy() -> Courtesy {
        Courtesy { at_once: 4, pause: Duration::ZERO }
    }

    fn of(numbers: &[u32], next: Option<u32>) -> Value {
        let items: Vec<Value> = numbers
            .iter()
            .map(|number| json!({"conversation_id": format!("conv_{number}"), "status": "initiated"}))
            .collect();
        json!({"conversations": items, "has_more": next.is_some(), "next_cursor": next.map(|next| next.to_string())})
    }

    #[actix::test]
    async fn a_list_is_read_page_by_page_together_with_the_count() {
        let (provider, _) = provider(|page| of(&[page], (page < 3).then_some(page + 1)));
        let listed = Inquirer::new(&provider, courtesy()).list(&[], &Progress::default()).await.unwrap();
        assert_eq!((listed.conversations.len(), listed.count), (4, Some(7)));
    }

    #[actix::test]
    async fn a_list_that_is_parted_is_read_in_one_chain_more_than_there_are_parts() {
        let (provider, asked) = provider(|page| of(&[page], None));
        let parts = [10, 20].map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap());
        let listed = Inquirer::new(&provider, courtesy()).list(&parts, &Progress::default()).await.unwrap();
        assert_eq!((asked.load(Ordering::SeqCst), listed.conversations.len()), (3, 3));
    }

    #[rstest]
    #[case::empty_pages(|page| of(&[], Some(page + 1)))]
    #[case::the_same_page(|page| of(&[1, 2], Some(page + 1)))]
    #[case::the_same_cursor(|page| of(&[page], Some(1)))]
    #[actix::test]
    async fn a_list_that_does_not_come_to_an_end_is_none(#[case] page: fn(u32) -> Value) {
        let (provider, asked) = provider(page);
        let inquirer = Inquirer::new(&provider, courtesy());
        assert!(inquirer.list(&[], &Progress::default()).await.is_err());
        assert_eq!(inquirer.unanswered().len(), 1, "it is said in the report");
        assert!(asked.load(Ordering::SeqCst) <= IDLE_PAGES + 1);
    }

    #[actix::test]
    async fn a_provider_that_does_not_answer_is_left_alone_after_some_questions_in_a_row() {
        let (provider, _) = provider(|_| Value::Null);
        let inquirer = Inquirer::new(&provider, courtesy());
        for _ in 0..9 {
            assert!(inquirer.look_up("conv_1").await.is_err());
        }
        assert_eq!(inquirer.unanswered().len(), PATIENCE as usize);
        assert!(inquirer.count().await.is_err(), "nobody is asked any more");
    }

    #[actix::test]
    async fn an_answer_in_between_makes_up_for_those_that_were_not_given() {
        let (provider, _) = provider(|_| Value::Null);
        let inquirer = Inquirer::new(&provider, courtesy());
        for _ in 0..PATIENCE {
            assert!(inquirer.look_up("conv_1").await.is_err());
            assert_eq!(inquirer.count().await, Ok(7));
        }
    }
}
