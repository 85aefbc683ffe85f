//! The page of the local gateway in a browser, and with it the TypeScript client: each test plays a
//! scenario of `tests/web`. Needs Node.js, npm and Chromium.

use std::time::Duration;
use tests::Service;

use crate::scenarios::{Scenarios, find_on_path};

/// Seconds, really; but machines are busy.
const PLAY_LIMIT: Duration = Duration::from_mins(2);

/// Under which names systems install it.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

static SCENARIOS: Scenarios = Scenarios::of("tests/web");

#[tokio::test]
async fn a_person_signs_up_and_uses_a_second_factor() {
    play("journey").await;
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_send_one_request_and_stay_signed_in() {
    play("tabs").await;
}

#[tokio::test]
async fn a_second_window_logs_in_by_qr_code_both_ways() {
    play("qr").await;
}

#[tokio::test]
async fn everyone_can_use_the_page_on_every_screen() {
    play("look").await;
}

/// Plays a scenario against a service of its own, in a browser of its own.
async fn play(scenario: &str) {
    let found = BROWSERS.iter().find(|name| find_on_path(name).is_some());
    let browser = found.unwrap_or(&BROWSERS[0]);
    if !SCENARIOS.can_play(scenario, &["node", "npm", browser]) {
        return;
    }
    let browser = find_on_path(browser).expect("it is there");
    let (_service, url) = Service::listen_in_real_time(&[("RATE_LIMITS", "off")]).await;
    SCENARIOS.play(scenario, &[&url, &browser.to_string_lossy()], PLAY_LIMIT).await;
}
