//! The append-only copy of the security log in DynamoDB: each entry once, in its place, without what is
//! personal; another entry in the same place is an alarm. A verification walks it, page by page, from
//! where retention lets it begin.

use super::{Function, LATER, PHONE, undelivered, unlimited};
use ::aws::SdkConfig;
use ::aws::relay::RelayAws;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest,
    ScalarAttributeType, WriteRequest,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tests::local_aws::{config, url};
use tests::race::together;
use tests::{Client as App, Service};

/// A table of this test's own.
async fn table(name: &str) -> (SdkConfig, Client) {
    let config = config(&url().await);
    let client = Client::new(&config);
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("user", KeyType::Hash))
        .key_schema(key("seq", KeyType::Range))
        .attribute_definitions(attribute("user", ScalarAttributeType::S))
        .attribute_definitions(attribute("seq", ScalarAttributeType::N))
        .send()
        .await
        .unwrap();
    (config, client)
}

async fn function(service: &Service, config: &SdkConfig, table: &str) -> Function {
    with_days(service, config, table, "400").await
}

async fn with_days(service: &Service, config: &SdkConfig, table: &str, days: &str) -> Function {
    let cloud = RelayAws(config.clone());
    let variables = [("SECURITY_LOG_TABLE", table), ("SECURITY_LOG_DAYS", days)];
    Function::new(service, None, Some(&cloud), &variables).await
}

/// What a verification says of a user's chain.
async fn verified(function: &Function, user: &str) -> Value {
    function.invoke(json!({ "task": "verify_log", "userId": user })).await.unwrap()
}

type Item = HashMap<String, AttributeValue>;

async fn items(client: &Client, table: &str) -> Vec<Item> {
    let mut items = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    items.sort_by_key(|item| (text(item, "user"), item["seq"].as_n().unwrap().clone()));
    items
}

fn text(item: &Item, name: &str) -> String {
    item[name].as_s().unwrap().clone()
}

