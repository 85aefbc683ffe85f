//! The key directory as libsignal uses it, the library in the apps: each test plays a scenario
//! of `tests/signal`, whose clients sign up over HTTP and write to each other. Needs Node.js
//! and npm.

use std::time::Duration;
use tests::Service;

use crate::scenarios::Scenarios;

/// Seconds, really; but machines are busy.
const PLAY_LIMIT: Duration = Duration::from_mins(2);

static SCENARIOS: Scenarios = Scenarios::of("tests/signal");

#[tokio::test]
async fn every_device_of_two_users_writes_to_every_other() {
    play("sessions").await;
}

#[tokio::test]
async fn a_session_begins_without_one_time_keys() {
    play("exhausted").await;
}

#[tokio::test]
async fn a_key_that_the_server_swaps_is_caught() {
    play("swapped").await;
}

#[tokio::test]
async fn rotated_keys_begin_sessions_and_old_messages_arrive() {
    play("rotated").await;
}

#[tokio::test]
async fn a_sender_learns_which_devices_came_went_or_are_new() {
    play("changed").await;
}

/// Plays a scenario against a service of its own.
async fn play(scenario: &str) {
    if SCENARIOS.can_play(scenario, &["node", "npm"]) {
        let service = Service::with(&[("RATE_LIMITS", "off")]).await;
        SCENARIOS.play(scenario, &[&service.listen().await], PLAY_LIMIT).await;
    }
}
