//! Signed roots: published once an hour where nobody can replace them; a chain that was rewritten since
//! does not match. `cargo local audit verify` compares them.

use super::{Function, OTHER_PHONE, PHONE, unlimited};
use ::aws::SdkConfig;
use ::aws::relay::RelayAws;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use local::Error;
use local::audit::{Wanted, verify_database};
use local::commands::Outcome;
use serde_json::json;
use shared::audit::root::{Head, RootError, SignedRoot};
use shared::audit::verify::verify_heads;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tests::Service;
use tests::local_aws::{config, url};
use tests::race::together;

const HOUR: Duration = Duration::from_hours(1);

struct Place {
    config: SdkConfig,
    s3: aws_sdk_s3::Client,
    bucket: &'static str,
    key: String,
}

impl Place {
    async fn new(bucket: &'static str) -> Self {
        let config = config(&url().await);
        let builder = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        let s3 = aws_sdk_s3::Client::from_conf(builder.build());
        let here = BucketLocationConstraint::EuWest1;
        let here = CreateBucketConfiguration::builder().location_constraint(here).build();
        let create = s3.create_bucket().bucket(bucket).create_bucket_configuration(here);
        let create = create.object_lock_enabled_for_bucket(true);
        create.send().await.unwrap();
        let kms = aws_sdk_kms::Client::new(&config).create_key();
        let kms = kms.key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
        let key = kms.send().await.unwrap().key_metadata.unwrap().key_id;
        Self { config, s3, bucket, key }
    }

    async fn function(&self, service: &Service) -> Function {
        let cloud = RelayAws(self.config.clone());
        let variables = [("AUDIT_ROOT_BUCKET", self.bucket), ("AUDIT_ROOT_KMS_KEY", &self.key)];
        Function::new(service, None, Some(&cloud), &variables).await
    }

    /// The names of all files.
    async fn names(&self) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(self.bucket).send().await.unwrap();
        listed.contents.unwrap_or_default().into_iter().filter_map(|one| one.key).collect()
    }

    async fn read(&self, name: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket(self.bucket).key(name).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    /// The name of the newest root.
    async fn root(&self) -> String {
        self.names().await.into_iter().rfind(|name| name.strip_suffix(".json").is_some()).unwrap()
    }

    /// The newest root and its heads, checked.
    async fn newest(&self) -> (SignedRoot, Vec<Head>) {
        let root = SignedRoot::parse(&self.read(&self.root().await).await).unwrap();
        let heads = self.read(&format!("roots/{}", root.heads_file)).await;
        let heads = root.verify(&heads).unwrap();
        (root, heads)
    }
}

#[tokio::test]
async fn a_root_of_all_chains_is_published_once_an_hour() {
    let service = unlimited().await;
    let place = Place::new("roots-hourly").await;
    let function = place.function(&service).await;
    for phone in [PHONE, OTHER_PHONE] {
        let _ = service.client().sign_up(phone).await;
    }
    assert_eq!(function.scheduled().await["root"], true);
    let (root, heads) = place.newest().await;
    assert_eq!((heads.len(), root.hour().millis() % 3_600_000), (2, 0));
    let store = &service.state.core.store;
    assert_eq!(verify_heads(store, &heads).await.unwrap(), []);
    // The same hour again: what stands there stays.
    let file = place.root().await;
    let before = place.read(&file).await;
    let _ = service.client().log_in(PHONE, "another").await;
    let _ = service.state.core.cache.mark_outbox("a commit").await.unwrap();
    assert_eq!(function.scheduled().await["root"], false);
    assert_eq!(place.read(&file).await, before);
    // The next hour has one of its own. The root of before still holds: chains only grow.
    service.advance(HOUR);
    let _ = service.state.core.cache.mark_outbox("another").await.unwrap();
    assert_eq!(function.scheduled().await["root"], true);
    let (newer, _) = place.newest().await;
    assert!(newer.hour() > root.hour());
    assert_eq!(verify_heads(store, &heads).await.unwrap(), []);
}

