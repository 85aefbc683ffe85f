//! What is asked, operation by operation: accounts on their way from the first code to
//! the logout, and beside them the bare handlers.

use serde_json::{Value, json};
use tests::proof::{ISSUER, prove};

use crate::figures::Sample;
use crate::load::{Ask, Errand, Load, once};
use crate::server::Server;

/// How many more of the cheap requests are sent, so that they can be told from nothing.
pub const CHEAP: usize = 4;

/// Handlers of the bench that do one thing.
const BARE: [(&str, &str); 5] = [
    ("hello", "/bench/hello"),
    ("select", "/bench/select"),
    ("update", "/bench/update"),
    ("ping", "/bench/ping"),
    ("evalsha", "/bench/evalsha"),
];
/// Handlers that touch nothing of an account.
const PLAIN: [(&str, &str); 2] =
    [("jwks", "/auth/.well-known/jwks.json"), ("liveness", "/auth/v1/health/live")];

/// One round of everything. `numbers` are those of phones that nobody has asked for yet.
pub async fn round(
    server: &Server,
    load: &mut Load,
    numbers: &mut (impl Iterator<Item = u32> + Send),
    accounts: usize,
) -> Vec<(&'static str, Sample)> {
    let mut samples = Vec::new();
    let mut measure = async |name, errands: Vec<Errand>| {
        let (answers, sample) = load.measure(server, errands).await;
        samples.push((name, sample));
        answers
    };
    let bare = BARE.into_iter().filter(|_| server.has_bench_routes());
    for (name, path) in bare.chain(PLAIN) {
        measure(name, (0..accounts * CHEAP).map(|_| once(Ask::get(path))).collect()).await;
    }
    let phones: Vec<String> = numbers.take(accounts).map(phone).collect();

    // Registered.
    let asks = phones.iter().map(|phone| once(request("register", phone, phone)));
    let codes = measure("otp_request", asks.collect()).await;
    let asks =
        phones.iter().zip(&codes).map(|(phone, code)| once(confirm("register", phone, code)));
    measure("otp_confirm", asks.collect()).await;
    let asks = phones.iter().zip(&codes).map(|(phone, code)| once(begin("register", phone, code)));
    let sessions = measure("register", asks.collect()).await;

    // Signed in.
    let bearing = |ask: fn() -> Ask| {
        let sessions = sessions.iter().cycle().take(accounts * CHEAP);
        sessions.map(|session| once(ask().bearer(text(session, "accessToken")))).collect()
    };
    if server.has_bench_routes() {
        measure("access", bearing(|| Ask::get("/bench/access"))).await;
    }
    measure("ws_token", bearing(|| Ask::post("/auth/v1/tokens/ws-token", json!({})))).await;
    let asks = sessions.iter().map(|session| {
        let body = json!({ "refreshToken": text(session, "refreshToken") });
        once(Ask::post("/auth/v1/tokens/refresh", body))
    });
    measure("refresh", asks.collect()).await;

    // Back again on the same device, and gone.
    let asks = phones.iter().map(|phone| once(request("login", phone, phone)));
    let codes = measure("login_request", asks.collect()).await;
    let asks = phones.iter().zip(&codes).map(|(phone, code)| once(confirm("login", phone, code)));
    measure("login_confirm", asks.collect()).await;
    let asks = phones.iter().zip(&codes).map(|(phone, code)| once(begin("login", phone, code)));
    let sessions = measure("login", asks.collect()).await;
    let asks = sessions.iter().map(|session| {
        once(Ask::post("/auth/v1/logout", json!({})).bearer(text(session, "accessToken")))
    });
    measure("logout", asks.collect()).await;

    let asks = numbers.take(accounts).map(|n| sign_up(phone(n)));
    measure("sign_up", asks.collect()).await;
    samples
}

/// A mobile number in France.
pub fn phone(n: u32) -> String {
    format!("+3361{n:07}")
}

/// The first code, its confirmation, the account.
pub fn sign_up(phone: String) -> Errand {
    first_steps(phone, 3)
}

/// The same without the account.
pub fn verify_only(phone: String) -> Errand {
    first_steps(phone, 2)
}

fn first_steps(phone: String, steps: u32) -> Errand {
    let mut code = Value::Null;
    let mut step = 0;
    Box::new(move |answer| {
        step += 1;
        match step {
            _ if step > steps => None,
            1 => Some(request("register", &phone, &phone)),
            2 => {
                code = answer.clone();
                Some(confirm("register", &phone, &code))
            }
            _ => Some(begin("register", &phone, &code)),
        }
    })
}

pub fn request(purpose: &str, phone: &str, device: &str) -> Ask {
    let path = format!("/auth/v1/verify/{purpose}/request");
    Ask::post(path, json!({ "phoneNumber": phone, "deviceId": device }))
}

/// Confirms the code that the answer to the request told.
pub fn confirm(purpose: &str, device: &str, code: &Value) -> Ask {
    let body = json!({
        "verificationId": code["verificationId"], "code": code["code"], "deviceId": device,
    });
    Ask::post(format!("/auth/v1/verify/{purpose}/confirm"), body)
}

/// Begins a session from what was confirmed.
fn begin(purpose: &str, phone: &str, code: &Value) -> Ask {
    begin_on(purpose, phone, code, None)
}

/// The same on a device, which may bring keys.
pub fn begin_on(purpose: &str, device: &str, code: &Value, keys: Option<Value>) -> Ask {
    let mut body = json!({
        "verificationId": code["verificationId"], "deviceId": device, "deviceType": "ios",
        "deviceName": "Bench", "model": "iPhone", "osVersion": "18.1", "appVersion": "1.0.0",
    });
    if let Some(keys) = keys {
        body["signalKeyBundle"] = keys;
        prove(ISSUER, &mut body);
    }
    Ask::post(format!("/auth/v1/{purpose}"), body)
}

pub fn text<'a>(session: &'a Value, name: &str) -> &'a str {
    session[name].as_str().expect("a session's tokens")
}
