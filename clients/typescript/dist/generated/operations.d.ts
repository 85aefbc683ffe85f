/** How each operation is sent. */
export declare const OPERATIONS: {
    readonly start_registration_verification: {
        readonly method: "POST";
        readonly path: "/auth/v1/verify/register/request";
        readonly bearer: false;
        readonly body: true;
    };
    readonly resend_verification: {
        readonly method: "POST";
        readonly path: "/auth/v1/verify/{verificationId}/resend";
        readonly bearer: false;
        readonly body: true;
    };
    readonly fetch_verification: {
        readonly method: "GET";
        readonly path: "/auth/v1/verify/{verificationId}";
        readonly bearer: false;
        readonly body: false;
    };
    readonly confirm_registration_verification: {
        readonly method: "POST";
        readonly path: "/auth/v1/verify/register/confirm";
        readonly bearer: false;
        readonly body: true;
    };
    readonly start_login_verification: {
        readonly method: "POST";
        readonly path: "/auth/v1/verify/login/request";
        readonly bearer: false;
        readonly body: true;
    };
    readonly confirm_login_verification: {
        readonly method: "POST";
        readonly path: "/auth/v1/verify/login/confirm";
        readonly bearer: false;
        readonly body: true;
    };
    readonly register_user: {
        readonly method: "POST";
        readonly path: "/auth/v1/register";
        readonly bearer: false;
        readonly body: true;
    };
    readonly login_user: {
        readonly method: "POST";
        readonly path: "/auth/v1/login";
        readonly bearer: false;
        readonly body: true;
    };
    readonly logout_session: {
        readonly method: "POST";
        readonly path: "/auth/v1/logout";
        readonly bearer: true;
        readonly body: true;
    };
    readonly logout_all_sessions: {
        readonly method: "POST";
        readonly path: "/auth/v1/logout/all";
        readonly bearer: true;
        readonly body: false;
    };
    readonly refresh_tokens: {
        readonly method: "POST";
        readonly path: "/auth/v1/tokens/refresh";
        readonly bearer: false;
        readonly body: true;
    };
    readonly issue_ws_token: {
        readonly method: "POST";
        readonly path: "/auth/v1/tokens/ws-token";
        readonly bearer: true;
        readonly body: false;
    };
    readonly list_devices: {
        readonly method: "GET";
        readonly path: "/auth/v1/device";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_device: {
        readonly method: "GET";
        readonly path: "/auth/v1/device/{deviceId}";
        readonly bearer: true;
        readonly body: false;
    };
    readonly update_device: {
        readonly method: "PATCH";
        readonly path: "/auth/v1/device/{deviceId}";
        readonly bearer: true;
        readonly body: true;
    };
    readonly remove_device: {
        readonly method: "DELETE";
        readonly path: "/auth/v1/device/{deviceId}";
        readonly bearer: true;
        readonly body: true;
    };
    readonly list_log_ins: {
        readonly method: "GET";
        readonly path: "/auth/v1/login-history";
        readonly bearer: true;
        readonly body: false;
    };
    readonly list_security_events: {
        readonly method: "GET";
        readonly path: "/auth/v1/security-events";
        readonly bearer: true;
        readonly body: false;
    };
    readonly set_up_second_factor: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/setup";
        readonly bearer: true;
        readonly body: true;
    };
    readonly enable_second_factor: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/enable";
        readonly bearer: true;
        readonly body: true;
    };
    readonly verify_second_factor: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/verify";
        readonly bearer: true;
        readonly body: true;
    };
    readonly disable_second_factor: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/disable";
        readonly bearer: true;
        readonly body: true;
    };
    readonly create_backup_codes: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/backup-codes";
        readonly bearer: true;
        readonly body: true;
    };
    readonly regenerate_backup_codes: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/backup-codes/regenerate";
        readonly bearer: true;
        readonly body: true;
    };
    readonly use_backup_code: {
        readonly method: "POST";
        readonly path: "/auth/v1/2fa/backup-codes/use";
        readonly bearer: true;
        readonly body: true;
    };
    readonly count_backup_codes: {
        readonly method: "GET";
        readonly path: "/auth/v1/2fa/backup-codes/remaining";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_second_factor_status: {
        readonly method: "GET";
        readonly path: "/auth/v1/2fa/status";
        readonly bearer: true;
        readonly body: false;
    };
    readonly upload_signed_prekey: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/signed-prekey";
        readonly bearer: true;
        readonly body: true;
    };
    readonly upload_prekeys: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/prekeys";
        readonly bearer: true;
        readonly body: true;
    };
    readonly upload_kyber_prekeys: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/kyber-prekeys";
        readonly bearer: true;
        readonly body: true;
    };
    readonly upload_kyber_last_resort: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/kyber-last-resort";
        readonly bearer: true;
        readonly body: true;
    };
    readonly list_key_devices: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/keys/{userId}/devices";
        readonly bearer: true;
        readonly body: false;
    };
    readonly check_key_devices: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/devices/check";
        readonly bearer: true;
        readonly body: true;
    };
    readonly fetch_prekey_bundle: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/keys/{userId}/devices/{deviceId}";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_user_bundles: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/keys/{userId}/bundles";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_bundles: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/bundles";
        readonly bearer: true;
        readonly body: true;
    };
    readonly check_keys: {
        readonly method: "POST";
        readonly path: "/auth/v1/signal/keys/check";
        readonly bearer: true;
        readonly body: true;
    };
    readonly fetch_key_status: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/keys/{userId}/devices/{deviceId}/status";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_key_recommendations: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/keys/recommendations";
        readonly bearer: true;
        readonly body: false;
    };
    readonly fetch_key_health: {
        readonly method: "GET";
        readonly path: "/auth/v1/signal/health";
        readonly bearer: true;
        readonly body: false;
    };
    readonly delete_device_keys: {
        readonly method: "DELETE";
        readonly path: "/auth/v1/signal/keys/device/{deviceId}";
        readonly bearer: true;
        readonly body: true;
    };
    readonly delete_all_keys: {
        readonly method: "DELETE";
        readonly path: "/auth/v1/signal/keys";
        readonly bearer: true;
        readonly body: true;
    };
    readonly fetch_jwks: {
        readonly method: "GET";
        readonly path: "/auth/.well-known/jwks.json";
        readonly bearer: false;
        readonly body: false;
    };
    readonly show_swagger: {
        readonly method: "GET";
        readonly path: "/auth/swagger";
        readonly bearer: false;
        readonly body: false;
    };
    readonly fetch_openapi: {
        readonly method: "GET";
        readonly path: "/auth/swagger-json";
        readonly bearer: false;
        readonly body: false;
    };
    readonly check_health: {
        readonly method: "GET";
        readonly path: "/auth/v1/health";
        readonly bearer: false;
        readonly body: false;
    };
    readonly check_liveness: {
        readonly method: "GET";
        readonly path: "/auth/v1/health/live";
        readonly bearer: false;
        readonly body: false;
    };
    readonly check_readiness: {
        readonly method: "GET";
        readonly path: "/auth/v1/health/ready";
        readonly bearer: false;
        readonly body: false;
    };
    readonly fetch_metrics: {
        readonly method: "GET";
        readonly path: "/metrics";
        readonly bearer: false;
        readonly body: false;
    };
};
