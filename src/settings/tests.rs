//! The settings as their users see them: defaults, layers and the one line for each mistake.

use std::{fs, path::PathBuf, time::Duration};

use rstest::rstest;
use tempfile::TempDir;

use super::{source::Layers, *};

const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let settings = loaded([]);

    assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.public_url, None);
    assert_eq!(settings.server.max_in_flight, 1024);
    assert_eq!(settings.server.shutdown_timeout, seconds(30));
    assert_eq!(settings.database.url.expose(), "sqlite://callgate.db?mode=rwc");
    assert_eq!(settings.redis.url, None);
    assert_eq!(settings.redis.prefix, "callgate");
    assert_eq!(settings.store.commit_timeout, seconds(5));
    assert_eq!(settings.capacity.global_cap, 5);
    assert_eq!(settings.capacity.dial_within, seconds(5));
    assert!((settings.capacity.oversubscription_threshold_ratio - 3.0).abs() < f64::EPSILON);
    assert_eq!(
        settings.plans.by_name.into_iter().collect::<Vec<_>>(),
        [plan("ENTERPRISE", None, 0), plan("PAYG", Some(1), 0), plan("PRO", Some(3), 0), plan("STARTER", Some(1), 0),]
    );
    assert_eq!(settings.retry_after.global, seconds(60));
    assert_eq!(settings.retry_after.business, seconds(30));
    assert_eq!(settings.retry_after.other, seconds(45));
    assert_eq!(settings.retry_after.provider, seconds(60));
    assert_eq!(settings.retry_after.jitter_percent, 10);
    assert_eq!(settings.inbound.on_full, OnFull::Terminate);
    assert_eq!(settings.inbound.bind_timeout, seconds(60));
    assert_eq!(settings.reconcile.interval, seconds(600));
    assert_eq!(settings.reconcile.ledger_interval, seconds(30));
    assert_eq!(settings.reconcile.startup_delay, seconds(30));
    assert_eq!(settings.reconcile.grace, seconds(60));
    assert_eq!(settings.reconcile.max_call_age, seconds(3600));
    assert_eq!(settings.reconcile.blind_max_age, seconds(14_400));
    assert_eq!(settings.reconcile.unmanaged, Unmanaged::Adopt);
    assert_eq!(settings.reconcile.stuck_termination, seconds(300));
    assert_eq!(settings.reconcile.on_demand, Some(seconds(5)));
    assert_eq!(settings.provider.kind, ProviderKind::Simulator);
    assert_eq!(settings.provider.transport, ProviderTransport::Twilio);
    assert_eq!(settings.provider.place_timeout, seconds(60));
    assert_eq!(settings.provider.terminate, [HangUpWay::Monitor, HangUpWay::Twilio, HangUpWay::Delete]);
    assert_eq!(settings.provider.base_url, "https://api.elevenlabs.io");
    assert!(settings.provider.api_key.is_none());
    assert!(settings.provider.twilio.is_none());
    assert_eq!(settings.provider.twilio_base_url, "https://api.twilio.com");
    assert_eq!(settings.inbound.announcement, None);
    assert_eq!(settings.simulator.bind.to_string(), "127.0.0.1:0");
    assert_eq!(settings.simulator.cap, None);
    assert!(settings.webhooks.secrets.is_empty());
    assert_eq!(settings.webhooks.tolerance, seconds(1800));
    assert!(!settings.webhooks.allow_unsigned);
    assert!(settings.auth.admin_key.is_none());
    assert!(settings.metrics.token.is_none());
    assert_eq!(settings.retention.days, None);
    assert_eq!(settings.demo.agent_id, None);
    assert_eq!(settings.demo.phone_number_id, None);
}

#[test]
fn every_key_of_the_default_file_has_a_comment_above_it() {
    let lines: Vec<_> = DEFAULT_TOML.lines().collect();
    let keys = (1..lines.len()).filter(|&at| {
        let first = lines[at].chars().next();
        first.is_some_and(|first| first.is_ascii_lowercase())
    });

    let mut seen = 0;
    for at in keys {
        seen += 1;
        assert!(lines[at - 1].starts_with("# "), "no comment: {}", lines[at]);
    }
    assert_eq!(seen, Layers::defaults().unwrap().keys().count());
}