fn item(user: &str, seq: i64, hash: &[u8], entry: &str) -> Item {
    [
        ("user", AttributeValue::S(user.to_owned())),
        ("seq", AttributeValue::N(seq.to_string())),
        ("hash", AttributeValue::B(Blob::new(hash))),
        ("entry", AttributeValue::S(entry.to_owned())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// What a verification says: the entries that hold, and what is wrong behind them.
fn says(starts_at: i64, seq: usize, fault: Option<&str>) -> Value {
    json!({ "startsAt": starts_at, "seq": seq, "fault": fault })
}

async fn put(client: &Client, table: &str, item: &Item) {
    client.put_item().table_name(table).set_item(Some(item.clone())).send().await.unwrap();
}

async fn delete(client: &Client, table: &str, user: &str, seq: i64) {
    let delete = client.delete_item().table_name(table);
    let delete = delete.key("user", AttributeValue::S(user.to_owned()));
    delete.key("seq", AttributeValue::N(seq.to_string())).send().await.unwrap();
}

async fn some_events(client: &App) -> String {
    let session = client.sign_up(PHONE).await;
    let _ = client.log_in(PHONE, "another").await;
    let caller = client.clone().bearer(&session.access);
    let _ = caller.post("/auth/v1/logout", json!({})).await.expect(204);
    session.user
}

#[tokio::test]
async fn each_entry_stands_once_in_its_place_and_nothing_personal_with_it() {
    let service = unlimited().await;
    let (config, client) = table("entries").await;
    let function = function(&service, &config, "entries").await;
    let user = some_events(&service.client()).await;
    assert_eq!(function.relay().await["failed"], 0);
    let first = items(&client, "entries").await;
    let rows = service.rows("SELECT seq, entry FROM auth.security_events ORDER BY seq").await;
    assert_eq!(first.len(), rows.len());
    assert!(first.len() >= 3);
    for (item, row) in first.iter().zip(&rows) {
        assert_eq!(text(item, "user"), user);
        assert_eq!(item["seq"].as_n().unwrap(), &row["seq"].to_string());
        assert_eq!(text(item, "entry"), row["entry"].as_str().unwrap());
        let expires: i64 = item["expiresAt"].as_n().unwrap().parse().unwrap();
        assert_eq!(expires, service.now().seconds() + 400 * 24 * 3600);
        let mut names: Vec<&String> = item.keys().collect();
        names.sort();
        assert_eq!(names, ["createdAt", "entry", "expiresAt", "hash", "seq", "user"]);
        let whole = format!("{item:?}");
        assert!(!whole.contains("203.0.113") && !whole.contains(PHONE), "{whole}");
    }
    // Delivered again, as after a relay that died.
    service.sql("UPDATE auth.outbox SET delivered_at = NULL").await;
    let again = function.relay().await;
    assert_eq!((&again["failed"], &again["dead"]), (&json!(0), &json!(0)));
    assert_eq!(items(&client, "entries").await, first);
    // The chain holds there, too.
    assert_eq!(verified(&function, &user).await, says(1, rows.len(), None));
    // Somebody with more rights than ours changes an entry.
    let mut changed = first[1].clone();
    changed.insert("entry".into(), AttributeValue::S("{}".into()));
    put(&client, "entries", &changed).await;
    let verified = verified(&function, &user).await;
    assert_eq!(verified["seq"], 1);
    assert!(verified["fault"].as_str().unwrap().contains("entry 2"), "{verified}");
}

#[tokio::test]
async fn another_entry_in_the_same_place_is_an_alarm_and_stays() {
    let service = unlimited().await;
    let (config, client) = table("conflicts").await;
    let function = function(&service, &config, "conflicts").await;
    let user = service.client().sign_up(PHONE).await.user;
    let forged = item(&user, 1, &[7; 32], "{}");
    put(&client, "conflicts", &forged).await;
    let report = function.relay().await;
    assert_eq!((&report["dead"], &report["failed"]), (&json!(1), &json!(0)));
    assert_eq!(items(&client, "conflicts").await, [forged], "nothing is overwritten");
    let metrics = function.state.core.cache.metrics().await.unwrap();
    assert!(metrics.contains(&("auth_audit_conflicts_total".to_owned(), 1)));
    assert_eq!(undelivered(&service).await, 0);
}

#[tokio::test]
async fn twenty_relays_double_no_entry() {
    let service = unlimited().await;
    let (config, client) = table("relays").await;
    let _ = some_events(&service.client()).await;
    let mut relays = Vec::new();
    for _ in 0..20 {
        let function = function(&service, &config, "relays").await;
        relays.push(async move { function.relay().await });
    }
    let reports = together(relays).await;
    assert!(reports.iter().all(|report| report["dead"] == 0), "{reports:?}");
    service.advance(LATER);
    let _ = function(&service, &config, "relays").await.relay().await;
    assert_eq!(undelivered(&service).await, 0);
    let entries = service.count("SELECT count(*) FROM auth.security_events").await;
    assert_eq!(i64::try_from(items(&client, "relays").await.len()).unwrap(), entries);
}

/// DynamoDB is away: the entries wait, and no log of the database is lost.
#[tokio::test]
async fn a_log_that_is_away_holds_the_entries_back() {
    let service = unlimited().await;
    let nowhere = config("http://127.0.0.1:1");
    let function = function(&service, &nowhere, "away").await;
    let _ = service.client().sign_up(PHONE).await;
    assert!(function.relay().await["failed"].as_u64().unwrap() > 0);
    let (config, client) = table("away").await;
    let function = self::function(&service, &config, "away").await;
    service.advance(LATER);
    let _ = function.relay().await;
    assert_eq!((undelivered(&service).await, items(&client, "away").await.len()), (0, 1));
}

/// Entries of a user, each with the hash of its place.
fn chain(user: &str, length: i64) -> Vec<Item> {
    let mut head = vec![0; 32];
    let next = |seq: i64| {
        let bytes = [&head[..], &seq.to_be_bytes(), b"{}"].concat();
        head = digest(&SHA256, &bytes).as_ref().to_vec();
        item(user, seq, &head, "{}")
    };
    (1..=length).map(next).collect()
}

/// Its entries are read in pages of 500; the walk goes over their borders, and over an empty last page.
#[tokio::test]
async fn a_long_chain_is_walked_to_its_end() {
    let service = unlimited().await;
    let (config, client) = table("pages").await;
    let function = function(&service, &config, "pages").await;
    let user = "00000000-0000-4000-8000-000000000001";
    let puts: Vec<_> = chain(user, 1000)
        .chunks(25)
        .map(|part| {
            let requests = part.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            client.batch_write_item().request_items("pages", requests.collect()).send()
        })
        .collect();
    for done in together(puts).await {
        assert!(done.unwrap().unprocessed_items.unwrap_or_default().is_empty());
    }
    assert_eq!(verified(&function, user).await, says(1, 1000, None));
    delete(&client, "pages", user, 501).await;
    assert_eq!(verified(&function, user).await, says(1, 500, Some("entry 501 is missing")));
}

/// As DynamoDB does it: late, and in any order.
#[tokio::test]
async fn retention_deletes_the_beginning_of_a_chain_and_nothing_behind_it() {
    const TABLE: &str = "retention";
    let days = |days: u64| Duration::from_hours(24 * days);
    let service = unlimited().await;
    let (config, client) = table(TABLE).await;
    let function = with_days(&service, &config, TABLE, "10").await;
    let app = service.client();
    let user = app.sign_up(PHONE).await.user;
    let _ = app.log_in(PHONE, "second").await;
    service.advance(days(5));
    for device in ["third", "fourth", "fifth"] {
        let _ = app.log_in(PHONE, device).await;
    }
    assert_eq!(function.relay().await["failed"], 0);
    let all = items(&client, TABLE).await;
    assert_eq!(all.len(), 5);
    assert_eq!(verified(&function, &user).await, says(1, 5, None));
    // It lacks one that is not expired.
    delete(&client, TABLE, &user, 2).await;
    assert_eq!(verified(&function, &user).await, says(1, 1, Some("entry 2 is missing")));
    // Two expire, of which one is still there, and then none.
    service.advance(days(6));
    assert_eq!(verified(&function, &user).await, says(3, 5, None));
    delete(&client, TABLE, &user, 1).await;
    assert_eq!(verified(&function, &user).await, says(3, 5, None));
    // The first that is there holds the others.
    let mut changed = all[2].clone();
    changed.insert("hash".into(), AttributeValue::B(Blob::new([7; 32])));
    put(&client, TABLE, &changed).await;
    let other = "entry 4 is not the one that was written there";
    assert_eq!(verified(&function, &user).await, says(3, 3, Some(other)));
    put(&client, TABLE, &all[2]).await;
    delete(&client, TABLE, &user, 4).await;
    assert_eq!(verified(&function, &user).await, says(3, 3, Some("entry 4 is missing")));
    // Of a log without retention, nothing expires.
    let function = with_days(&service, &config, TABLE, "0").await;
    assert_eq!(verified(&function, &user).await, says(1, 0, Some("entry 1 is missing")));
}
