//! An honest app over a network that loses answers and a service that is killed: it keeps
//! one refresh token, repeats what was not answered, and reports what must never happen to
//! it.

use serde_json::{Value, json};
use shared::clock::Rng;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::keys::Keys;
use crate::proof::{ISSUER, prove};
use crate::remote::{Answer, Remote};
use crate::token;

/// A bearer route that changes nothing.
const WS_TOKEN: &str = "/auth/v1/tokens/ws-token";
const LINK: &str = "/auth/v1/qr-code/link";

/// A failure that only an outage of Redis excuses.
pub const OUTLIVED: &str = "a session outlived its logout";

/// What all apps of a run have seen together.
#[derive(Default)]
pub struct Seen {
    /// Accounts whose keys may be fetched.
    users: Mutex<Vec<String>>,
    /// One-time keys that were received, each as often as it was.
    keys: Mutex<Vec<String>>,
    violations: Mutex<Vec<String>>,
    /// Answers with a status of 500 or above, requests without an answer, and [`OUTLIVED`].
    failures: Mutex<Vec<String>>,
}

impl Seen {
    fn push(list: &Mutex<Vec<String>>, text: String) {
        list.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn list(list: &Mutex<Vec<String>>) -> Vec<String> {
        list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        Self::list(&self.keys)
    }

    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        Self::list(&self.violations)
    }

    /// The failures since the last call.
    #[must_use]
    pub fn take_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Signed {
    access: String,
    refresh: String,
}

enum State {
    New,
    SignedOut,
    SignedIn(Signed),
}

/// One phone with one device.
pub struct App {
    phone: String,
    keys: Keys,
    next_key: i64,
    state: State,
    /// A verification that is confirmed and whose use was not answered.
    verification: Option<String>,
    /// An unanswered logout or log-in may have ended the session.
    may_have_ended: bool,
    seen: Arc<Seen>,
}

impl App {
    #[must_use]
    pub fn new(number: usize, seen: Arc<Seen>) -> Self {
        Self {
            phone: format!("+336{number:08}"),
            keys: Keys::new(),
            next_key: 1,
            state: State::New,
            verification: None,
            may_have_ended: false,
            seen,
        }
    }

    /// Does one thing that an app may do now, chosen at random.
    pub async fn step(&mut self, remote: &Remote) {
        match &self.state {
            State::New => self.begin(remote, "register").await,
            State::SignedOut => self.begin(remote, "login").await,
            State::SignedIn(_) => match Rng.next_u32() % 16 {
                0..5 => self.refresh(remote).await,
                5..8 => self.access(remote).await,
                8..12 => self.fetch_bundle(remote).await,
                12 | 13 => self.upload(remote).await,
                14 if Rng.next_u32().is_multiple_of(2) => self.let_in(remote).await,
                14 => self.begin(remote, "login").await,
                _ => self.logout(remote).await,
            },
        }
    }

    /// At the end of a run: whoever is signed in still is.
    pub async fn check(&mut self, remote: &Remote) {
        if matches!(self.state, State::SignedIn(_)) {
            self.refresh(remote).await;
            self.access(remote).await;
        }
    }

    fn violation(&self, text: impl Into<String>) {
        Seen::push(&self.seen.violations, text.into());
    }

    async fn post(&self, remote: &Remote, path: &str, body: Value) -> Option<Answer> {
        let bearer = match &self.state {
            State::SignedIn(signed) if !path.contains("/verify/") => Some(signed.access.clone()),
            _ => None,
        };
        let answer = remote.post(path, bearer.as_deref(), &body).await;
        self.answered(path, answer)
    }

    /// The answer, unless it is a failure of the service.
    fn answered(&self, path: &str, answer: Option<Answer>) -> Option<Answer> {
        let failed = answer.as_ref().is_none_or(|answer| answer.status.is_server_error());
        if failed {
            let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
            let code = answer.as_ref().map(Answer::code).unwrap_or_default();
            // Without the ids in it.
            let path: Vec<_> = path.split('/').filter(|part| part.len() < 30).collect();
            Seen::push(&self.seen.failures, format!("{status} {code} {}", path.join("/")));
        }
        answer.filter(|_| !failed)
    }