#[test]
fn every_key_is_read_and_refuses_nonsense_in_one_line_that_names_it() {
    for key in Layers::defaults().unwrap().keys() {
        let line = refusal([(&by_key(key), "né\u{7} ?")]);

        assert!(line.starts_with(&format!("{key} = ")), "{line}");
        assert!(line.contains(": accepted are "), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[test]
fn the_production_example_loads() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/production.toml");
    let environment = environment([("ELEVENLABS_API_KEY", "xi"), ("CALLGATE__AUTH__ADMIN_KEY", "admin")]);

    let settings = Settings::load(Some(Path::new(file)), environment).unwrap();

    assert_eq!(settings.provider.kind, ProviderKind::Elevenlabs);
    assert_eq!(settings.require_loopback_without_keys(false), Ok(()));
}

#[test]
fn a_file_overlays_the_defaults_and_the_environment_overlays_both() {
    let overlay = overlay("[capacity]\nglobal_cap = 7\n[retry_after]\nglobal_seconds = 8\n");
    let environment = environment([("CALLGATE__CAPACITY__GLOBAL_CAP", "9")]);

    let settings = Settings::load(Some(&overlay.path), environment).unwrap();

    assert_eq!(settings.capacity.global_cap, 9);
    assert_eq!(settings.retry_after.global, seconds(8));
    assert_eq!(settings.retry_after.business, seconds(30));
}

#[test]
fn a_usual_name_overlays_the_file_and_gives_way_to_the_name_by_key() {
    let overlay = overlay("[capacity]\nglobal_cap = 7\n");

    let usual = Settings::load(Some(&overlay.path), environment([("GLOBAL_CAP", "8")])).unwrap();
    assert_eq!(usual.capacity.global_cap, 8);

    let both = [("CALLGATE__CAPACITY__GLOBAL_CAP", "9"), ("GLOBAL_CAP", "8")];
    let by_key = Settings::load(Some(&overlay.path), environment(both)).unwrap();
    assert_eq!(by_key.capacity.global_cap, 9);
}

#[test]
fn the_usual_names_are_read() {
    let settings = loaded([
        ("DATABASE_URL", "postgres://gate:pw@db/calls"),
        ("REDIS_URL", "redis://cache"),
        ("GLOBAL_CAP", " 12 "),
        ("ELEVENLABS_API_KEY", "xi"),
        ("ELEVENLABS_BASE_URL", "http://127.0.0.1:9/"),
        ("ELEVENLABS_WEBHOOK_SECRET", "new, old"),
    ]);

    assert_eq!(settings.database.url.expose(), "postgres://gate:pw@db/calls");
    assert_eq!(settings.redis.url.unwrap().expose(), "redis://cache");
    assert_eq!(settings.capacity.global_cap, 12);
    assert_eq!(settings.provider.kind, ProviderKind::Elevenlabs);
    assert_eq!(settings.provider.api_key.unwrap().expose(), "xi");
    assert_eq!(settings.provider.base_url, "http://127.0.0.1:9");
    let secrets: Vec<_> = settings.webhooks.secrets.iter().map(Secret::expose).collect();
    assert_eq!(secrets, ["new", "old"]);
}

#[test]
fn an_empty_usual_name_is_unset_and_an_empty_name_by_key_means_none() {
    let unset = loaded([("DATABASE_URL", ""), ("GLOBAL_CAP", " ")]);
    assert_eq!(unset.database.url.expose(), "sqlite://callgate.db?mode=rwc");
    assert_eq!(unset.capacity.global_cap, 5);

    let none = loaded([("REDIS_URL", "redis://cache"), ("CALLGATE__REDIS__URL", "")]);
    assert_eq!(none.redis.url, None);
}

#[test]
fn names_are_compared_without_case() {
    let overlay = overlay("[Plans.pro]\nLimit = 4\n[plans.gold]\nlimit = 2\nmax_duration_seconds = 90\n[server]\n");
    let environment = environment([("callgate__Capacity__GLOBAL_CAP", "9"), ("CALLGATE__PLANS__Pro__RESERVED", "2")]);

    let settings = Settings::load(Some(&overlay.path), environment).unwrap();

    assert_eq!(settings.capacity.global_cap, 9);
    assert_eq!(settings.plans.by_name["PRO"], plan("", Some(4), 2).1);
    let gold = PlanSettings { max_duration_seconds: Some(90), ..plan("", Some(2), 0).1 };
    assert_eq!(settings.plans.by_name["GOLD"], gold);
}

#[test]
fn lists_and_switches_are_read_from_files_and_from_the_environment() {
    let overlay = overlay("[provider]\nterminate = [\"twilio\", \"monitor\"]\n[webhooks]\nallow_unsigned = true\n");
    let from_file = Settings::load(Some(&overlay.path), []).unwrap();
    assert_eq!(from_file.provider.terminate, [HangUpWay::Twilio, HangUpWay::Monitor]);
    assert!(from_file.webhooks.allow_unsigned);

    let from_environment = loaded([
        ("CALLGATE__PROVIDER__TERMINATE", "delete, twilio"),
        ("CALLGATE__WEBHOOKS__ALLOW_UNSIGNED", "True"),
        ("CALLGATE__WEBHOOKS__SECRETS", "a,b,"),
    ]);
    assert_eq!(from_environment.provider.terminate, [HangUpWay::Delete, HangUpWay::Twilio]);
    assert!(from_environment.webhooks.allow_unsigned);
    assert_eq!(from_environment.webhooks.secrets.len(), 2);
}

#[rstest]
#[case::whole("2", 2.0)]
#[case::fraction(" 2.5 ", 2.5)]
#[case::never("0", 0.0)]
fn a_ratio_is_a_number_whole_or_not(#[case] text: &str, #[case] ratio: f64) {
    let key = "CALLGATE__CAPACITY__OVERSUBSCRIPTION_THRESHOLD_RATIO";
    assert_eq!(loaded([(key, text)]).capacity.oversubscription_threshold_ratio.to_bits(), ratio.to_bits());
    let overlay = overlay(&format!("[capacity]\noversubscription_threshold_ratio = {}\n", text.trim()));
    let from_file = Settings::load(Some(&overlay.path), []).unwrap();
    assert_eq!(from_file.capacity.oversubscription_threshold_ratio.to_bits(), ratio.to_bits());
}

#[test]
fn zero_means_never_none_or_at_once_where_it_is_documented() {
    let settings = loaded([
        ("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", "0"),
        ("CALLGATE__RECONCILE__GRACE_SECONDS", "0"),
        ("CALLGATE__RECONCILE__STARTUP_DELAY_SECONDS", "0"),
        ("CALLGATE__RETENTION__DAYS", "30"),
        ("CALLGATE__SIMULATOR__CAP", "4"),
    ]);

    assert_eq!(settings.reconcile.on_demand, None);
    assert_eq!(settings.reconcile.grace, Duration::ZERO);
    assert_eq!(settings.reconcile.startup_delay, Duration::ZERO);
    assert_eq!(settings.retention.days, Some(30));
    assert_eq!(settings.simulator.cap, Some(4));
}

#[rstest]
#[case::no_number("GLOBAL_CAP", "abc", r#"capacity.global_cap = "abc": accepted are whole numbers from 1 to 100000"#)]
#[case::below_the_range(
    "CALLGATE__CAPACITY__GLOBAL_CAP",
    "0",
    r#"capacity.global_cap = "0": accepted are whole numbers from 1 to 100000"#
)]
#[case::zero_interval(
    "CALLGATE__RECONCILE__INTERVAL_SECONDS",
    "0",
    r#"reconcile.interval_seconds = "0": accepted are whole numbers from 1 to 86400"#
)]
#[case::fraction(
    "CALLGATE__STORE__COMMIT_TIMEOUT_SECONDS",
    "0.5",
    r#"store.commit_timeout_seconds = "0.5": accepted are whole numbers from 1 to 60"#
)]
#[case::below_no_ratio(
    "CALLGATE__CAPACITY__OVERSUBSCRIPTION_THRESHOLD_RATIO",
    "-1",
    r#"capacity.oversubscription_threshold_ratio = "-1": accepted are numbers from 0 to 1000"#
)]
#[case::no_ratio(
    "CALLGATE__CAPACITY__OVERSUBSCRIPTION_THRESHOLD_RATIO",
    "NaN",
    r#"capacity.oversubscription_threshold_ratio = "NaN": accepted are numbers from 0 to 1000"#
)]
#[case::address(
    "CALLGATE__SERVER__BIND",
    "8080",
    r#"server.bind = "8080": accepted are addresses as IP:PORT, for example 127.0.0.1:8080"#
)]
#[case::choice("CALLGATE__INBOUND__ON_FULL", "queue", r#"inbound.on_full = "queue": accepted are terminate, admit"#)]
#[case::switch(
    "CALLGATE__WEBHOOKS__ALLOW_UNSIGNED",
    "yes",
    r#"webhooks.allow_unsigned = "yes": accepted are true, false"#
)]
#[case::repeated_item(
    "CALLGATE__PROVIDER__TERMINATE", "twilio,twilio",
    r#"provider.terminate = "twilio,twilio": accepted are lists of monitor, twilio, delete, each at most once and at least one"#
)]
#[case::database_without_its_password(
    "DATABASE_URL",
    "mysql://root:pw@db/x",
    r#"database.url = "mysql://***@db/x": accepted are URLs that begin with sqlite:, postgres:// or postgresql://"#
)]
#[case::url(
    "ELEVENLABS_BASE_URL", "api.elevenlabs.io",
    r#"provider.base_url = "api.elevenlabs.io": accepted are http:// or https:// URLs without credentials, query and fragment"#
)]
#[case::secret(
    "CALLGATE__AUTH__ADMIN_KEY",
    "two words",
    "auth.admin_key = ***: accepted are up to 512 visible ASCII characters without spaces"
)]
#[case::elevenlabs_without_its_key(
    "CALLGATE__PROVIDER__KIND",
    "elevenlabs",
    r#"provider.kind = "elevenlabs": accepted are elevenlabs together with provider.api_key, simulator"#
)]
#[case::half_a_twilio_account(
    "CALLGATE__PROVIDER__TWILIO_ACCOUNT_SID",
    "AC1",
    r#"provider.twilio_auth_token = "": accepted are a token while provider.twilio_account_sid is set"#
)]
#[case::an_announcement_of_two_lines(
    "CALLGATE__INBOUND__ANNOUNCEMENT",
    "All lines\nare busy",
    r#"inbound.announcement = "All lines\nare busy": accepted are up to 1000 characters of text in one line"#
)]
#[case::plan_without_a_limit(
    "CALLGATE__PLANS__GOLD__RESERVED",
    "1",
    "plans.GOLD.limit = (none): accepted are whole numbers from 0 to 100000"
)]
#[case::plan_name(
    "CALLGATE__PLANS__GOLD-PLUS__LIMIT",
    "1",
    r#"plans.GOLD-PLUS.limit = "1": accepted are plan names of 1 to 32 of A-Z, 0-9 and _"#
)]
#[case::reserves_beyond_the_cap(
    "CALLGATE__PLANS__PRO__RESERVED",
    "6",
    r#"plans.PRO.reserved = "6": accepted are reserves that together are at most capacity.global_cap = 5"#
)]
#[case::unknown_key(
    "CALLGATE__CAPACITY__GLOBL_CAP",
    "9",
    r#"capacity.globl_cap = "9": no such key; accepted are dial_within_seconds, global_cap, oversubscription_threshold_ratio in [capacity]"#
)]
#[case::unknown_key_beside_secrets(
    "CALLGATE__METRICS__TOKN",
    "hush",
    "metrics.tokn = ***: no such key; accepted are token in [metrics]"
)]
#[case::value_for_a_section(
    "CALLGATE__CAPACITY",
    "9",
    r#"capacity = "9": no such key; accepted are dial_within_seconds, global_cap, oversubscription_threshold_ratio in [capacity]"#
)]
#[case::value_for_a_plan(
    "CALLGATE__PLANS__PRO",
    "9",
    r#"plans.PRO = "9": no such key; accepted are plans.NAME.limit, plans.NAME.reserved and plans.NAME.max_duration_seconds"#
)]
#[case::unknown_section(
    "CALLGATE__ATUH__ADMIN_KEY",
    "hush",
    "atuh.admin_key = ***: no such key; accepted are the sections auth, capacity, database, demo, inbound, metrics, plans, provider, reconcile, redis, retention, retry_after, server, sessions, simulator, store, webhooks"
)]
fn a_mistake_in_the_environment_is_one_line(#[case] name: &str, #[case] value: &str, #[case] line: &str) {
    assert_eq!(refusal([(name, value)]), line);
}

