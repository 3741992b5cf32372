//! What is counted is shown, under the names that dashboards know.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::*;

#[test]
fn given_nothing_happened_when_encoded_then_metrics_without_labels_read_zero() {
    let text = Metrics::new().encode();

    for line in [
        "platform_global_active_calls 0",
        "elevenlabs_429_total 0",
        "callgate_slots_cap 0",
        "callgate_slots_overflow 0",
        "callgate_pool_paused 0",
        "callgate_database_up 0",
        "callgate_last_full_sweep_timestamp_seconds 0.0",
        "callgate_oversubscription_ratio 0.0",
        "callgate_oversubscription_threshold_ratio 0.0",
        "callgate_businesses_at_limit 0",
        "callgate_ledger_epoch 0",
        "callgate_ledger_drift 0",
        "callgate_commit_failures_total 0",
        "callgate_hangups_stalled_total 0",
        "callgate_stuck_terminations 0",
        "callgate_overloaded_total 0",
        "callgate_sessions_live 0",
        "callgate_in_flight_requests 0",
        "callgate_commit_batch_size_count 0",
        "callgate_commit_duration_seconds_count 0",
        r#"callgate_ledger_mode{mode="recovering"} 1"#,
        r#"callgate_ledger_mode{mode="memory"} 0"#,
        concat!(r#"callgate_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert_has_line(&text, line);
    }
}

#[test]
fn given_nothing_happened_yet_when_encoded_then_what_alerts_wait_for_reads_zero() {
    let metrics = Metrics::new();
    metrics.know_plan("PRO");
    metrics.know_actor("capacity");

    let text = metrics.encode();

    for line in [
        r#"callgate_sweeps_total{kind="full",outcome="ok"} 0"#,
        r#"callgate_sweeps_total{kind="full",outcome="partial"} 0"#,
        r#"callgate_sweeps_total{kind="ledger",outcome="failed"} 0"#,
        r#"callgate_webhooks_total{type="post_call_transcription",outcome="ended"} 0"#,
        r#"callgate_sweep_corrections_total{reason="provider_ended"} 0"#,
        r#"callgate_admissions_total{plan="PRO",direction="inbound"} 0"#,
        r#"callgate_actor_restarts_total{actor="capacity"} 0"#,
        r#"callgate_actors_wedged_total{actor="capacity"} 0"#,
    ] {
        assert_has_line(&text, line);
    }
}

#[test]
fn given_each_metric_was_used_when_encoded_then_names_and_labels_are_those_of_the_documentation() {
    let text = used().encode();

    assert!(!text.contains("GONE"), "nothing is sold on it any more");
    for line in [
        "# HELP platform_global_active_calls Slots held in the pool, without overflow.",
        "# TYPE platform_global_active_calls gauge",
        "platform_global_active_calls 3",
        "# TYPE concurrent_rejected counter",
        r#"concurrent_rejected_total{reason="BUSINESS_LIMIT",plan="PRO"} 2"#,
        r#"concurrent_rejected_total{reason="capacity_inbound",plan="inbound"} 1"#,
        "elevenlabs_429_total 1",
        r#"callgate_admissions_total{plan="PRO",direction="outbound"} 1"#,
        r#"callgate_calls{state="active"} 2"#,
        r#"callgate_slots_held{plan="PRO"} 2"#,
        r#"callgate_slots_reserved{plan="PRO"} 1"#,
        r#"callgate_slots_sold{plan="PRO"} 9"#,
        "callgate_oversubscription_ratio 1.8",
        r#"callgate_ledger_mode{mode="redis"} 1"#,
        r#"callgate_ledger_mode{mode="recovering"} 0"#,
        r#"callgate_provider_requests_total{operation="place",outcome="ok"} 1"#,
        "# UNIT callgate_provider_request_duration_seconds seconds",
        r#"callgate_provider_request_duration_seconds_bucket{le="0.25",operation="place"} 1"#,
        r#"callgate_provider_request_duration_seconds_bucket{le="0.1",operation="place"} 0"#,
        r#"callgate_webhooks_total{type="post_call_transcription",outcome="ended"} 1"#,
        r#"callgate_hangups_total{way="monitor",outcome="confirmed"} 1"#,
        "callgate_commit_batch_size_sum 3.0",
        "callgate_commit_duration_seconds_count 1",
        r#"callgate_sweeps_total{kind="full",outcome="ok"} 1"#,
        r#"callgate_sweep_duration_seconds_count{kind="full"} 1"#,
        "# TYPE callgate_last_full_sweep_timestamp_seconds gauge",
        "callgate_last_full_sweep_timestamp_seconds 1769508000.25",
        "callgate_process_start_time_seconds 1769508000.0",
        r#"callgate_sweep_corrections_total{reason="provider_ended"} 1"#,
        r#"callgate_actor_restarts_total{actor="capacity"} 1"#,
        r#"callgate_actors_wedged_total{actor="journal"} 1"#,
        r#"callgate_http_request_duration_seconds_count{method="POST",route="/api/calls",status="201"} 1"#,
        r#"callgate_http_request_duration_seconds_count{method="OTHER",route="/api/calls",status="405"} 1"#,
    ] {
        assert_has_line(&text, line);
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_family_is_described_once_and_every_name_is_ours() {
    let text = used().encode();
    let kept = ["platform_global_active_calls", "concurrent_rejected", "elevenlabs_429"];

    let helped: Vec<_> = second_words(&text, "# HELP ").collect();
    let typed: Vec<_> = second_words(&text, "# TYPE ").collect();
    assert_eq!(helped, typed);
    assert_eq!(helped.iter().collect::<BTreeSet<_>>().len(), helped.len());
    for name in &helped {
        assert!(kept.contains(name) || name.starts_with("callgate_"), "{name}");
        assert!(!name.ends_with("_total"), "{name}");
    }
    for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
        assert!(line.ends_with('.') && !line.ends_with(".."), "{line}");
        assert!(!line.contains("  "), "{line}");
    }
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let owner = helped
            .iter()
            .find(|name| sample.starts_with(**name) && !sample[name.len()..].starts_with(char::is_alphanumeric));
        assert!(owner.is_some(), "no family for {sample}");
    }
}

#[test]
fn rejections_can_be_read_back() {
    let metrics = used();

    let tally = metrics.rejections();

    assert_eq!(tally.total, 3);
    assert_eq!(
        tally.by_reason,
        BTreeMap::from([("BUSINESS_LIMIT".to_owned(), 2), ("capacity_inbound".to_owned(), 1),])
    );
    assert_eq!(tally.by_plan, BTreeMap::from([("PRO".to_owned(), 2), ("inbound".to_owned(), 1)]));
    assert_eq!(metrics.elevenlabs_429.get(), 1);
}

#[test]
fn metrics_are_shared_between_threads() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Metrics>();
}

