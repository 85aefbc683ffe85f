//! Asking for a code: the answer, the spellings of a number, the switches, the message.

use super::{OTHER_PHONE, PHONE, ask, id_of, keys, resend, status};
use serde_json::json;
use std::time::Duration;
use tests::Service;

#[tokio::test]
async fn a_request_answers_where_the_verification_stands() {
    let service = Service::start().await;
    for purpose in ["register", "login"] {
        let reply = ask(&service.client(), purpose, PHONE).await.expect(200);
        let id = id_of(&reply);
        let expected = json!({ "verificationId": id, "codeLength": 6, "expiresIn": 600, "resendIn": 30,
                "attemptsLeft": 5 });
        assert_eq!(reply.json(), expected);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(uuid::Uuid::try_parse(&id).unwrap().get_version_num(), 8, "{id}");
    }
}

#[tokio::test]
async fn a_status_answers_purpose_and_progress() {
    let service = Service::start().await;
    let client = service.client();
    for purpose in ["register", "login"] {
        let (id, code) = client.start(purpose, PHONE).await;
        service.advance(Duration::from_secs(10));
        let running = json!({ "purpose": purpose, "verified": false, "codeLength": 6,
            "expiresIn": 590, "resendIn": 20, "attemptsLeft": 5 });
        assert_eq!(status(&client, &id).await.expect(200).json(), running);

        let _ = client.confirm(purpose, &id, &code).await.expect(200);
        let verified = json!({ "purpose": purpose, "verified": true, "codeLength": 6,
            "expiresIn": 300, "resendIn": 20, "attemptsLeft": 5 });
        assert_eq!(status(&client, &id).await.expect(200).json(), verified);
    }
    let unknown = "5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f";
    status(&client, unknown).await.refused(404, "verification_not_found");
}

#[tokio::test]
async fn confirming_answers_in_the_words_of_its_purpose() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    let confirmed = client.confirm("register", &id, &code).await.expect(200);
    assert_eq!(confirmed.json(), json!({ "verified": true }));

    let _ = client.sign_up(OTHER_PHONE).await;
    for phone in [PHONE, OTHER_PHONE] {
        let (id, code) = client.start("login", phone).await;
        let confirmed = client.confirm("login", &id, &code).await.expect(200);
        assert_eq!(confirmed.json(), json!({ "verified": true, "requires2FA": false }));
    }
    service.sql("UPDATE auth.users_auth SET two_factor_enabled = true").await;
    let (id, code) = client.start("login", OTHER_PHONE).await;
    let confirmed = client.confirm("login", &id, &code).await.expect(200);
    assert_eq!(confirmed.json(), json!({ "verified": true, "requires2FA": true }));
}

#[tokio::test]
async fn all_spellings_of_a_number_are_one() {
    let service = Service::start().await;
    let first = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));
    for (n, spelling) in
        ["+33 6 12 34 56 78", "+33 (0)6.12.34.56.78", "+33-612-345-678", " +33612345678 "]
            .into_iter()
            .enumerate()
    {
        let client = service.client();
        let id = id_of(&ask(&client, "login", spelling).await.expect(200));
        let code = client.last_code(PHONE).await;
        let _ = client.confirm("login", &id, &code).await.expect(200);
        let body = json!({ "verificationId": id });
        let session = client.post("/auth/v1/login", body).await.expect(200).json();
        assert_eq!(session["userId"], *first.user, "{n}: {spelling}");
    }
    // Also to the limits: four were asked for, the fifth is the last.
    let other = service.client_at([192, 0, 2, 1].into());
    let _ = ask(&other, "login", PHONE).await.expect(200);
    ask(&other, "login", "+33 612345678").await.refused(429, "rate_limited");
}

#[tokio::test]
async fn what_is_no_number_is_refused_and_nothing_is_sent() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    for phone in [
        "",
        "0612345678",
        "33612345678",
        "0033612345678",
        "+",
        "++33612345678",
        "+33",
        "+336123456789999",
        "+99912345678",
        "+1800FLOWERS",
        "+33612345678 ext. 5",
        "+33612345678;ext=5",
        "tel:+33612345678",
        "+33612345678\n",
        "\u{ff0b}33612345678",
        "+٣٣٦١٢٣٤٥٦٧٨",
    ] {
        for purpose in ["register", "login"] {
            let reply = ask(&service.client(), purpose, phone).await;
            let body = reply.refused(400, "validation_failed").json();
            assert_eq!(body["errors"][0]["field"], "phoneNumber", "{phone:?}");
            assert!(phone.len() < 5 || !body.to_string().contains(phone), "{body}");
        }
    }
    assert!(service.inbox().await.is_empty());
    assert!(keys(&service, "verification:*").await.is_empty());
}

