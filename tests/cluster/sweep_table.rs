//! The table of the sweep, row by row: each thing that can drift apart is found and put right, with its reason.

use callgate::domain::admission::{Holder, Request};
use callgate::domain::call::Slot;
use callgate::domain::ids::{CallId, PoolId};
use callgate::ledger::{Answer, Instruction, LeaseId, RedisLedger, RedisTarget, SlotLedger};
use callgate::store::Sequence;
use serde_json::{Value, json};

use crate::support::cluster::{Builder, Cluster};
use crate::support::gate::SECRET;
use crate::support::http::Ask;
use crate::support::wait::{eventually, settles};

const AGENT: &str = "agent_in";

/// Two replicas that sweep when they are asked to, with a business that only the pool's cap binds.
async fn cluster(builder: Builder) -> Cluster {
    let cluster = builder.cap(5).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster
}

/// A sweep, asked of the second replica.
async fn sweep(cluster: &Cluster) -> Value {
    cluster.replica(2).post_reconciliation().await
}

/// Sweeps until one of them corrects the call; the reason.
async fn corrected(cluster: &Cluster, call_id: &str) -> String {
    eventually("a sweep corrects the call", async || {
        let report = sweep(cluster).await;
        let corrections = report["corrections"].as_array().unwrap();
        let found = corrections.iter().find(|correction| correction["callId"] == call_id)?;
        Some(found["reason"].as_str().unwrap().to_owned())
    })
    .await
}

async fn loses_webhooks(cluster: &Cluster) {
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
}

/// The provider forgets a conversation: from now on it is 404.
async fn forget(cluster: &Cluster, conversation: &str) {
    let forgotten = Ask::delete(&format!("/v1/convai/conversations/{conversation}"));
    forgotten.send(&cluster.provider.address).await.unwrap().expect(200);
}

/// The ledger in Redis, changed behind the gate's back.
struct Slots(RedisLedger);

impl Slots {
    fn of(cluster: &Cluster) -> Self {
        let (url, pool) = (cluster.redis.url(), PoolId::default_pool());
        let target = RedisTarget { url: &url, certificate_authority: None, prefix: "callgate", pool: &pool };
        Self(RedisLedger::new(&target, uuid::Uuid::from_u128(1)).unwrap())
    }

    async fn change(&mut self, instruction: Instruction) -> Answer {
        let epoch = self.0.look().await.unwrap().expect("there is a ledger");
        self.0.apply(epoch, &[instruction]).await.unwrap().remove(0)
    }

    /// A lease whose admission never comes.
    async fn lease(&mut self, call_id: CallId) {
        let request = Request {
            call_id,
            business_id: "b1".parse().unwrap(),
            plan: "ENTERPRISE".parse().unwrap(),
            business_limit: 9,
        };
        self.change(Instruction::Acquire(request, LeaseId(7))).await;
    }

    /// The ledger forgets who holds this.
    async fn lose(&mut self, call_id: CallId, as_of: u64) {
        let lost = self.change(Instruction::Release { call_id, as_of: Sequence(as_of) }).await;
        assert_eq!(lost, Answer::Released(true));
    }

    /// The ledger has it otherwise.
    async fn have_as_overflow(&mut self, call_id: CallId) {
        let (business_id, plan) = ("b1".parse().unwrap(), "ENTERPRISE".parse().unwrap());
        let holder = Holder { call_id, business_id, plan, slot: Slot::Overflow };
        self.change(Instruction::Put { holder, as_of: Sequence(1) }).await;
    }
}