/// Relays that commits invoke leave nothing in the outbox: the root of the hour is due all the same.
#[tokio::test]
async fn what_relays_after_commits_delivered_is_in_the_root_of_its_hour() {
    let service = unlimited().await;
    let place = Place::new("roots-delivered").await;
    let function = place.function(&service).await;
    let cache = &service.state.core.cache;
    let _ = service.client().sign_up(PHONE).await;
    assert_eq!(function.scheduled().await["root"], true, "a first look");
    for (hour, phone) in ["+33612340011", "+33612340012"].into_iter().enumerate() {
        service.advance(HOUR);
        let _ = service.client().sign_up(phone).await;
        assert!(cache.mark_outbox(phone).await.unwrap());
        let _ = function.relay().await;
        // One that is committed in an hour whose root stands is in the next one.
        assert_eq!(function.scheduled().await["root"], true, "hour {hour}");
        assert_eq!(place.newest().await.1.len(), hour + 2);
        assert_eq!(function.scheduled().await["skipped"], true, "nothing new");
    }
    let _ = service.client().sign_up(OTHER_PHONE).await;
    assert!(cache.mark_outbox("late").await.unwrap());
    let _ = function.relay().await;
    assert_eq!(function.scheduled().await["root"], false, "the root of this hour stands");
    service.advance(HOUR);
    assert_eq!(function.scheduled().await["root"], true);
    assert_eq!(place.newest().await.1.len(), 4);
}

/// Whoever owns the database can make a chain that holds by itself.
async fn rewrite(service: &Service, user: &str) {
    service
        .sql(&format!(
            "UPDATE auth.security_events SET entry = '{{}}', personal = NULL,
               hash = sha256(decode(repeat('00', 32), 'hex') || int8send(1) || convert_to('{{}}', 'UTF8'))
              WHERE user_id = '{user}' AND seq = 1;
             UPDATE auth.audit_heads h SET head = e.hash FROM auth.security_events e
              WHERE h.user_id = '{user}' AND e.user_id = h.user_id AND e.seq = h.seq"
        ))
        .await;
}

#[tokio::test]
async fn a_chain_that_was_rewritten_does_not_match_the_root() {
    let service = unlimited().await;
    let place = Place::new("roots-rewritten").await;
    let session = service.client().sign_up(PHONE).await;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    assert_eq!(place.function(&service).await.scheduled().await["root"], true);
    let (_, heads) = place.newest().await;
    rewrite(&service, &session.user).await;
    let store = &service.state.core.store;
    let chains = shared::audit::verify::verify(store, None).await.unwrap();
    assert_eq!(chains.faults, []);
    let others = verify_heads(store, &heads).await.unwrap();
    let found: Vec<_> =
        others.iter().map(|other| (other.user.to_string(), other.seq, other.is_missing)).collect();
    assert_eq!(found, [(session.user.clone(), 1, false)]);
    service
        .sql(&format!("DELETE FROM auth.security_events WHERE user_id = '{}'", session.user))
        .await;
    let others = verify_heads(store, &heads).await.unwrap();
    assert!(others[0].is_missing && others.len() == 1);
}

#[tokio::test]
async fn relays_at_once_publish_one_root() {
    let service = unlimited().await;
    let place = Place::new("roots-race").await;
    let _ = service.client().sign_up(PHONE).await;
    let mut relays = Vec::new();
    for _ in 0..8 {
        let function = place.function(&service).await;
        relays.push(async move { function.scheduled().await });
    }
    let reports = together(relays).await;
    let published = reports.iter().filter(|report| report["root"] == true).count();
    assert_eq!(published, 1, "{reports:?}");
    let (_, heads) = place.newest().await;
    assert_eq!(heads.len(), 1);
}

/// The root fails, and everything else is done.
#[tokio::test]
async fn a_key_that_does_not_sign_fails_the_invocation_after_the_delivery() {
    let service = unlimited().await;
    let mut place = Place::new("roots-key").await;
    place.key = "00000000-0000-4000-8000-000000000000".to_owned();
    let function = place.function(&service).await;
    let _ = service.client().sign_up(PHONE).await;
    assert!(function.invoke(json!({ "task": "scheduled" })).await.is_err());
    assert_eq!(super::undelivered(&service).await, 0);
    let metrics = function.state.core.cache.metrics().await.unwrap();
    assert!(metrics.contains(&("auth_audit_root_failures_total".to_owned(), 1)), "{metrics:?}");
    assert!(place.names().await.iter().all(|name| name.strip_suffix(".json").is_none()));
    assert_eq!(SignedRoot::parse(b"{}"), Err(RootError::Format));
}

