//! Roots of the audit chains: signed by a key in KMS, kept in a bucket whose Object Lock lets nobody
//! replace or delete them before their time.

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use shared::audit::root::RootSignature;
use shared::cloud::{CloudError, CloudFuture};
use shared::relay::roots::RootStore;
use std::time::Duration;
use tokio::sync::OnceCell;

use crate::error::{cloud_error, unexpected};

const KMS: &str = "KMS";
const S3: &str = "S3";
/// A try of an upload, and an upload with its repeats. An invocation of the relay has a minute.
const UPLOAD_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The folder in the bucket.
const FOLDER: &str = "roots";

pub struct S3Roots {
    kms: Kms,
    s3: S3,
    bucket: String,
    key: String,
    public_key: OnceCell<Vec<u8>>,
}

impl S3Roots {
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: String, key: String) -> Self {
        // The heads of all chains are 56 bytes for each user: 112 MB for two million.
        let timeouts = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
        let timeouts = timeouts
            .to_builder()
            .operation_attempt_timeout(UPLOAD_ATTEMPT_TIMEOUT)
            .operation_timeout(UPLOAD_TIMEOUT)
            .build();
        // A local AWS has one address for all buckets.
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .timeout_config(timeouts)
            .force_path_style(config.endpoint_url().is_some())
            .build();
        let (kms, s3) = (Kms::new(config), S3::from_conf(s3));
        Self { kms, s3, bucket, key, public_key: OnceCell::new() }
    }

    async fn public_key(&self) -> Result<Vec<u8>, CloudError> {
        const OPERATION: &str = "GetPublicKey";
        let answer = self.kms.get_public_key().key_id(&self.key).send().await;
        let answer = answer.map_err(|error| cloud_error(KMS, OPERATION, &error))?;
        let key = answer.public_key.ok_or_else(|| unexpected(KMS, OPERATION))?;
        Ok(key.into_inner())
    }

    async fn sign_digest(&self, digest: [u8; 32]) -> Result<RootSignature, CloudError> {
        const OPERATION: &str = "Sign";
        let public_key = self.public_key.get_or_try_init(|| self.public_key()).await?.clone();
        let call = self.kms.sign().key_id(&self.key).message(Blob::new(digest));
        let call = call
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let answer = call.send().await.map_err(|error| cloud_error(KMS, OPERATION, &error))?;
        let signature = answer.signature.ok_or_else(|| unexpected(KMS, OPERATION))?.into_inner();
        let key = answer.key_id.unwrap_or_else(|| self.key.clone());
        Ok(RootSignature { key, public_key, signature })
    }

    async fn put_object(&self, name: &str, content: Vec<u8>) -> Result<bool, CloudError> {
        let put = self.s3.put_object().bucket(&self.bucket).key(format!("{FOLDER}/{name}"));
        let put = put.if_none_match("*").body(ByteStream::from(content)).send().await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(cloud_error(S3, "PutObject", &error)),
        }
    }
}

impl RootStore for S3Roots {
    fn sign(&self, digest: [u8; 32]) -> CloudFuture<'_, RootSignature> {
        Box::pin(self.sign_digest(digest))
    }

    fn put_new<'a>(&'a self, name: &'a str, content: Vec<u8>) -> CloudFuture<'a, bool> {
        Box::pin(self.put_object(name, content))
    }
}
