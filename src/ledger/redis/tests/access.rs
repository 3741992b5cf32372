//! Users, passwords and certificates; and that no error tells a password.

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::*;

/// What the module's documentation says that its user needs.
const USER: &[&str] = &[
    "ACL",
    "SETUSER",
    "gate",
    "on",
    ">s3cret",
    "resetkeys",
    "~{callgate:*",
    "-@all",
    "+@hash",
    "+eval",
    "+evalsha",
    "+script|load",
    "+info",
    "+multi",
    "+exec",
    "+set",
    "+del",
    "+rename",
    "+exists",
    "+pexpire",
    "+persist",
];

#[actix::test]
async fn a_user_with_the_rights_that_are_documented_can_do_everything() {
    let redis = Redis::start();
    redis.ask::<()>(USER);
    redis.ask::<()>(&["CONFIG", "SET", "requirepass", "other"]);
    let mut ledger = ledger_at(&format!("redis://gate:s3cret@{}", redis.address()));
    ledger.load(EPOCH, pool(5), vec![(holder(1, "a", "PRO", Slot::Held), Sequence(2))]).await.unwrap();
    ledger.apply(EPOCH, &[ask(2, "a", "PRO", 3), release(1)]).await.unwrap();
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH));
    assert_eq!(ledger.newest().await.unwrap(), Some(EPOCH));
    assert_eq!(ledger.occupied().await.unwrap().total.held, 1);
    assert_eq!(ledger.holders().await.unwrap(), [holder(2, "a", "PRO", Slot::Held)]);
}

#[actix::test]
async fn a_wrong_password_is_away_is_not_told_and_works_once_it_is_the_right_one() {
    let redis = Redis::start();
    redis.ask::<()>(USER);
    let url = format!("redis://gate:n3wsecret@{}", redis.address());
    let mut ledger = ledger_at(&url);
    let reason = away(ledger.look()).await;
    assert!(reason.contains("WRONGPASS") && !reason.contains("n3wsecret"), "{reason}");
    redis.ask::<()>(&["ACL", "SETUSER", "gate", ">n3wsecret"]);
    assert_eq!(look_until_it_answers(&mut ledger).await, None);
}

#[test]
fn a_url_that_cannot_be_used_is_not_told() {
    let pool = PoolId::default_pool();
    for url in ["redis://gate:s3cret@host:port", "rediss://gate:s3cret@", "http://gate:s3cret@host"] {
        let target = RedisTarget { url, certificate_authority: None, prefix: "callgate", pool: &pool };
        let error = RedisLedger::new(&target, new_uuid()).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

/// A certificate for 127.0.0.1, its key and the authority that signed it, in `folder`.
fn make_certificates(folder: &std::path::Path) {
    let script = r"
        set -e
        openssl ecparam -name prime256v1 -genkey -noout -out ca.key
        openssl req -x509 -new -key ca.key -subj /CN=authority -days 2 -out ca.crt
        openssl ecparam -name prime256v1 -genkey -noout -out server.key
        openssl req -new -key server.key -subj /CN=server -out server.csr
        echo subjectAltName=IP:127.0.0.1 > names
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt
    ";
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[actix::test]
async fn an_encrypted_connection_trusts_the_authority_that_is_named_and_no_other() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let _redis = Redis::start_with(&[
        "--tls-port",
        &port,
        "--tls-auth-clients",
        "no",
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-cert-file",
        &file("server.crt"),
        "--tls-key-file",
        &file("server.key"),
    ]);
    let (url, pool_id) = (format!("rediss://127.0.0.1:{port}"), PoolId::default_pool());
    let target = RedisTarget { url: &url, certificate_authority: None, prefix: "callgate", pool: &pool_id };
    let mut stranger = RedisLedger::new(&target, new_uuid()).unwrap();
    let reason = away(stranger.look()).await;
    assert!(reason.contains("certificate"), "{reason}");

    let pem = std::fs::read(file("ca.crt")).unwrap();
    let target = RedisTarget { certificate_authority: Some(&pem), ..target };
    let mut ledger = RedisLedger::new(&target, new_uuid()).unwrap();
    ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap();
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH));
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix::test]
async fn a_server_that_evicts_keys_is_warned_of_once() {
    for (policy, warnings) in [("allkeys-lru", 1), ("noeviction", 0)] {
        let redis = Redis::start_with(&["--maxmemory-policy", policy]);
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let mut ledger = with_one_call(&redis).await;
        ledger.look().await.unwrap();
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.matches("set maxmemory-policy to noeviction").count(), warnings, "{log}");
    }
}