#[rstest]
#[case::number(
    "[capacity]\nglobal_cap = 100001",
    "capacity.global_cap = 100001: accepted are whole numbers from 1 to 100000"
)]
#[case::negative("[retention]\ndays = -1", "retention.days = -1: accepted are whole numbers from 0 to 36500")]
#[case::kind(
    "[server]\nbind = 8080",
    "server.bind = 8080: accepted are addresses as IP:PORT, for example 127.0.0.1:8080"
)]
#[case::item("[provider]\nterminate = [\"shout\", 1]", r#"provider.terminate = ["shout", 1]: accepted are lists of monitor, twilio, delete, each at most once and at least one"#)]
#[case::unknown_key(
    "[redis]\nuri = \"redis://:pw@h\"",
    "redis.uri = ***: no such key; accepted are ca_file, prefix, url in [redis]"
)]
#[case::unknown_table(
    "[capacity.extra]",
    "capacity.extra = {}: no such key; accepted are dial_within_seconds, global_cap, oversubscription_threshold_ratio in [capacity]"
)]
#[case::empty_plan(
    "[plans.GOLD]",
    "plans.GOLD = {}: no such key; accepted are plans.NAME.limit, plans.NAME.reserved and plans.NAME.max_duration_seconds"
)]
fn a_mistake_in_a_file_is_one_line(#[case] text: &str, #[case] line: &str) {
    let overlay = overlay(text);

    let error = Settings::load(Some(&overlay.path), []).unwrap_err();

    assert_eq!(error.to_string(), line);
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named_in_one_line_without_its_text() {
    let missing = Settings::load(Some(Path::new("/nowhere/gate.toml")), []).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/nowhere/gate.toml: No such file or directory (os error 2); accepted are readable TOML files"
    );

    let overlay = overlay("[auth]\nadmin_key = hush\n");
    let broken = Settings::load(Some(&overlay.path), []).unwrap_err().to_string();
    assert!(
        broken.starts_with(&format!("{}: TOML parse error at line 2, column 13: ", overlay.path.display())),
        "{broken}"
    );
    assert_eq!(broken.lines().count(), 1);
    assert!(!broken.contains("hush"), "{broken}");
}