    /// A confirmed verification: an earlier one that was not answered, or a new one.
    async fn verified(&mut self, remote: &Remote, purpose: &str) -> Option<String> {
        if let Some(verification) = self.verification.take() {
            return Some(verification);
        }
        let start = json!({ "phoneNumber": self.phone });
        let path = format!("/auth/v1/verify/{purpose}/request");
        let started = self.post(remote, &path, start).await?;
        if !started.status.is_success() {
            self.violation(format!("a code was refused: {}", started.json));
            return None;
        }
        let id = started.text("verificationId");
        let confirm = json!({ "verificationId": id, "code": started.text("code") });
        let path = format!("/auth/v1/verify/{purpose}/confirm");
        for _ in 0..5 {
            match self.post(remote, &path, confirm.clone()).await {
                Some(answer) if answer.status.is_success() => return Some(id),
                Some(answer) if answer.code() == "verification_invalid" => return None,
                Some(answer) => {
                    self.violation(format!("a right code was refused: {}", answer.json));
                    return None;
                }
                None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        None
    }

    async fn begin(&mut self, remote: &Remote, purpose: &str) {
        let Some(verification) = self.verified(remote, purpose).await else { return };
        let mut body = json!({ "verificationId": verification, "deviceId": self.phone });
        if purpose == "register" || Rng.next_u32().is_multiple_of(4) {
            body["signalKeyBundle"] = self.keys.bundle(self.ids(20), self.ids(5));
            self.next_key += 20;
            prove(ISSUER, &mut body);
        }
        match self.post(remote, &format!("/auth/v1/{purpose}"), body).await {
            Some(answer) if answer.status.is_success() => {
                Seen::push(&self.seen.users, answer.text("userId"));
                let (access, refresh) = (answer.text("accessToken"), answer.text("refreshToken"));
                self.state = State::SignedIn(Signed { access, refresh });
                self.may_have_ended = false;
            }
            Some(answer) => match answer.code() {
                // An earlier try succeeded, and its answer was lost.
                "account_exists" if purpose == "register" => self.state = State::SignedOut,
                // Used by an earlier try, or lost with Redis.
                "verification_invalid" => {}
                _ => self.violation(format!("{purpose} was refused: {}", answer.json)),
            },
            None => {
                self.verification = Some(verification);
                self.may_have_ended = true;
            }
        }
    }

    fn ids(&self, count: i64) -> std::ops::Range<i64> {
        self.next_key..self.next_key + count
    }

    async fn refresh(&mut self, remote: &Remote) {
        let State::SignedIn(signed) = &self.state else { return };
        let body = json!({ "refreshToken": signed.refresh });
        let Some(answer) = self.post(remote, "/auth/v1/tokens/refresh", body).await else {
            return;
        };
        match (answer.status.as_u16(), &mut self.state) {
            (200, State::SignedIn(signed)) => {
                signed.access = answer.text("accessToken");
                signed.refresh = answer.text("refreshToken");
            }
            (409, _) => {}
            _ => self.ended(&answer),
        }
    }

    async fn access(&mut self, remote: &Remote) {
        let answer = self.post(remote, WS_TOKEN, json!({})).await;
        if let Some(answer) = answer.filter(|answer| !answer.status.is_success()) {
            self.ended(&answer);
        }
    }

    /// The service says that the session has ended.
    fn ended(&mut self, answer: &Answer) {
        if answer.code() != "session_ended" || !self.may_have_ended {
            self.violation(format!("an honest app was signed out: {}", answer.json));
        }
        self.state = State::SignedOut;
        self.may_have_ended = false;
    }

    async fn logout(&mut self, remote: &Remote) {
        match self.post(remote, "/auth/v1/logout", json!({})).await {
            Some(answer) if answer.status.is_success() => {
                let State::SignedIn(signed) = &self.state else { return };
                // The very next request is refused.
                let again = remote.post(WS_TOKEN, Some(&signed.access), &json!({})).await;
                if again.is_some_and(|again| again.status.is_success()) {
                    // Allowed for a minute, if Redis did not answer.
                    Seen::push(&self.seen.failures, OUTLIVED.to_owned());
                }
                self.state = State::SignedOut;
            }
            Some(answer) => self.ended(&answer),
            None => self.may_have_ended = true,
        }
    }

    /// Lets in its browser, which shows a link. Whoever was let in gets one session, whatever is lost.
    async fn let_in(&mut self, remote: &Remote) {
        let device = json!({ "deviceId": format!("{}-web", self.phone), "deviceType": "web" });
        let shown = remote.post(LINK, None, &device).await;
        let Some(shown) = self.answered(LINK, shown) else { return };
        let link = format!("{LINK}/{}", shown.text("linkId"));
        let body = json!({ "confirmCode": shown.text("confirmCode") });
        let Some(answer) = self.post(remote, &format!("{link}/approve"), body).await else {
            return;
        };
        match (answer.status.as_u16(), answer.code()) {
            (204, _) => {}
            // Its log-in, or its token, is too old to be a proof.
            (403, "fresh_proof_required") => return,
            (401, _) => return self.ended(&answer),
            _ => return self.violation(format!("an approval was refused: {}", answer.json)),
        }
        let mut sessions = HashSet::new();
        for _ in 0..8 {
            let body = json!({ "linkSecret": shown.text("linkSecret") });
            let answer = remote.post(&link, None, &body).await;
            let Some(answer) = self.answered(&link, answer) else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            if !answer.status.is_success() {
                self.violation(format!("an approved device was refused: {}", answer.json));
                return;
            }
            let access = answer.text("accessToken");
            let alive = remote.post(WS_TOKEN, Some(&access), &json!({})).await;
            if let Some(refused) = alive.filter(|answer| answer.status.is_client_error()) {
                self.violation(format!("a device that was let in is refused: {}", refused.json));
            }
            sessions.insert(token::claims(&access)["sid"].to_string());
            if sessions.len() > 1 {
                self.violation("one approval made two sessions");
            }
        }
    }

    async fn upload(&mut self, remote: &Remote) {
        let bundle = self.keys.bundle(self.ids(20), 1..2);
        self.next_key += 20;
        let body = json!({ "preKeys": bundle["preKeys"] });
        let answer = self.post(remote, "/auth/v1/signal/keys/prekeys", body).await;
        if let Some(answer) = answer.filter(|answer| !answer.status.is_success()) {
            self.ended(&answer);
        }
    }

    async fn fetch_bundle(&mut self, remote: &Remote) {
        let State::SignedIn(signed) = &self.state else { return };
        let users = Seen::list(&self.seen.users);
        let chosen = usize::try_from(Rng.next_u32()).unwrap_or_default() % users.len().max(1);
        let Some(user) = users.get(chosen) else { return };
        let path = format!("/auth/v1/signal/keys/{user}/bundles");
        let answer = remote.get(&path, Some(&signed.access)).await;
        let Some(answer) = self.answered(&path, answer) else { return };
        match answer.status.as_u16() {
            200 => {
                for bundle in answer.json["devices"].as_array().into_iter().flatten() {
                    if let Some(key) = bundle["preKey"]["publicKey"].as_str() {
                        Seen::push(&self.seen.keys, key.to_owned());
                    }
                }
            }
            401 => self.ended(&answer),
            _ => self.violation(format!("a bundle was refused: {}", answer.json)),
        }
    }
}
