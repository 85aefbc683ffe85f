//! The append-only copy of the security log in DynamoDB: each entry once, in its place, without what is
//! personal; another entry in the same place is an alarm.

use super::{Function, LATER, PHONE, undelivered, unlimited};
use ::aws::SdkConfig;
use ::aws::relay::RelayAws;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use serde_json::json;
use std::collections::HashMap;
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
    let cloud = RelayAws(config.clone());
    let variables = [("SECURITY_LOG_TABLE", table), ("SECURITY_LOG_DAYS", "400")];
    Function::new(service, None, Some(&cloud), &variables).await
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
    let event = json!({ "task": "verify_log", "userId": user });
    let verified = function.invoke(event.clone()).await.unwrap();
    assert_eq!(verified, json!({ "seq": rows.len(), "fault": null }));
    // Somebody with more rights than ours changes an entry.
    let mut item = first[1].clone();
    item.insert("entry".into(), AttributeValue::S("{}".into()));
    client.put_item().table_name("entries").set_item(Some(item)).send().await.unwrap();
    let verified = function.invoke(event).await.unwrap();
    assert_eq!(verified["seq"], 1);
    assert!(verified["fault"].as_str().unwrap().contains("entry 2"), "{verified}");
}

#[tokio::test]
async fn another_entry_in_the_same_place_is_an_alarm_and_stays() {
    let service = unlimited().await;
    let (config, client) = table("conflicts").await;
    let function = function(&service, &config, "conflicts").await;
    let user = service.client().sign_up(PHONE).await.user;
    let hash = aws_sdk_dynamodb::primitives::Blob::new([7; 32]);
    let forged: Item = [
        ("user", AttributeValue::S(user)),
        ("seq", AttributeValue::N("1".into())),
        ("hash", AttributeValue::B(hash)),
        ("entry", AttributeValue::S("{}".into())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    client.put_item().table_name("conflicts").set_item(Some(forged.clone())).send().await.unwrap();
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
