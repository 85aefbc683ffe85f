//! SMS by AWS: what SNS and End User Messaging are sent, and that no message is sent twice, whatever
//! the network and the service do.

use crate::verify::{OTHER_PHONE, PHONE, address, ask, id_of, keys, resend};
use serde_json::{Value, json};
use shared::sender::cloud::CloudSender;
use std::time::Duration;
use tests::end_user_messaging::{ApiMood, EndUserMessaging, THROTTLED};
use tests::local_aws;
use tests::proxy::Lost;
use tests::remote::Remote;
use tests::{Proxy, Reply, Service};

/// Where nothing listens: the port of a listener that is gone.
pub async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A service whose AWS is at this address. Variables that not `verify` alone reads stand in `core`.
pub async fn service(url: &str, core: &[(&str, &str)], sms: &[(&str, &str)]) -> Service {
    let config = local_aws::config(url.trim_end_matches('/'));
    let make = |sender| ::aws::senders::make(&config, sender);
    let sms: Vec<_> = [("SMS_SENDER", "end-user-messaging")].iter().chain(sms).copied().collect();
    Service::with(core).await.with_cloud_senders(&sms, &make).await
}

/// The code in a text.
pub fn code_in(text: &Value) -> String {
    let digits = text.as_str().expect("a text").split(|c: char| !c.is_ascii_digit());
    digits.into_iter().find(|digits| digits.len() == 6).expect("a code").to_owned()
}

/// The code in the newest message that went to a phone.
pub fn code(api: &EndUserMessaging) -> String {
    code_in(&api.sent().last().expect("a message")["MessageBody"])
}

fn calls(api: &EndUserMessaging) -> usize {
    api.calls("SendTextMessage").len()
}

/// Told as a failed send, and nothing of what was sent or answered with it.
fn failed(reply: Reply) {
    let reply = reply.refused(502, "sms_failed");
    let answer = format!("{:?} {}", reply.headers, reply.json());
    for secret in [&PHONE[1..], "was refused", "Exception", "OPTED_OUT", "Whispr"] {
        assert!(!answer.contains(secret), "{secret} in {answer}");
    }
}

/// The messages that the local AWS has sent to a number.
async fn sent_by_sns(url: &str, phone: &str) -> Vec<Value> {
    let address = url.trim_start_matches("http://").parse().expect("an address");
    let phone = phone.replace('+', "%2B");
    let path = format!("/_ministack/sns/sms-messages?phoneNumber={phone}");
    let answer = Remote(address).get(&path, None).await.expect("an answer");
    let all = answer.json.to_string();
    let mut found = Vec::new();
    let mut rest = vec![&answer.json];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(fields) if fields.contains_key("Message") => found.push(value.clone()),
            Value::Object(fields) => rest.extend(fields.values()),
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    assert!(!found.is_empty(), "nothing for {phone} in {all}");
    found
}

#[tokio::test]
async fn sns_publishes_one_transactional_message() {
    let url = local_aws::url().await;
    let phone = "+33612340001";
    let sms = [
        ("SMS_SENDER", "sns"),
        ("SNS_SENDER_ID", "Whispr"),
        ("SNS_MAX_PRICE", "0.15"),
        ("SNS_ENTITY_ID", "1101234567890"),
        ("SNS_TEMPLATE_ID", "1107654321098"),
    ];
    let service = service(&url, &[], &sms).await;
    let client = service.client().with_header("accept-language", "fr");
    let id = id_of(&ask(&client, "register", phone).await.expect(200));

    let sent = sent_by_sns(&url, phone).await;
    assert_eq!(sent.len(), 1);
    let code = code_in(&sent[0]["Message"]);
    let text = format!("Whispr : votre code est {code}. Valable 10 minutes, ne le partagez pas.");
    assert_eq!(sent[0]["Message"], text);
    for (name, value) in [
        ("AWS.SNS.SMS.SMSType", "Transactional"),
        ("AWS.SNS.SMS.SenderID", "Whispr"),
        ("AWS.SNS.SMS.MaxPrice", "0.15"),
        ("AWS.MM.SMS.EntityId", "1101234567890"),
        ("AWS.MM.SMS.TemplateId", "1107654321098"),
    ] {
        let attribute = sent[0]["MessageAttributes"][name].to_string();
        assert!(attribute.contains(&format!("\"{value}\"")), "{name}: {attribute}");
    }
    assert!(service.inbox().await.is_empty(), "kept in the inbox too");
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test]
async fn sns_that_cannot_be_reached_is_a_failure() {
    let service = service(&nowhere().await, &[], &[("SMS_SENDER", "sns")]).await;
    failed(ask(&service.client(), "register", PHONE).await);
    assert!(keys(&service, "verification:*").await.is_empty());
}