fn used() -> Metrics {
    let metrics = Metrics::new();
    metrics.platform_global_active_calls.set(3);
    metrics.record_rejection("BUSINESS_LIMIT", "PRO");
    metrics.record_rejection("BUSINESS_LIMIT", "PRO");
    metrics.record_rejection("capacity_inbound", "inbound");
    metrics.elevenlabs_429.inc();
    metrics.record_admission("PRO", "outbound");
    metrics.set_calls("active", 2);
    metrics.set_slots_held("PRO", 2_u32);
    metrics.set_slots_reserved("PRO", 1_u32);
    metrics.set_slots_sold([("GONE", 2)]);
    metrics.set_slots_sold([("PRO", 9)]);
    metrics.oversubscription_ratio.set(1.8);
    metrics.set_ledger_mode("redis");
    metrics.record_provider_request("place", "ok", Duration::from_millis(200));
    metrics.record_webhook("post_call_transcription", "ended");
    metrics.record_hangup("monitor", "confirmed");
    metrics.record_commit(3, Duration::from_millis(4));
    metrics.record_sweep("full", "ok", Duration::from_millis(90));
    metrics.set_process_start(ten_o_clock());
    metrics.set_last_full_sweep(ten_o_clock() + TimeDelta::milliseconds(250));
    metrics.record_correction("provider_ended");
    metrics.record_actor_restart("capacity");
    metrics.record_wedged_actor("journal");
    metrics.record_http_request("POST", "/api/calls", 201, Duration::from_millis(5));
    metrics.record_http_request("BREW", "/api/calls", 405, Duration::from_millis(1));
    metrics
}

fn ten_o_clock() -> DateTime<Utc> {
    "2026-01-27T10:00:00Z".parse().unwrap()
}

fn assert_has_line(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
}

fn second_words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.strip_prefix(prefix)?.split(' ').next())
}