/// The newest root of a place and its heads in a folder, as an operator copies them.
struct Copied {
    folder: PathBuf,
    root: String,
    heads: PathBuf,
    /// That of the key that signed it.
    fingerprint: String,
}

impl Copied {
    async fn of(place: &Place) -> Self {
        let name = format!("auth-{}-{}", place.bucket, std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let (signed, _) = place.newest().await;
        let (root, heads) = (folder.join("root.json"), folder.join(&signed.heads_file));
        fs::write(&root, place.read(&place.root().await).await).unwrap();
        fs::write(&heads, place.read(&format!("roots/{}", signed.heads_file)).await).unwrap();
        let (root, fingerprint) = (root.display().to_string(), signed.fingerprint().unwrap());
        Self { folder, root, heads, fingerprint }
    }

    /// `cargo local audit verify --against … --key …`
    async fn verify(&self, service: &Service, key: Option<&str>) -> Result<Outcome, Error> {
        let wanted = Wanted { user: None, against: Some(&self.root), key };
        verify_database(service.stores.database_url.clone(), None, &wanted).await
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn the_command_compares_the_chains_with_a_root_of_the_named_key() {
    let service = unlimited().await;
    let user = service.client().sign_up(PHONE).await.user;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    let (ours, strangers) = (Place::new("roots-command").await, Place::new("roots-stranger").await);
    for place in [&ours, &strangers] {
        let _ = service.state.core.cache.mark_outbox(place.bucket).await.unwrap();
        assert_eq!(place.function(&service).await.scheduled().await["root"], true);
    }
    let (ours, strangers) = (Copied::of(&ours).await, Copied::of(&strangers).await);
    let key = ours.fingerprint.to_uppercase();
    for key in [None, Some(&*ours.fingerprint), Some(&*key)] {
        let found = ours.verify(&service, key).await.unwrap();
        assert!(found.is_good, "{}", found.text);
        for told in ["verified 2 entries of 2 users, 0 broken chains", "2 heads", &ours.fingerprint]
        {
            assert!(found.text.contains(told), "{told} is not in {}", found.text);
        }
    }
    // Whoever forges a root signs it with a key of their own: it holds by itself.
    let found = strangers.verify(&service, None).await.unwrap();
    assert!(found.is_good && found.text.contains(&strangers.fingerprint), "{}", found.text);
    let refused = strangers.verify(&service, Some(&ours.fingerprint)).await.unwrap_err();
    assert!(
        matches!(&refused, Error::OtherKey(other) if *other == strangers.fingerprint),
        "{refused}"
    );
    // A chain that was rewritten holds by itself, too, and differs from the root.
    rewrite(&service, &user).await;
    let found = ours.verify(&service, Some(&ours.fingerprint)).await.unwrap();
    let told = format!("{user}: entry 1 is not the one of the root");
    assert!(!found.is_good && found.text.contains(&told), "{}", found.text);
    assert!(found.text.contains("0 broken chains") && found.text.contains("1 differ"));
    service.sql(&format!("DELETE FROM auth.security_events WHERE user_id = '{user}'")).await;
    let found = ours.verify(&service, None).await.unwrap();
    let told = [format!("{user}: the entries from 1 on"), format!("{user}: entry 1 is missing")];
    assert!(!found.is_good && told.iter().all(|told| found.text.contains(told)), "{}", found.text);
}

#[tokio::test]
async fn the_command_refuses_a_root_whose_heads_were_changed_or_are_not_beside_it() {
    let service = unlimited().await;
    let _ = service.client().sign_up(PHONE).await;
    let place = Place::new("roots-heads").await;
    assert_eq!(place.function(&service).await.scheduled().await["root"], true);
    let copied = Copied::of(&place).await;
    let mut heads = fs::read(&copied.heads).unwrap();
    heads[30] ^= 1;
    fs::write(&copied.heads, heads).unwrap();
    let refused = copied.verify(&service, None).await.unwrap_err();
    assert!(matches!(refused, Error::Root(RootError::Heads)), "{refused}");
    fs::remove_file(&copied.heads).unwrap();
    let refused = copied.verify(&service, None).await.unwrap_err();
    assert!(matches!(&refused, Error::File { file, .. } if *file == copied.heads), "{refused}");
}