#[tokio::test]
async fn end_user_messaging_is_called_once_per_code() {
    let api = EndUserMessaging::start().await;
    let sms = [
        ("EUM_ORIGINATION_IDENTITY", "pool-0123456789abcdef"),
        ("EUM_CONFIGURATION_SET", "auth"),
        ("EUM_PROTECT_CONFIGURATION_ID", "protect-0123456789abcdef"),
        ("EUM_MAX_PRICE", "0.15"),
        ("EUM_ENTITY_ID", "1101234567890"),
        ("EUM_TEMPLATE_ID", "1107654321098"),
    ];
    let service = service(&api.url, &[], &sms).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let code = code(&api);
    let text = format!("Whispr: your code is {code}. Valid for 10 minutes, do not share it.");
    let expected = json!({
        "DestinationPhoneNumber": PHONE,
        "OriginationIdentity": "pool-0123456789abcdef",
        "MessageBody": text,
        "MessageType": "TRANSACTIONAL",
        "ConfigurationSetName": "auth",
        "MaxPrice": "0.15",
        "TimeToLive": 600,
        "DestinationCountryParameters": {
            "IN_ENTITY_ID": "1101234567890",
            "IN_TEMPLATE_ID": "1107654321098",
        },
        "ProtectConfigurationId": "protect-0123456789abcdef",
        "MessageFeedbackEnabled": true,
    });
    assert_eq!(api.calls("SendTextMessage"), [expected]);
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test]
async fn a_setting_that_is_not_set_is_not_sent() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let _ = ask(&service.client(), "login", PHONE).await.expect(200);
    let call = &api.calls("SendTextMessage")[0];
    let mut names: Vec<_> =
        call.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "DestinationPhoneNumber",
        "MessageBody",
        "MessageFeedbackEnabled",
        "MessageType",
        "TimeToLive",
    ];
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_refused_message_is_told_asked_for_once_and_gives_back_its_budget() {
    let budgets = [("SMS_BUDGET_PER_COUNTRY", "1"), ("SMS_BUDGET_GLOBAL", "1")];
    for refusal in [
        ApiMood::Refusing(400, "ValidationException"),
        ApiMood::Refusing(400, "ConflictException"),
        ApiMood::Refusing(400, "ServiceQuotaExceededException"),
        ApiMood::Refusing(400, "ResourceNotFoundException"),
        ApiMood::Refusing(400, "AccessDeniedException"),
        ApiMood::Refusing(400, "SomethingNewException"),
        ApiMood::Refusing(500, "InternalServerException"),
    ] {
        let api = EndUserMessaging::start().await;
        let service = service(&api.url, &budgets, &[]).await;
        api.set(refusal);
        for n in 0..2 {
            failed(ask(&service.client_at(address(n)), "register", PHONE).await);
        }
        assert_eq!((calls(&api), api.sent().len()), (2, 0), "{refusal:?}");
        assert!(keys(&service, "verification:*").await.is_empty(), "{refusal:?}");

        api.set(ApiMood::Taking);
        let id = id_of(&ask(&service.client_at(address(2)), "register", PHONE).await.expect(200));
        let _ = service.client().confirm("register", &id, &code(&api)).await.expect(200);
    }
}

