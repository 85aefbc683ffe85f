//! A device uploads keys: check whose signatures they are, store.

use domain::prekey::{IdentityKey, KyberPrekey, Prekey, SignedPrekey};
use shared::app::App;
use shared::http::keys::{Unsigned, last_resort_clash};
use shared::http::problem::{Code, Problem};
use shared::http::visit::Visit;
use shared::signing::Identity;
use shared::store::identities::Upload;

use crate::wire::Uploaded;

/// Rotates the signed prekey of the caller's device.
pub async fn signed_prekey(
    app: &App,
    visit: &Visit,
    who: Identity,
    signed: &SignedPrekey,
) -> Result<Uploaded, Problem> {
    let identity = identity(app, who).await?;
    let mut unsigned = Unsigned::default();
    unsigned.signed(app, &identity.verifier(), signed, "signature");
    unsigned.conclude()?;
    let (now, chance) = (visit.now(), app.chance);
    let upload = app.store.replace_signed_prekey(who, &identity, signed, now, chance).await?;
    stored(upload, "keyId")?;
    Ok(Uploaded { message: "The signed prekey is stored.", uploaded: None })
}

/// Replaces the Kyber prekey of last resort of the caller's device.
pub async fn kyber_last_resort(
    app: &App,
    visit: &Visit,
    who: Identity,
    last_resort: &KyberPrekey,
) -> Result<Uploaded, Problem> {
    let identity = identity(app, who).await?;
    let mut unsigned = Unsigned::default();
    unsigned.kyber(&identity.verifier(), last_resort, "signature");
    unsigned.conclude()?;
    let (now, chance) = (visit.now(), app.chance);
    let upload = app.store.replace_last_resort(who, &identity, last_resort, now, chance).await?;
    stored(upload, "keyId")?;
    Ok(Uploaded { message: "The last-resort prekey is stored.", uploaded: None })
}

/// Replaces the unused one-time keys of the caller's device.
pub async fn prekeys(
    app: &App,
    visit: &Visit,
    who: Identity,
    keys: &[Prekey],
) -> Result<Uploaded, Problem> {
    let mut uploaded = 0;
    if !keys.is_empty() {
        let upload = app.store.replace_prekeys(who, keys, visit.now(), app.chance).await?;
        uploaded = stored(upload, "preKeys")?;
    }
    Ok(Uploaded { message: "The prekeys are stored.", uploaded: Some(uploaded) })
}

/// Replaces the unused one-time Kyber keys of the caller's device.
pub async fn kyber_prekeys(
    app: &App,
    visit: &Visit,
    who: Identity,
    keys: &[KyberPrekey],
) -> Result<Uploaded, Problem> {
    let mut uploaded = 0;
    if !keys.is_empty() {
        let identity = identity(app, who).await?;
        let mut unsigned = Unsigned::default();
        unsigned.kyber_list(&identity.verifier(), keys, "kyberPreKeys");
        unsigned.conclude()?;
        let (now, chance) = (visit.now(), app.chance);
        let upload = app.store.replace_kyber_prekeys(who, &identity, keys, now, chance).await?;
        uploaded = stored(upload, "kyberPreKeys")?;
    }
    Ok(Uploaded { message: "The Kyber prekeys are stored.", uploaded: Some(uploaded) })
}

/// The key that the device's signatures must be by.
async fn identity(app: &App, who: Identity) -> Result<IdentityKey, Problem> {
    let identity = app.store.find_identity_key(who.device).await?;
    identity.ok_or_else(|| Problem::new(Code::IdentityKeyMissing))
}

fn stored(upload: Upload, field: &str) -> Result<u32, Problem> {
    match upload {
        Upload::Stored(count) => Ok(count),
        Upload::NoSession => Err(Problem::new(Code::SessionEnded)),
        // Never published, or changed since its signatures were checked.
        Upload::NoIdentity => Err(Problem::new(Code::IdentityKeyMissing)),
        Upload::LastResortClash => Err(last_resort_clash(field)),
    }
}