#[tokio::test]
async fn demo_mode_puts_the_code_into_the_answer_and_still_sends_it() {
    let service = Service::with(&[("DEMO_MODE", "true")]).await;
    let client = service.client();
    let started = ask(&client, "register", PHONE).await.expect(200);
    let id = id_of(&started);
    assert_eq!(started.json()["code"], *client.last_code(PHONE).await);

    service.advance(Duration::from_secs(30));
    let resent = resend(&client, &id).await.expect(200).json();
    assert_eq!(resent["code"], *client.last_code(PHONE).await);
    let code = resent["code"].as_str().unwrap();
    let _ = client.confirm("register", &id, code).await.expect(200);
    assert!(status(&client, &id).await.expect(200).json().get("code").is_none());
}

#[tokio::test]
async fn shipped_clients_are_told_at_once_whether_a_number_is_known() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true")]).await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));
    let sent = service.inbox().await.len();

    ask(&client, "register", PHONE).await.refused(409, "account_exists");
    ask(&client, "login", OTHER_PHONE).await.refused(400, "account_unknown");
    assert_eq!(service.inbox().await.len(), sent, "nothing is sent on a refusal");
    assert!(keys(&service, "verification:*").await.is_empty());
    let _ = ask(&client, "login", PHONE).await.expect(200);
    let _ = ask(&client, "register", OTHER_PHONE).await.expect(200);

    // Asking is counted all the same.
    for _ in 0..6 {
        ask(&client, "register", PHONE).await.refused(409, "account_exists");
    }
    ask(&client, "register", PHONE).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn the_message_speaks_the_language_of_the_caller() {
    let service = Service::start().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    let english = |code: &str, note: &str| {
        format!("Whispr: your code is {code}. Valid for 10 minutes, do not share it.{note}")
    };
    let french = |code: &str, note: &str| {
        format!("Whispr : votre code est {code}. Valable 10 minutes, ne le partagez pas.{note}")
    };
    let unknown_in_english = " There is no account yet for this number.";
    let unknown_in_french = " Ce numéro n'a pas encore de compte.";
    for (language, purpose, phone, text) in [
        ("en", "register", OTHER_PHONE, &english as &dyn Fn(&str, &str) -> String),
        ("fr-CA,fr;q=0.9,en;q=0.8", "register", OTHER_PHONE, &french),
        ("sv", "login", PHONE, &english),
        ("fr", "login", PHONE, &french),
        ("en", "login", OTHER_PHONE, &english),
        ("fr", "login", OTHER_PHONE, &french),
        ("fr", "register", PHONE, &french),
    ] {
        let client = client.clone().with_header("accept-language", language);
        let (_, code) = client.start(purpose, phone).await;
        let note = match (purpose, phone, language) {
            ("login", OTHER_PHONE, "fr") => unknown_in_french,
            ("login", OTHER_PHONE, _) => unknown_in_english,
            _ => "",
        };
        let message = &service.inbox().await[0];
        assert_eq!(message["to"], phone);
        assert_eq!(message["body"], text(&code, note), "{purpose} in {language}");
    }
}

#[tokio::test]
async fn the_message_ends_with_the_lines_that_fill_the_code_in() {
    let variables =
        [("SMS_BRAND", "Acme"), ("SMS_APP_HASH", "FA+9qCX9VSu"), ("SMS_DOMAIN", "app.example.com")];
    let service = Service::with(&variables).await;
    let (id, code) = service.client().start("register", PHONE).await;
    let body = service.inbox().await[0]["body"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = body.lines().collect();
    assert!(lines[0].starts_with(&format!("Acme: your code is {code}.")), "{body}");
    assert_eq!(lines[1..], ["FA+9qCX9VSu".to_owned(), format!("@app.example.com #{code}")]);

    service.advance(Duration::from_secs(30));
    let client = service.client().with_header("accept-language", "fr");
    let _ = resend(&client, &id).await.expect(200);
    let message = service.inbox().await[0]["body"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Acme : votre code est "), "{message}");
    assert!(message.contains("\nFA+9qCX9VSu\n@app.example.com #"), "{message}");
}

#[tokio::test]
async fn codes_are_six_digits_and_differ() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let mut codes = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..50 {
        let (id, code) = client.start("register", PHONE).await;
        assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        codes.insert(code);
        ids.insert(id);
    }
    assert_eq!(ids.len(), 50);
    // Of 50 out of a million, five doubles do not happen.
    assert!(codes.len() > 45, "{codes:?}");
}
