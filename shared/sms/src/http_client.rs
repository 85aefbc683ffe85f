//! A client for a provider's HTTP API, made with the first request, so that a start does
//! not load certificates.

use std::sync::OnceLock;
use std::time::Duration;

/// No provider takes longer than this. Senders and the captcha have limits of their own.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(crate) struct HttpClient(OnceLock<Option<reqwest::Client>>);

impl HttpClient {
    pub(crate) fn get(&self) -> Option<&reqwest::Client> {
        let make = || {
            // No redirects: number and code are for the configured address alone.
            let no_redirects = reqwest::redirect::Policy::none();
            reqwest::Client::builder().timeout(TIMEOUT).redirect(no_redirects).build().ok()
        };
        self.0.get_or_init(make).as_ref()
    }
}