#[actix::test]
async fn i3_db_missing_a_slot_without_a_call_is_taken_back_after_the_grace() {
    let cluster = cluster(Cluster::of(2)).await;
    let call_id = CallId::new(uuid::Uuid::from_u128(7));
    Slots::of(&cluster).lease(call_id).await;
    settles((1, 0), async || cluster.replica(1).ledger().await).await;

    assert_eq!(sweep(&cluster).await["corrections"], json!([]), "it may be on its way to the database");
    assert_eq!(corrected(&cluster, &call_id.to_string()).await, "db_missing");

    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    let closed = cluster.database.column(&format!("SELECT event_type FROM call_event WHERE call_id = '{call_id}'"));
    assert_eq!(closed, ["AdmissionAbandoned"]);
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_slot_orphaned_the_slot_of_a_call_that_is_over_is_released_at_once() {
    let cluster = cluster(Cluster::of(2)).await;
    let call_id = cluster.replica(1).start_call("b1").await;
    cluster.provider.hang_up_all().await;
    cluster.replica(1).call_becomes(&call_id, "ended").await;
    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    let (mut slots, id) = (Slots::of(&cluster), call_id.parse().unwrap());
    slots.lease(id).await;

    let reason = eventually("its release counts as overdue", async || {
        let report = sweep(&cluster).await;
        settles((0, 0), async || cluster.replica(1).ledger().await).await;
        if report["corrections"] == json!([]) {
            slots.lease(id).await;
            return None;
        }
        assert_eq!(report["stuckInLedger"], 1, "{report}");
        report["corrections"][0]["reason"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(reason, "slot_orphaned");
    cluster.ends_well().await;
}

#[actix::test]
async fn i6_redis_missing_a_slot_that_the_ledger_lost_or_has_otherwise_is_put_back() {
    let cluster = cluster(Cluster::of(2)).await;
    let call_id = cluster.replica(1).start_call("b1").await;
    let (mut slots, id) = (Slots::of(&cluster), call_id.parse().unwrap());
    for drift in ["lost", "otherwise"] {
        slots.lose(id, 9).await;
        if drift == "otherwise" {
            slots.have_as_overflow(id).await;
        }
        let report = sweep(&cluster).await;
        assert_eq!(report["corrections"], json!([{"callId": call_id, "reason": "redis_missing"}]), "{drift}");
        assert_eq!((&report["restored"], &report["cleaned"]), (&json!(1), &json!(0)), "{report}");
        settles((1, 0), async || cluster.replica(1).ledger().await).await;
    }
    assert_eq!(cluster.replica(1).get_call(&call_id).await["status"], "active");
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_redis_missing_a_call_whose_slot_was_lost_ends_where_the_provider_says_it_is_over() {
    let cluster = cluster(Cluster::of(2)).await;
    let call_id = cluster.replica(1).start_call("b1").await;
    loses_webhooks(&cluster).await;
    cluster.provider.hang_up_all().await;
    Slots::of(&cluster).lose(call_id.parse().unwrap(), 2).await;

    let ended = cluster.replica(2).sweeps_until(&call_id, "ended").await;
    assert_eq!(ended["endReason"], "provider_ended");
    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_provider_ended_with_every_webhook_lost_one_sweep_frees_every_call_that_is_over() {
    let cluster = cluster(Cluster::of(2)).await;
    let ids = cluster.replica(1).start_calls("b1", 5).await;
    loses_webhooks(&cluster).await;
    // A list of the provider may lag behind a call that has just begun; these are not that young any more.
    let quiet = "SELECT count(*) FROM active_call_session WHERE updated_at > now() - interval '1 second'";
    settles(0, async || cluster.database.number(quiet)).await;
    for call_id in &ids[..4] {
        cluster.provider.hang_up(&cluster.replica(1).conversation_of(call_id).await).await;
    }

    let report = sweep(&cluster).await;

    let reasons: Vec<&str> =
        report["corrections"].as_array().unwrap().iter().map(|found| found["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["provider_ended"; 4], "{report}");
    assert_eq!((&report["cleaned"], &report["stuckInDb"]), (&json!(4), &json!(4)), "{report}");
    assert_eq!((&report["activeSessionsCount"], &report["success"]), (&json!(1), &json!(true)), "{report}");
    settles((1, 0), async || cluster.replica(1).ledger().await).await;
    assert_eq!(cluster.replica(1).get_call(&ids[4]).await["status"], "active", "the live one stays");
    let kept = cluster.replica(1).get("/api/reconciliations?limit=1").await.json();
    assert_eq!(kept["reconciliations"][0]["corrections"], report["corrections"], "the run is kept");
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_provider_missing_a_call_that_the_provider_has_forgotten_ends_by_two_looks_at_the_right_account() {
    let cluster = cluster(Cluster::of(2)).await;
    let ids = cluster.replica(1).start_calls("b1", 2).await;
    loses_webhooks(&cluster).await;
    let forgotten = cluster.replica(1).conversation_of(&ids[0]).await;
    forget(&cluster, &forgotten).await;

    assert_eq!(sweep(&cluster).await["corrections"], json!([]), "one look that finds nothing proves nothing");
    assert_eq!(corrected(&cluster, &ids[0]).await, "provider_missing");

    assert_eq!(cluster.replica(1).get_call(&ids[1]).await["status"], "active");
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_provider_missing_an_account_that_knows_none_of_our_calls_ends_none_of_them() {
    let cluster = cluster(Cluster::of(2)).await;
    let call_id = cluster.replica(1).start_call("b1").await;
    loses_webhooks(&cluster).await;
    // By what it says it might be another account, where the call is not known but live.
    forget(&cluster, &cluster.replica(1).conversation_of(&call_id).await).await;

    let missing = "the call is missing for longer than two looks take";
    eventually(missing, async || {
        let report = sweep(&cluster).await;
        assert_eq!(report["corrections"], json!([]), "{report}");
        let supervisor = cluster.replica(2).actor("supervisor").await;
        let missing = supervisor["supervisor"]["missing"].as_array().unwrap().clone();
        missing.iter().any(|call| call["missingForSeconds"].as_u64() >= Some(2)).then_some(())
    })
    .await;
    assert_eq!(cluster.replica(1).get_call(&call_id).await["status"], "active");
    cluster.replica(1).force_end(&call_id, "the account was looked at by hand").await.success();
    cluster.ends_well().await;
}

#[actix::test]
async fn aged_out_an_old_call_that_the_provider_denies_fails() {
    let cluster = cluster(Cluster::of(2).env("CALLGATE__RECONCILE__MAX_CALL_AGE_SECONDS", "1")).await;
    let ids = cluster.replica(1).start_calls("b1", 2).await;
    loses_webhooks(&cluster).await;
    forget(&cluster, &cluster.replica(1).conversation_of(&ids[0]).await).await;
    assert_eq!(corrected(&cluster, &ids[0]).await, "aged_out");
    assert_eq!(cluster.replica(1).get_call(&ids[1]).await["status"], "active", "as old, and live by the provider");
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_aged_out_while_the_provider_is_silent_no_call_ends_before_the_highest_age() {
    let blind = "CALLGATE__RECONCILE__BLIND_MAX_AGE_SECONDS";
    let mut cluster =
        cluster(Cluster::of(2).env(blind, "3600").env("CALLGATE__RECONCILE__MAX_CALL_AGE_SECONDS", "1")).await;
    let call_id = cluster.replica(1).start_call("b1").await;
    cluster.provider.behave(json!({"api": "500"})).await;
    let old = format!(
        "SELECT count(*) FROM active_call_session WHERE call_id = '{call_id}' AND updated_at < now() - interval '3 seconds'"
    );
    settles(1, async || cluster.database.number(&old)).await;
    for _ in 0..3 {
        let report = sweep(&cluster).await;
        assert_eq!((&report["success"], &report["corrections"]), (&json!(false), &json!([])), "{report}");
    }

    cluster.set_env(blind, "3");
    for number in [1, 2] {
        cluster.kill_9(number);
        cluster.start_again(number);
    }
    cluster.admits().await;
    assert_eq!(corrected(&cluster, &call_id).await, "aged_out");
    cluster.provider.behave(json!({"api": "ok"})).await;
    // It is live at the provider after all: found, counted beside the slots, and hung up.
    settles(0, async || {
        sweep(&cluster).await;
        cluster.provider.live().await
    })
    .await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_an_uncertain_placement_is_confirmed_by_what_the_provider_knows_of_it_and_never_dialled_again() {
    let cluster = cluster(Cluster::of(2).env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1")).await;
    cluster.provider.behave(json!({"placement": "hang_after_dial", "webhooks": {"lose": true}})).await;
    let answer = cluster.replica(1).post_call("b1").await.problem(504, "CALL_OUTCOME_UNKNOWN");
    let call_id = answer["callId"].as_str().unwrap().to_owned();
    cluster.provider.behave(json!({"placement": "ok"})).await;

    let found = cluster.replica(2).sweeps_until(&call_id, "active").await;
    assert!(found["providerCallId"].is_string(), "{found}");
    assert_eq!(cluster.provider.dialled().await, 1);
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_an_uncertain_placement_without_a_trace_is_given_up_by_two_complete_looks() {
    let cluster = cluster(Cluster::of(2)).await;
    cluster.provider.behave(json!({"placement": "500"})).await;
    let answer = cluster.replica(1).post_call("b1").await.problem(504, "CALL_OUTCOME_UNKNOWN");
    let call_id = answer["callId"].as_str().unwrap().to_owned();
    assert_eq!(cluster.replica(1).ledger().await, (1, 0), "the slot is kept");

    let failed = cluster.replica(2).sweeps_until(&call_id, "failed").await;
    assert_eq!(failed["endReason"], "provider_missing");
    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_a_placement_whose_replica_died_is_in_doubt_and_settled_by_another() {
    let builder = Cluster::of(2)
        .env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "2")
        .env("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "1");
    let mut cluster = cluster(builder).await;
    cluster.provider.behave(json!({"placement": "hang_after_dial", "webhooks": {"lose": true}})).await;
    let answer = cluster.replica(1).post_call_async("b1").await.expect(202);
    let call_id = answer["callId"].as_str().unwrap().to_owned();
    eventually("it is dialled", async || (cluster.provider.dialled().await == 1).then_some(())).await;
    cluster.kill_9(1);

    cluster.replica(2).sweeps_until(&call_id, "active").await;
    let events = cluster.replica(2).events_of(&call_id).await;
    assert_eq!(events, ["CallRequested", "CallAdmitted", "PlacementUncertain", "CallPlaced"]);
    assert_eq!(cluster.provider.dialled().await, 1);
    cluster.provider.behave(json!({"placement": "ok"})).await;
    cluster.ends_well().await;
}

/// Somebody calls an agent of the business, and no webhook tells of it.
async fn unannounced(cluster: &Cluster) -> String {
    cluster.replica(1).put_agent("b1", AGENT).await;
    let call = cluster.provider.post_inbound(json!({"agentId": AGENT, "webhook": false})).await;
    call["conversationId"].as_str().unwrap().to_owned()
}

async fn taken_in(cluster: &Cluster, conversation: &str) -> Value {
    eventually("a sweep takes it in", async || {
        sweep(cluster).await;
        cluster.replica(1).get_calls(&format!("?providerCallId={conversation}")).await.into_iter().next()
    })
    .await
}

#[actix::test]
async fn unmanaged_a_call_that_nobody_knows_is_adopted_as_overflow_of_its_agents_business() {
    let cluster = cluster(Cluster::of(2)).await;
    let conversation = unannounced(&cluster).await;
    let adopted = taken_in(&cluster, &conversation).await;
    assert_eq!((&adopted["businessId"], &adopted["plan"]), (&json!("b1"), &json!("ENTERPRISE")), "{adopted}");
    assert_eq!(adopted["status"], "active");
    settles((0, 1), async || cluster.replica(1).ledger().await).await;
    cluster.provider.hang_up(&conversation).await;
    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn unmanaged_a_call_that_nobody_knows_is_hung_up_where_the_policy_says_so() {
    let cluster = cluster(Cluster::of(2).env("CALLGATE__RECONCILE__UNMANAGED", "terminate")).await;
    let conversation = unannounced(&cluster).await;
    let call_id = taken_in(&cluster, &conversation).await["callId"].as_str().unwrap().to_owned();
    let ended = cluster.replica(1).call_becomes(&call_id, "ended").await;
    assert_eq!((&ended["endReason"], &ended["businessId"]), (&json!("unmanaged"), &json!("b1")), "{ended}");
    assert_eq!(cluster.provider.live().await, 0);
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_never_bound_an_inbound_call_that_never_became_a_conversation_gives_its_slot_back() {
    let cluster = cluster(Cluster::of(2).env("CALLGATE__INBOUND__BIND_TIMEOUT_SECONDS", "1")).await;
    let asked =
        json!({"caller_id": "+12065550199", "agent_id": AGENT, "called_number": "+12065550100", "call_sid": "CA9"});
    let answer = cluster.replica(1).post_initiation(Some(SECRET), &asked).await.expect(200);
    let call_id = answer["dynamic_variables"]["callgate_call_id"].as_str().unwrap().to_owned();
    settles((1, 0), async || cluster.replica(1).ledger().await).await;

    let failed = cluster.replica(2).sweeps_until(&call_id, "failed").await;
    assert_eq!(failed["endReason"], "never_bound");
    settles((0, 0), async || cluster.replica(1).ledger().await).await;
    cluster.ends_well().await;
}