#[test]
fn without_any_key_only_loopback_is_served() {
    let open = loaded([("CALLGATE__SERVER__BIND", "0.0.0.0:8080")]);
    assert_eq!(
        open.require_loopback_without_keys(false).unwrap_err().to_string(),
        r#"server.bind = "0.0.0.0:8080": accepted are loopback addresses while there is no API key (set auth.admin_key, or `callgate keys create`)"#
    );
    assert_eq!(open.require_loopback_without_keys(true), Ok(()));

    let keyed = loaded([("CALLGATE__SERVER__BIND", "0.0.0.0:8080"), ("CALLGATE__AUTH__ADMIN_KEY", "key")]);
    assert_eq!(keyed.require_loopback_without_keys(false), Ok(()));

    for loopback in ["127.0.0.2:1", "[::1]:1"] {
        let settings = loaded([("CALLGATE__SERVER__BIND", loopback)]);
        assert_eq!(settings.require_loopback_without_keys(false), Ok(()));
    }
}

#[test]
fn the_debug_output_holds_no_secret() {
    let settings = loaded([
        ("DATABASE_URL", "postgres://gate:hush@db/calls"),
        ("REDIS_URL", "redis://:hush@cache"),
        ("ELEVENLABS_API_KEY", "hush"),
        ("ELEVENLABS_WEBHOOK_SECRET", "hush,hush2"),
        ("CALLGATE__AUTH__ADMIN_KEY", "hush"),
        ("CALLGATE__METRICS__TOKEN", "hush"),
        ("CALLGATE__PROVIDER__TWILIO_ACCOUNT_SID", "AC1"),
        ("CALLGATE__PROVIDER__TWILIO_AUTH_TOKEN", "hush"),
    ]);

    let shown = format!("{settings:?}");

    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(shown.matches("***").count(), 8, "{shown}");
}

fn loaded<const N: usize>(variables: [(&str, &str); N]) -> Settings {
    Settings::load(None, environment(variables)).unwrap()
}

fn refusal<const N: usize>(variables: [(&str, &str); N]) -> String {
    Settings::load(None, environment(variables)).unwrap_err().to_string()
}

fn environment<const N: usize>(variables: [(&str, &str); N]) -> impl Iterator<Item = (String, String)> {
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter()
}

fn by_key(key: &str) -> String {
    format!("CALLGATE__{}", key.replace('.', "__").to_uppercase())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn plan(name: &str, limit: Option<u32>, reserved: u32) -> (String, PlanSettings) {
    (name.to_owned(), PlanSettings { limit, reserved, max_duration_seconds: None })
}

struct Overlay {
    path: PathBuf,
    _folder: TempDir,
}

fn overlay(text: &str) -> Overlay {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gate.toml");
    fs::write(&path, text).unwrap();
    Overlay { path, _folder: folder }
}
