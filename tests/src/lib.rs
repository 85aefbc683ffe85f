//! What the integration tests and the bench stand on: a whole service in this process,
//! over a Postgres database and a Redis database of its own.
//!
//! | module | what it is |
//! |---|---|
//! | [`authenticator`] | an authenticator app |
//! | [`stores`] | the servers, started once per process, a fresh database for each test |
//! | [`service`] | all functions' routers over those stores, with a clock that tests move |
//! | [`client`] | an app on a phone: it signs up, logs in, refreshes |
//! | [`keys`] | the public keys of an app |
//! | [`proof`] | the proof of possession of those keys |
//! | [`remote`], [`app`] | an honest app that uses a service in another process |
//! | [`invariants`] | what must hold of both stores, whatever was killed or lost |
//! | [`soak`] | the runs of `cargo soak` |
//! | [`invoke_api`] | a double of the Lambda API that functions invoke each other by |
//! | [`lambda`] | a function as Lambda invokes it |
//! | [`runtime_api`] | a double of the Lambda Runtime API, for programs of functions |
//! | [`local_aws`] | a local AWS |
//! | [`contract`] | what every answer must hold, checked on every answer |
//! | [`secrets`] | what no log line and no answer may hold, searched during the whole run |
//! | [`twilio`] | a double of Twilio's HTTP API |
//! | [`end_user_messaging`] | a double of AWS End User Messaging |
//! | [`proxy`] | a TCP proxy before a store, which fails as networks do |
//! | [`process`] | the service in a process of its own |
//! | [`race`] | many requests at the same moment |
//! | [`token`] | tokens taken apart, and put together as a forger would |
//! | [`vault`] | a cloud that holds secrets, and fails when told |

#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on panics")]
#![allow(clippy::return_self_not_must_use, reason = "a reply may be looked at further")]

pub mod app;
pub mod authenticator;
pub mod client;
pub mod contract;
pub mod dpop;
pub mod end_user_messaging;
pub mod fraud;
pub mod invariants;
pub mod invoke_api;
pub mod keys;
pub mod lambda;
pub mod local_aws;
pub mod process;
pub mod proof;
pub mod proxy;
pub mod race;
pub mod remote;
pub mod reply;
pub mod runtime_api;
pub mod secrets;
pub mod service;
pub mod soak;
pub mod stores;
pub mod token;
pub mod twilio;
pub mod vault;

pub use authenticator::Authenticator;
pub use client::{Client, Session};
pub use keys::Keys;
pub use proxy::Proxy;
pub use reply::Reply;
pub use service::Service;
