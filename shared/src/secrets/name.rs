//! Every secret of the service, and the variables that say what or where it is.

/// Every secret of the service, and the public keys, which rotate together with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretName {
    /// The whole address of Postgres, with its password.
    DatabaseUrl,
    /// The password alone, where the address is given in parts.
    DatabasePassword,
    RedisUrl,
    /// For servers that are not given by a URL.
    RedisPassword,
    RedisSentinelPassword,
    /// What CloudFront shows with each request.
    OriginVerifySecret,
    /// Private signing keys.
    JwtKeys,
    /// The public keys that verify tokens, as a JWKS.
    JwtPublicKeys,
    Pepper,
    /// Encrypts what the database holds for long.
    DataKeys,
    /// Names Redis keys; never changes.
    PhoneIndexKey,
    TwilioAuthToken,
    VonageApiSecret,
    CaptchaSecret,
    /// Signs what is posted to the operator's own sender.
    SmsHookSecret,
    MetricsToken,
    TestPhoneNumbers,
}

/// A variable, and the one that names a secret of the cloud in its place.
macro_rules! variables {
    ($name:literal) => {
        ($name, concat!($name, "_SECRET_ID"))
    };
}

impl SecretName {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::DatabaseUrl,
        Self::DatabasePassword,
        Self::RedisUrl,
        Self::RedisPassword,
        Self::RedisSentinelPassword,
        Self::OriginVerifySecret,
        Self::JwtKeys,
        Self::JwtPublicKeys,
        Self::Pepper,
        Self::DataKeys,
        Self::PhoneIndexKey,
        Self::TwilioAuthToken,
        Self::VonageApiSecret,
        Self::CaptchaSecret,
        Self::SmsHookSecret,
        Self::MetricsToken,
        Self::TestPhoneNumbers,
    ];

    /// The variable that holds it.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        self.variables().0
    }

    /// The variable that names a secret of the cloud: its name or ARN, and `#field` for one field
    /// of a JSON object.
    #[must_use]
    pub const fn id_variable(self) -> &'static str {
        self.variables().1
    }

    const fn variables(self) -> (&'static str, &'static str) {
        match self {
            Self::DatabaseUrl => variables!("DATABASE_URL"),
            Self::DatabasePassword => variables!("DB_PASSWORD"),
            Self::RedisUrl => variables!("REDIS_URL"),
            Self::RedisPassword => variables!("REDIS_PASSWORD"),
            Self::RedisSentinelPassword => variables!("REDIS_SENTINEL_PASSWORD"),
            Self::OriginVerifySecret => variables!("ORIGIN_VERIFY_SECRET"),
            Self::JwtKeys => variables!("JWT_KEYS"),
            Self::JwtPublicKeys => variables!("JWT_PUBLIC_KEYS"),
            Self::Pepper => variables!("PEPPER"),
            Self::DataKeys => variables!("DATA_KEYS"),
            Self::PhoneIndexKey => variables!("PHONE_INDEX_KEY"),
            Self::TwilioAuthToken => variables!("TWILIO_AUTH_TOKEN"),
            Self::VonageApiSecret => variables!("VONAGE_API_SECRET"),
            Self::CaptchaSecret => variables!("SMS_CHALLENGE_SECRET"),
            Self::SmsHookSecret => variables!("SMS_HOOK_SECRET"),
            Self::MetricsToken => variables!("METRICS_TOKEN"),
            Self::TestPhoneNumbers => variables!("TEST_PHONE_NUMBERS"),
        }
    }
}