#[tokio::test]
async fn a_throttled_call_is_repeated_a_little_and_sends_once() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    api.set_next(&[THROTTLED, THROTTLED]);
    let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
    assert_eq!((calls(&api), api.sent().len()), (3, 1));
    let _ = service.client().confirm("register", &id, &code(&api)).await.expect(200);

    api.set(THROTTLED);
    failed(ask(&service.client(), "register", OTHER_PHONE).await);
    assert_eq!((calls(&api), api.sent().len()), (6, 1));
}

/// Nobody knows how the call ended: a second one could be a second message.
#[tokio::test]
async fn what_may_have_been_sent_is_not_sent_again_and_keeps_code_and_budget() {
    let budgets = [("SMS_BUDGET_PER_COUNTRY", "1"), ("SMS_BUDGET_GLOBAL", "1")];
    for mood in [ApiMood::Hanging, ApiMood::Dropping] {
        let api = EndUserMessaging::start().await;
        let service = service(&api.url, &budgets, &[]).await;
        api.set(mood);
        let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
        assert_eq!((calls(&api), api.sent().len()), (1, 1), "{mood:?}");
        api.set(ApiMood::Taking);
        let other = ask(&service.client_at(address(1)), "register", OTHER_PHONE).await;
        other.refused(429, "sms_paused");
        let _ = service.client().confirm("register", &id, &code(&api)).await.expect(200);
        assert_eq!(api.sent().len(), 1, "{mood:?}");
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_a_failure() {
    let service = service(&nowhere().await, &[], &[]).await;
    for phone in [PHONE, OTHER_PHONE] {
        failed(ask(&service.client(), "register", phone).await);
    }
    assert!(keys(&service, "verification:*").await.is_empty());
}

/// On a new connection, and on one that has carried a message before.
#[tokio::test]
async fn a_connection_that_is_lost_never_makes_two_messages_of_one() {
    for part in [Lost::Request, Lost::Reply] {
        for is_used in [false, true] {
            let api = EndUserMessaging::start().await;
            let (proxy, url) = Proxy::before(&api.url).await;
            let service = service(&url, &[], &[]).await;
            let client = service.client();
            if is_used {
                let _ = ask(&client, "register", OTHER_PHONE).await.expect(200);
            }
            let before = api.sent().len();
            proxy.lose(0, part);
            let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
            assert!(!proxy.has_loss_pending());
            let arrived = usize::from(part == Lost::Reply);
            assert_eq!(api.sent().len() - before, arrived, "{part:?}, used: {is_used}");
            if part == Lost::Request {
                // Whoever got nothing asks again.
                service.advance(Duration::from_secs(30));
                let _ = resend(&client, &id).await.expect(200);
            }
            let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
        }
    }
}

#[tokio::test]
async fn both_may_be_routes_and_fallback() {
    let (api, sns) = (EndUserMessaging::start().await, local_aws::url().await);
    let (of_api, of_sns) = (local_aws::config(&api.url), local_aws::config(&sns));
    let make = |sender| match sender {
        CloudSender::Sns(_) => ::aws::senders::make(&of_sns, sender),
        CloudSender::EndUserMessaging(_) => ::aws::senders::make(&of_api, sender),
    };
    let sms = [("SMS_ROUTES", "GB=sns,*=end-user-messaging"), ("SMS_FALLBACK", "sns")];
    let service = Service::start().await.with_cloud_senders(&sms, &make).await;
    let client = service.client();
    let (british, french, failing) = ("+447400123001", "+33612340002", "+33612340003");
    for phone in [british, french] {
        let _ = ask(&client, "register", phone).await.expect(200);
    }
    api.set(ApiMood::Refusing(400, "ConflictException"));
    let _ = ask(&client, "register", failing).await.expect(200);
    let numbers: Vec<_> =
        api.sent().iter().map(|sent| sent["DestinationPhoneNumber"].clone()).collect();
    assert_eq!(numbers, [french]);
    for phone in [british, failing] {
        assert_eq!(sent_by_sns(&sns, phone).await.len(), 1, "{phone}");
    }
}
