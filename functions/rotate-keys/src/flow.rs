//! The steps.

use aws::Aws;
use aws::rotation::{CURRENT, Description, PENDING, Rotations, Version};
use domain::time::Timestamp;
use lambda_runtime::Error;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared::clock::Clock;
use shared::tokens::{PublicKeys, SigningKeys};
use std::time::Duration;

use crate::RotationError;
use crate::kind::{Kind, announcement, public_keys};

/// What Secrets Manager sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    pub step: Step,
    pub secret_id: String,
    /// The id of the version that the rotation makes.
    pub client_request_token: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    CreateSecret,
    SetSecret,
    TestSecret,
    FinishSecret,
}

#[derive(Clone)]
pub struct RotationState {
    rotations: Rotations,
    clock: Clock,
}

impl RotationState {
    #[must_use]
    pub fn new(aws: &Aws, clock: Clock) -> Self {
        Self { rotations: Rotations::new(aws), clock }
    }
}

/// A step, as Lambda invokes it.
pub async fn handle(state: RotationState, event: RotationEvent) -> Result<(), Error> {
    Ok(rotate(&state, &event).await?)
}

/// A step of a rotation. A version that is in use already needs none.
pub async fn rotate(state: &RotationState, event: &RotationEvent) -> Result<(), RotationError> {
    let described = state.rotations.describe(&event.secret_id).await?;
    let stages = described.stages(&event.client_request_token);
    let stages = stages.ok_or(RotationError::UnknownVersion)?;
    let has = |stage: &str| stages.iter().any(|one| one == stage);
    if has(CURRENT) {
        return Ok(());
    }
    if !has(PENDING) {
        return Err(RotationError::NotPending);
    }
    let kind = Kind::of(&described.tags)?;
    let rotation = Rotation { state, event, described: &described, kind };
    match event.step {
        Step::CreateSecret => rotation.create().await,
        Step::SetSecret => rotation.publish().await,
        Step::TestSecret => rotation.test_alone().await,
        Step::FinishSecret => rotation.finish().await,
    }
}

struct Rotation<'a> {
    state: &'a RotationState,
    event: &'a RotationEvent,
    described: &'a Description,
    kind: Kind,
}

impl Rotation<'_> {
    async fn create(&self) -> Result<(), RotationError> {
        let RotationEvent { secret_id, client_request_token, .. } = self.event;
        let rotations = &self.state.rotations;
        if rotations.version(secret_id, client_request_token).await?.is_some() {
            return Ok(());
        }
        let current = rotations.current(secret_id).await?;
        let now = self.state.clock.now();
        self.check_announcement(&current, now).await?;
        let in_use_since = self.described.rotated_at.map(Timestamp::from_millis);
        let next = self.kind.rotate(&current.text, in_use_since, now)?;
        // If another call was faster, its keys are as good.
        rotations.put_pending(secret_id, client_request_token, &next).await?;
        Ok(())
    }

    /// Whether the next key is known for long enough: to this service since the set with it came
    /// into use, to others since the public keys with it did.
    async fn check_announcement(
        &self,
        current: &Version,
        now: Timestamp,
    ) -> Result<(), RotationError> {
        if !self.kind.has_next(&current.text)? {
            return Ok(());
        }
        let mut since = current.created_at.max(self.described.rotated_at);
        if let Kind::JwtKeys { public_keys } = &self.kind {
            let published = self.state.rotations.current(public_keys).await?;
            let keys = PublicKeys::parse(&published.text);
            let keys = keys.map_err(RotationError::MalformedPublicKeys)?;
            let signing = SigningKeys::parse(&current.text).map_err(RotationError::Malformed)?;
            if !signing.next().is_some_and(|next| keys.contains(next)) {
                return Err(RotationError::Unpublished);
            }
            since = since.max(published.created_at);
        }
        let known = since.map_or(Duration::ZERO, |at| now.since(Timestamp::from_millis(at)));
        match announcement(&self.described.tags)?.checked_sub(known) {
            Some(left) if !left.is_zero() => Err(RotationError::TooEarly(left)),
            _ => Ok(()),
        }
    }

    /// Public keys come into use before the keys that sign, so that each verifier knows them.
    async fn publish(&self) -> Result<(), RotationError> {
        let pending = self.pending().await?;
        let Kind::JwtKeys { public_keys: secret } = &self.kind else { return Ok(()) };
        if !self.is_published(secret, &pending).await? {
            let public = public_keys(&pending)?;
            let version = &self.event.client_request_token;
            self.state.rotations.put_current(secret, version, &public).await?;
        }
        Ok(())
    }

    /// Secrets Manager also runs this step alone, to test a schedule that does not rotate at once. Its
    /// version has no value or the one in use, and is removed again: there is nothing to test.
    async fn test_alone(&self) -> Result<(), RotationError> {
        let (pending, current) = self.versions().await?;
        match pending {
            Some(pending) if pending.expose_secret() != current.expose_secret() => {
                self.check_follows(&pending, &current)?;
                self.check_published(&pending).await
            }
            _ => Ok(()),
        }
    }

    async fn check_published(&self, pending: &SecretString) -> Result<(), RotationError> {
        match &self.kind {
            Kind::JwtKeys { public_keys } if !self.is_published(public_keys, pending).await? => {
                Err(RotationError::Unpublished)
            }
            _ => Ok(()),
        }
    }

    async fn finish(&self) -> Result<(), RotationError> {
        self.check_published(&self.pending().await?).await?;
        let RotationEvent { secret_id, client_request_token, .. } = self.event;
        let before = self.described.current().ok_or(RotationError::NoCurrent)?;
        self.state.rotations.make_current(secret_id, client_request_token, before).await?;
        tracing::info!("rotated keys");
        Ok(())
    }

    /// The pending keys, if they follow those in use.
    async fn pending(&self) -> Result<SecretString, RotationError> {
        let (pending, current) = self.versions().await?;
        let pending = pending.ok_or(RotationError::NotCreated)?;
        self.check_follows(&pending, &current)?;
        Ok(pending)
    }

    /// The keys of this version, if it has any yet, and those in use.
    async fn versions(&self) -> Result<(Option<SecretString>, SecretString), RotationError> {
        let RotationEvent { secret_id, client_request_token, .. } = self.event;
        let rotations = &self.state.rotations;
        let pending = rotations.version(secret_id, client_request_token).await?;
        let current = rotations.current(secret_id).await?;
        Ok((pending.map(|version| version.text), current.text))
    }

    fn check_follows(
        &self,
        pending: &SecretString,
        current: &SecretString,
    ) -> Result<(), RotationError> {
        if self.kind.follows(pending, current)? { Ok(()) } else { Err(RotationError::NotFollowing) }
    }

    async fn is_published(&self, secret: &str, keys: &SecretString) -> Result<bool, RotationError> {
        let published = self.state.rotations.current(secret).await?;
        Ok(published.text.expose_secret() == public_keys(keys)?.expose_secret())
    }
}
