// Generated from infra/openapi.json by scripts/generate.mjs. Do not edit.

export interface paths {
    "/auth/v1/verify/register/request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start to verify a number for a new account.
         * @description Sends a code by SMS. Known and unknown numbers get the same answer. Limits: 5 codes a minute
         *     and 20 an hour for a number, 10 a minute for an address.
         *
         *     `codeLength` says how many digits the codes of this verification have: 6, or 10 after many
         *     requests or wrong codes for the number. So guessing never locks a number. A client whose
         *     input takes fewer than 10 digits says so by `maxCodeLength`.
         */
        post: operations["start_registration_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/{verificationId}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send another code for a running verification.
         * @description The id stays the same, the earlier code becomes invalid, and wrong attempts stay counted.
         *     Possible after 30 seconds, then after 60, then after 120 (`resendIn`).
         */
        post: operations["resend_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/{verificationId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the state of a verification.
         * @description For a screen that was closed: how long the code lives, and when another may be sent.
         */
        get: operations["fetch_verification"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/register/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prove a number for a new account with the code it received.
         * @description At most 5 wrong codes are compared. A code that has not `codeLength` digits is refused with
         *     422 and not counted. The right code may be confirmed again. Then
         *     `POST /auth/v1/register` may use the verification once, within 5 minutes.
         */
        post: operations["confirm_registration_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/login/request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start to verify a number for a login.
         * @description Behaves exactly as the request for a registration, whether the number has an account or
         *     not.
         */
        post: operations["start_login_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/login/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prove a number for a login with the code it received.
         * @description As for a registration. `requires2FA` says whether the account requires a second factor.
         */
        post: operations["confirm_login_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/change-phone/request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start to verify the new number of an account.
         * @description Behaves exactly as the request for a registration, whether the number has an account or not. Who
         *     has proved the number is told by `PUT /auth/v1/account/phone-number`.
         */
        post: operations["start_phone_change_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/verify/change-phone/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prove the new number of an account with the code it received.
         * @description As for a registration. Then `PUT /auth/v1/account/phone-number` may use the verification once,
         *     within 5 minutes.
         */
        post: operations["confirm_phone_change_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create an account for a confirmed number.
         * @description Uses up the verification, and creates user, device, session and keys in one transaction. A
         *     refusal changes nothing, and the verification can still be used.
         */
        post: operations["register_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in to an existing account.
         * @description A log-in with the same `deviceId` belongs to the same device, whose earlier session ends. An
         *     account with a second factor needs `twoFactorToken`. Without it, or with a wrong one, the
         *     verification can still be used.
         *
         *     An account with a registration lock needs the second factor, an earlier token or `recoveryCode` on a
         *     new device (403 `registration_locked`), until no device was active for 7 days. The account's devices
         *     are told of the first log-in that lock or second factor stop. If none of them proves the number by a
         *     log-in within 30 days, `startOver` makes a new account.
         *
         *     An account that no device used for 90 days may be that of an earlier owner of the number (409
         *     `account_idle`). An earlier token, the second factor or the recovery code open it; `startOver` makes
         *     a new account for the number.
         *
         *     An account has at most 10 devices. A log-in of one more is refused (409 `device_limit`) with the list
         *     of devices, and replaces one of them if it is repeated with `replaceDeviceId`. If the log-in shows
         *     nothing but the number, that device must be unverified, or inactive for 30 days.
         */
        post: operations["login_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out this device, or another device of the account.
         * @description Its refresh token and access tokens are worth nothing from then on; its keys stay. For 7 days, a
         *     device that joined by SMS alone beside another device in use cannot log out older devices.
         */
        post: operations["logout_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/logout/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out all devices of the account, this one included.
         * @description Every session of the account ends in one transaction. For 7 days, a device that joined by SMS
         *     alone beside another device in use ends its own session and those of younger devices.
         */
        post: operations["logout_all_sessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/tokens/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token for a new pair.
         * @description A token can be exchanged once. If the reply was lost, repeat the request: within 10
         *     seconds it returns the same new token, later another valid one, until one of them is used.
         *     A token that was used in any other way ends the session (`refresh_reused`). Parallel
         *     requests within 10 seconds are refused without harm (`refresh_superseded`). Store one
         *     token for all tabs, read it just before sending, and replace it only by the reply to the
         *     token that was sent.
         *
         *     Limits: 30 a minute for a session. A request that is refused with 400 or `token_invalid`
         *     or `token_expired` counts for the address instead.
         */
        post: operations["refresh_tokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/tokens/ws-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue a token that opens one web socket at another service.
         * @description `typ: ws+jwt`, audience `ws`, valid for 60 seconds.
         */
        post: operations["issue_ws_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the devices of the caller.
         * @description The newest activity comes first. For older clients the answer also holds `last_active` and
         *     `is_current`.
         */
        get: operations["list_devices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/device/{deviceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get one of the caller's devices.
         * @description The same as its entry in the list of devices.
         */
        get: operations["fetch_device"];
        put?: never;
        post?: never;
        /**
         * Remove one of the caller's devices.
         * @description Its sessions end, its keys are deleted, and senders no longer find it. This device and devices
         *     that joined after it need no proof. An older device needs a fresh one: an access token of the last
         *     2 minutes, and a log-in of the last 10 minutes or `proofVerificationId`; with a second factor,
         *     `twoFactorToken` or a step-up of the last 10 minutes instead. For 7 days, a device that
         *     joined by SMS alone beside another device in use cannot remove older devices.
         */
        delete: operations["remove_device"];
        options?: never;
        head?: never;
        /**
         * Change the name or the push tokens of one of the caller's devices.
         * @description What is absent stays as it is. For 7 days, a device that joined by SMS alone beside another device
         *     in use cannot change older devices.
         */
        patch: operations["update_device"];
        trace?: never;
    };
    "/auth/v1/qr-code/challenge/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get who has scanned the challenge of this device.
         * @description Show it to the user before they decide. The confirm code is not here: the user reads it on the
         *     new device.
         */
        get: operations["fetch_qr_challenge"];
        put?: never;
        /**
         * Get a challenge to show as a QR code.
         * @description The path names the device of the caller. The text is good for 5 minutes and one scan:
         *     `{id}.{deviceId}.{secret}`. Show it whole as a QR code; the part before the first dot is the id for
         *     the calls that follow. Then fetch the challenge until a device has scanned it, and let the user
         *     type the code that this device shows.
         */
        post: operations["create_qr_challenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/scan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Scan the challenge that a logged-in device shows.
         * @description The new device shows `confirmCode` to its user, and polls every two seconds with `scanSecret`. Of
         *     several devices that scan a challenge, one waits; the others get 410. With a DPoP proof, the tokens
         *     will be bound to its key.
         */
        post: operations["scan_qr_challenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/challenge/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let the device in that scanned the challenge.
         * @description The user types the code that the new device shows; one wrong code ends the log-in. Needs a fresh
         *     proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
         *     `proofVerificationId`; with a second factor, `twoFactorToken` or a step-up of the last 10 minutes
         *     instead. The approval ends with the session that gave it, and with a change of the second factor.
         */
        post: operations["approve_qr_challenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/scan/{scanId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in after a scan, once the logged-in device has approved it.
         * @description 202 until then: ask again in two seconds. The same secret gets the tokens of the same session again
         *     for a minute, until they are refreshed. With 10 devices on the account, 409 `device_limit` lists
         *     them; repeat with `replaceDeviceId`. The device that approved is never replaced.
         */
        post: operations["poll_qr_scan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/challenge/{id}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refuse the device that scanned the challenge.
         * @description Also ends a challenge that nobody has scanned, and an approval whose tokens nobody has fetched.
         */
        post: operations["deny_qr_challenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a link to show as a QR code on a new device.
         * @description For a web client: show the picture and `confirmCode`, and poll every two seconds with `linkSecret`.
         *     The QR code holds the id and a digest of the identity key, and is good for 2 minutes. With keys,
         *     the first poll brings their `identityProof`. With a DPoP proof, the tokens will be bound to its key.
         */
        post: operations["create_qr_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/link/{linkId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the new device that shows a link.
         * @description Show it to the user before they decide. The confirm code is not here: the user reads it on the
         *     new device.
         */
        get: operations["fetch_qr_link"];
        put?: never;
        /**
         * Log in by a link, once a logged-in device has approved it.
         * @description 202 until then: ask again in two seconds. The same secret gets the tokens of the same session again
         *     for a minute, until they are refreshed. With 10 devices on the account, 409 `device_limit` lists
         *     them; repeat with `replaceDeviceId`. The device that approved is never replaced.
         */
        post: operations["poll_qr_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/link/{linkId}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let the device in that shows a link.
         * @description The user types the code that the new device shows; one wrong code ends the log-in. Needs a fresh
         *     proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
         *     `proofVerificationId`; with a second factor, `twoFactorToken` or a step-up of the last 10 minutes
         *     instead. The approval ends with the session that gave it, and with a change of the second factor.
         */
        post: operations["approve_qr_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/qr-code/link/{linkId}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refuse the device that shows a link.
         * @description Also ends an approval whose tokens nobody has fetched.
         */
        post: operations["deny_qr_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/login-history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the log-ins of the caller's account.
         * @description Pages of 50, the newest first.
         */
        get: operations["list_log_ins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/security-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the security events of the caller's account.
         * @description Pages of 50, the newest first: log-ins, removed devices, changed keys, and whatever else changed
         *     who may do what. Failed log-ins and requests beyond a limit are counted: each hour that had any
         *     gives one entry with `count` and `since`, at most some minutes after its end.
         */
        get: operations["list_security_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a secret for an authenticator app.
         * @description Show the QR code, then enable with the first code of the app. The same session gets the same
         *     secret for 15 minutes. Needs a fresh proof: an access token of the last 2 minutes, and a log-in
         *     of the last 10 minutes or `proofVerificationId`.
         */
        post: operations["set_up_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Enable the second factor with a first code of the app.
         * @description Show the backup codes to the user once: they are stored as hashes. All other sessions of the
         *     account end. The code is used up: the next one is good after 30 seconds. Needs a fresh proof,
         *     like the set-up; a verification that the set-up used is used up.
         */
        post: operations["enable_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the second factor in this session.
         * @description For the next 10 minutes, what needs the second factor needs no code in its body. A code is good
         *     once. After 5 wrong codes in 15 minutes the second factor is locked for 15 minutes, and longer
         *     each time after that.
         */
        post: operations["verify_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/backup-codes/use": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show a backup code in this session.
         * @description The same as verify, for backup codes alone.
         */
        post: operations["use_backup_code"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/backup-codes/remaining": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get how many backup codes are left.
         * @description 0 without a second factor.
         */
        get: operations["count_backup_codes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/backup-codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get new backup codes.
         * @description The codes of before are worth nothing from then on: their hashes cannot be shown. Needs an access
         *     token of the last 2 minutes.
         */
        post: operations["create_backup_codes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/backup-codes/regenerate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get new backup codes, by another path.
         * @description The same as `POST /auth/v1/2fa/backup-codes`.
         */
        post: operations["regenerate_backup_codes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get whether this account has a second factor.
         * @description Log-ins and changes of the account then need a code.
         */
        get: operations["fetch_second_factor_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/reset/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a reset of the second factor.
         * @description Support resets the second factor of somebody who lost it: all devices and the number are told, and the
         *     reset takes effect 7 days later (`resetAt` of `GET /auth/v1/2fa/status`). A verified device of the
         *     account cancels it until then. Nothing happens if none is pending.
         */
        post: operations["cancel_second_factor_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/2fa/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Disable the second factor.
         * @description Secret and backup codes are deleted, and all other sessions of the account end. Needs an access
         *     token of the last 2 minutes.
         */
        post: operations["disable_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the account of the caller.
         * @description The number is masked: the user knows it.
         */
        get: operations["fetch_account"];
        put?: never;
        post?: never;
        /**
         * Delete the account.
         * @description Everything that tells of a person is erased, and every session ends. An identity key that was
         *     proven may not come back. Needs a fresh proof, as a change of the number.
         */
        delete: operations["delete_account"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/account/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get all data of the account.
         * @description What this service keeps of its user: account, devices, sessions, log-ins, security events, public
         *     keys. Without secrets and hashes.
         */
        get: operations["export_account"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/account/phone-number": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change the number of the account.
         * @description First verify the new number by `POST /auth/v1/verify/change-phone/request` and `…/confirm`. Needs a
         *     fresh proof: an access token of the last 2 minutes, and the second factor, or without one a log-in
         *     of the last 10 minutes or `proofVerificationId`. All other sessions end. A message tells the old
         *     number. For 7 days, a device that joined by SMS alone beside another device in use cannot do this.
         */
        put: operations["change_phone_number"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/account/registration-lock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set the registration lock.
         * @description While it stands, a log-in on a new device needs the second factor, an earlier token of the account
         *     or the recovery code that this answers. It lapses when no device was active for 7 days. Set again,
         *     it gets another code. Needs a fresh proof, as a change of the number.
         */
        put: operations["set_registration_lock"];
        post?: never;
        /**
         * Remove the registration lock.
         * @description Its recovery code is worth nothing from then on. Needs a fresh proof, as a change of the number.
         */
        delete: operations["remove_registration_lock"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/account/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Undo changes of second factor, registration lock and number.
         * @description For 7 days after a device made such a change, an older verified device can take it back: with an
         *     earlier token of its own, and the number that the account had. All that younger devices changed
         *     since then is taken back, and the sessions of all other devices end. Then log in.
         */
        post: operations["undo_account_changes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/signed-prekey": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the signed prekey of this device.
         * @description A signed prekey is active for 7 days and is still returned to senders for another 30 days.
         *     Rotate it every few days. Keep the private key of the previous one for messages that are
         *     still in transit.
         */
        post: operations["upload_signed_prekey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/prekeys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the unused one-time EC prekeys of this device.
         * @description At most 200. They are handed out in the order of the list. An empty list changes nothing.
         *     A key that was handed out before is skipped and is never handed out again.
         */
        post: operations["upload_prekeys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/kyber-prekeys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the unused one-time Kyber prekeys of this device.
         * @description The rules of the one-time EC prekeys apply. No key may equal the last-resort prekey or have
         *     its id.
         */
        post: operations["upload_kyber_prekeys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/kyber-last-resort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the last-resort Kyber prekey of this device.
         * @description It is returned to senders when no one-time Kyber prekey is left, and can be used many times.
         */
        post: operations["upload_kyber_last_resort"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/{userId}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the devices of a user for which senders encrypt.
         * @description Devices without keys are left out, and devices whose signed prekey is past its grace period.
         *     `version` moves with every change, and bundles carry it.
         */
        get: operations["list_key_devices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/devices/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Compare a sender's device list of a user with the current list.
         * @description Before a message is sent: the sender adds what is missing and drops the rest.
         */
        post: operations["check_key_devices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/{userId}/devices/{deviceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Fetch the bundle of one device.
         * @description Each call consumes one one-time prekey of each kind; no other caller receives it. A caller
         *     gets at most 10 one-time prekeys of a device at once, then 1 per 10 minutes. Above that
         *     limit, and when none is left, the bundle contains no EC one-time prekey and the last-resort
         *     Kyber prekey. A session can be started with it.
         */
        get: operations["fetch_prekey_bundle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/{userId}/bundles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Fetch the bundles of all devices of a user.
         * @description The limits for one-time prekeys apply per call and user. For the caller's own account the
         *     answer holds the other devices, because messages are also sent to them; an empty list if
         *     there is none.
         */
        get: operations["fetch_user_bundles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/bundles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fetch the bundles of all devices of several users.
         * @description At most 50 users per call. Users without keys are omitted. If no user has keys, the answer
         *     is 404. An answer holds at most 1,600 bundles (5 MB). The users that do not fit are in
         *     `remaining`: no key of theirs was taken.
         */
        post: operations["fetch_bundles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Compare the published keys of this device with its local copy.
         * @description The digest covers the identity key, the signed prekey and the last-resort Kyber key.
         *     If `match` is false, publish the keys again.
         */
        post: operations["check_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/{userId}/devices/{deviceId}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the number of unused keys of one of the caller's devices.
         * @description `recommendedUpload` is how many keys to upload now.
         */
        get: operations["fetch_key_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/recommendations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get which keys this device should upload.
         * @description Ask at each start of the app, and after fetches by others have used keys up.
         */
        get: operations["fetch_key_recommendations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the state of this device's keys in the format of older clients.
         * @description New clients use the recommendations.
         */
        get: operations["fetch_key_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys/device/{deviceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete the published keys of one of the caller's devices.
         * @description The device stays logged in. Senders no longer find it until it publishes keys again. Needs a
         *     fresh proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
         *     `proofVerificationId`.
         */
        delete: operations["delete_device_keys"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/signal/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete the published keys of all devices of the caller.
         * @description The devices stay logged in. Senders no longer find them until they publish keys again. Needs a
         *     fresh proof, like the deletion of one device's keys.
         */
        delete: operations["delete_all_keys"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The public keys that verify the tokens (JWKS).
         * @description RFC 7517. Contains the next key before it signs, and each previous key until the last token
         *     signed with it has expired. Fetch it at most every 5 minutes, also for an unknown `kid`.
         */
        get: operations["fetch_jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/swagger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Swagger UI for this API.
         * @description A page to read, and to try each operation from.
         */
        get: operations["show_swagger"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/swagger-json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The OpenAPI 3.1 document of this API.
         * @description Client generators read it.
         */
        get: operations["fetch_openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the stores respond.
         * @description For load balancers: the status code says all.
         */
        get: operations["check_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the function runs.
         * @description Answers without asking a store.
         */
        get: operations["check_liveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check each store.
         * @description Answers within 2 seconds which store is down.
         */
        get: operations["check_readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counters and latency histograms of all functions in the Prometheus text format.
         * @description Requires the metrics token as bearer, except on a local stage.
         */
        get: operations["fetch_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Account: {
            /** Format: date-time */
            createdAt: string;
            /** Format: int64 */
            deviceCount: number;
            /** @description Masked. */
            phoneNumber: string;
            registrationLock: boolean;
            twoFactorEnabled: boolean;
            /** Format: uuid */
            userId: string;
        };
        AccountExport: {
            account: components["schemas"]["ExportedAccount"];
            devices: components["schemas"]["ExportedDevice"][];
            /** @description The newest 5,000. */
            loginHistory: components["schemas"]["ExportedLogIn"][];
            /** @description Of each device that published keys. */
            publicKeys: components["schemas"]["ExportedPublicKeys"][];
            /** @description The newest 5,000. */
            securityEvents: components["schemas"]["ExportedSecurityEvent"][];
            /** @description The newest 5,000. Sessions are kept for 400 days after they end. */
            sessions: components["schemas"]["ExportedSession"][];
        };
        AccountProofRequest: {
            /**
             * Format: uuid
             * @description A log-in verification of the account's number, confirmed and not used. Needed if the log-in of
             *     this session is older than 10 minutes and the account has no second factor, and used up then.
             */
            proofVerificationId?: string;
            /**
             * @description If the account has a second factor and this session has not shown it in the last 10 minutes. A
             *     code is good once.
             */
            twoFactorToken?: string;
        };
        ApproveQrChallengeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "confirm_code_incorrect" | "fresh_proof_required" | "two_factor_required" | "qr_not_found" | "qr_not_ready" | "qr_gone" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        ApproveQrLinkProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "confirm_code_incorrect" | "fresh_proof_required" | "two_factor_required" | "qr_not_found" | "qr_not_ready" | "qr_gone" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        BackupCodeToken: {
            /** @description A backup code `XXXX-XXXX`. Its dash may be left out. */
            token: string;
        };
        BackupCodes: {
            /** @description Ten codes, each good once. They are never shown again. */
            backupCodes: string[];
        };
        /** @description The keys that a sender needs to start a session with a device (X3DH, PQXDH). */
        Bundle: {
            /** Format: uuid */
            deviceId: string;
            identityKey: string;
            kyberPreKey?: components["schemas"]["BundleSignedPrekey"];
            preKey?: components["schemas"]["BundlePrekey"];
            /** Format: int32 */
            registrationId?: number;
            /** Format: int32 */
            signalDeviceId: number;
            signedPreKey: components["schemas"]["BundleSignedPrekey"];
            /** Format: uuid */
            userId: string;
        };
        /** @description A public key with its id, in the encoding in which it was uploaded. */
        BundlePrekey: {
            /** Format: int32 */
            keyId: number;
            publicKey: string;
        };
        BundleSignedPrekey: {
            /** Format: int32 */
            keyId: number;
            publicKey: string;
            signature: string;
        };
        BundlesRequest: {
            /**
             * @description The users whose bundles to fetch, by the `userId` of their registration. Duplicates count
             *     once.
             */
            userIds: string[];
        };
        CancelSecondFactorResetProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        ChangePhoneNumberProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "verification_invalid" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "account_exists" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        CheckHealthProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified";
        };
        CheckKeyDevicesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "user_not_found" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        CheckKeysProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "signed_prekey_missing" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        CheckLivenessProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified";
        };
        CheckReadinessProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified";
        };
        ConfirmLoginVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "code_incorrect" | "code_expired" | "verification_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "code_length_other" | "rate_limited" | "too_many_attempts" | "internal" | "unavailable";
        };
        ConfirmPhoneChangeVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "code_incorrect" | "code_expired" | "verification_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "code_length_other" | "rate_limited" | "too_many_attempts" | "internal" | "unavailable";
        };
        ConfirmRegistrationVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "code_incorrect" | "code_expired" | "verification_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "code_length_other" | "rate_limited" | "too_many_attempts" | "internal" | "unavailable";
        };
        ConfirmRequest: {
            /**
             * @description The digits of the newest message, as many as `codeLength` says. A service on a laptop
             *     shows its messages at `/dev/inbox`.
             * @example 042719
             */
            code: string;
            /** @description As at the request. */
            deviceId?: string;
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            /**
             * Format: uuid
             * @description As the request answered it.
             */
            verificationId: string;
        };
        CountBackupCodesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        CreateBackupCodesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_disabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        CreateQrChallengeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        CreateQrLinkProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "dpop_proof_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "key_invalid" | "kyber_last_resort_required" | "rate_limited" | "internal" | "unavailable";
        };
        DeleteAccountProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        DeleteAllKeysProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_not_found" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        DeleteDeviceKeysProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_not_found" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        DenyQrChallengeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "qr_not_found" | "qr_gone" | "rate_limited" | "internal" | "unavailable";
        };
        DenyQrLinkProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "qr_not_found" | "qr_gone" | "rate_limited" | "internal" | "unavailable";
        };
        /** @description A device of the caller. */
        Device: {
            appVersion?: string;
            /** Format: date-time */
            createdAt: string;
            deviceName: string;
            deviceType: components["schemas"]["DeviceType"];
            /** Format: uuid */
            id: string;
            /** @description Whether it is logged in. */
            isActive: boolean;
            /** @description Whether it is the device that asks. */
            isCurrent: boolean;
            /** @description False for a device that logged in by SMS alone on an account with other devices. */
            isVerified: boolean;
            /**
             * Format: date-time
             * @description The last log-in or refresh.
             */
            lastActive: string;
            model?: string;
            /** @description `deviceName` for older clients. */
            name: string;
            osVersion?: string;
            /** @description `deviceType` for older clients. */
            platform: components["schemas"]["DeviceType"];
        };
        /**
         * @description The bundle of one device. For older clients an answer repeats it as `identity_key`,
         *     `signed_prekey` and `one_time_prekeys`, with fields in snake case; new clients ignore these.
         */
        DeviceBundle: components["schemas"]["Bundle"] & {
            /**
             * Format: int64
             * @description Version of the user's device list.
             */
            version: number;
        };
        DeviceDifferences: {
            /** @description Signal device ids that no longer exist. */
            extra: number[];
            /**
             * @description Signal device ids that the sender does not have: fetch their bundles. Devices whose signed
             *     prekey is past its grace period are not listed.
             */
            missing: number[];
            /** @description Signal device ids whose registration id has changed: start a new session with them. */
            stale: number[];
        };
        DeviceRemovalRequest: {
            /**
             * Format: uuid
             * @description For an older device: a log-in verification of the account's number, confirmed and not used.
             *     Needed if the log-in of this session is older than 10 minutes and the account has no second
             *     factor, and used up then.
             */
            proofVerificationId?: string;
            /**
             * @description For an older device, if the account has a second factor and this session has not shown it in
             *     the last 10 minutes. A code is good once.
             */
            twoFactorToken?: string;
        };
        /** @enum {string} */
        DeviceType: "ios" | "android" | "web" | "desktop";
        DeviceUpdateRequest: {
            apnsToken?: string;
            deviceName?: string;
            fcmToken?: string;
        };
        DevicesCheckRequest: {
            /** @description The devices for which the sender encrypts. */
            devices: components["schemas"]["KnownDevice"][];
            /**
             * Format: uuid
             * @description The `userId` that the registration of the user answered.
             */
            userId: string;
        };
        DisableSecondFactorProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_disabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        EnableRequest: {
            /**
             * Format: uuid
             * @description A log-in verification of the account's number, confirmed and not used. Needed if the
             *     log-in of this session is older than 10 minutes.
             */
            proofVerificationId?: string;
            /** @description The 6 digits that the app shows now. */
            token: string;
        };
        EnableSecondFactorProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_enabled" | "two_factor_not_set_up" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        ExportAccountProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        ExportedAccount: {
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            lastAuthenticatedAt: string;
            /** @description Not masked. */
            phoneNumber: string;
            registrationLock: boolean;
            twoFactorEnabled: boolean;
            /** Format: uuid */
            userId: string;
        };
        ExportedDevice: {
            appVersion?: string;
            /** Format: date-time */
            createdAt: string;
            deviceName: string;
            deviceType: components["schemas"]["DeviceType"];
            /** Format: uuid */
            id: string;
            isActive: boolean;
            isVerified: boolean;
            /** Format: date-time */
            lastActive: string;
            model?: string;
            osVersion?: string;
        };
        ExportedLogIn: {
            /** Format: date-time */
            createdAt: string;
            /**
             * Format: uuid
             * @description Absent if the device was removed.
             */
            deviceId?: string;
            ipAddress: string;
            /** @description `success` or `failed`. */
            status: string;
        };
        ExportedPublicKeys: {
            /** Format: int64 */
            availableKyberPreKeys: number;
            /**
             * Format: int64
             * @description One-time keys that nobody fetched yet.
             */
            availablePreKeys: number;
            /** Format: uuid */
            deviceId: string;
            /** @description Base64. */
            identityKey: string;
            kyberLastResortPreKey?: string;
            /** Format: int32 */
            registrationId?: number;
            /** Format: int32 */
            signalDeviceId?: number;
            signedPreKey?: string;
        };
        ExportedSecurityEvent: {
            /** @description As the log holds it, with a commitment to the address. */
            entry: Record<string, never>;
            ipAddress?: string;
            /**
             * Format: int64
             * @description Its place in the log of this account: 1, 2, 3 …
             */
            seq: number;
        };
        ExportedSession: {
            /** Format: date-time */
            createdAt: string;
            /** Format: uuid */
            deviceId: string;
            /** Format: date-time */
            endedAt?: string;
            /** @description Why it ended, as `logout` or `replaced`. New reasons may be added. */
            endedFor?: string;
            /** Format: date-time */
            expiresAt: string;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            lastRefreshedAt: string;
        };
        FetchAccountProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        FetchBundlesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "keys_not_found" | "keys_expired" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        FetchDeviceProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchJwksProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        FetchKeyHealthProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchKeyRecommendationsProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchKeyStatusProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchMetricsProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "metrics_forbidden" | "origin_unverified" | "not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchOpenapiProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified" | "not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchPrekeyBundleProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "keys_not_found" | "keys_expired" | "rate_limited" | "internal" | "unavailable";
        };
        FetchQrChallengeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "qr_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchQrLinkProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "qr_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        FetchSecondFactorStatusProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        FetchUserBundlesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "keys_not_found" | "keys_expired" | "rate_limited" | "internal" | "unavailable";
        };
        FetchVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "origin_unverified" | "verification_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        /** @description A field and what is wrong with it. */
        FieldError: {
            /** @example invalid */
            code: string;
            /** @example is not a valid phone number */
            detail: string;
            /**
             * @description Dotted path of the field.
             * @example phoneNumber
             */
            field: string;
        };
        /** @description The fields of a body that prove the number of the account. */
        FreshProof: {
            /**
             * Format: uuid
             * @description A log-in verification of the account's number, confirmed and not used. Needed if the
             *     log-in of this session is older than 10 minutes, and used up then. If its request named a
             *     device, it must be this one.
             */
            proofVerificationId?: string;
        };
        Health: {
            /** @description `ok` or `alive`, or `error` if a store is down. */
            status: components["schemas"]["HealthStatus"];
        };
        /** @enum {string} */
        HealthStatus: "ok" | "alive" | "error";
        IssueWsTokenProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        /** @description A P-256 public key (RFC 7518 §6.2). */
        Jwk: {
            /** @example ES256 */
            alg: string;
            /** @example P-256 */
            crv: string;
            /** @description RFC 7638 thumbprint. */
            kid: string;
            /** @example EC */
            kty: string;
            /** @example sig */
            use: string;
            x: string;
            y: string;
        };
        Jwks: {
            keys: components["schemas"]["Jwk"][];
        };
        KeyDevice: {
            /** Format: uuid */
            deviceId: string;
            /** Format: int32 */
            registrationId?: number;
            /** Format: int32 */
            signalDeviceId: number;
        };
        KeyDevices: {
            deviceIds: string[];
            devices: components["schemas"]["KeyDevice"][];
            /** Format: uuid */
            userId: string;
            /**
             * Format: int64
             * @description Increases when a device is added or removed, or comes back after the grace period of its
             *     signed prekey, and when an identity key, a registration id or `isVerified` changes. An
             *     equal version means an equal list, without the devices whose grace period has ended since.
             */
            version: number;
        };
        KeyHealth: {
            /** @description One-time keys are low, or the signed prekey is missing or expires in less than a day. */
            needs_replenishment?: boolean;
            /** Format: int32 */
            prekeys_remaining?: number;
            /**
             * Format: int64
             * @description Age in whole days. Absent if there is no signed prekey.
             */
            signed_prekey_age_days?: number;
            /** @description `degraded` if keys should be uploaded, else `healthy`. */
            status: string;
            /** Format: date-time */
            timestamp: string;
        };
        KeyStatusBody: {
            /** Format: int32 */
            availableKyberPreKeys: number;
            /** Format: int32 */
            availablePreKeys: number;
            /** @description The signed prekey is younger than 7 days. */
            hasActiveSignedPreKey: boolean;
            /**
             * @description Fewer than 20 one-time EC keys are unused, or fewer than 20 one-time Kyber keys of a device
             *     that uploads some.
             */
            isLow: boolean;
            /**
             * Format: int32
             * @description Keys to upload of each kind that is low: 100, or 0 if none is. An upload replaces the
             *     unused keys of its kind.
             */
            recommendedUpload: number;
            /**
             * Format: int32
             * @description The one-time EC prekeys of the last upload, including those that were handed out.
             */
            totalPreKeys: number;
            /** Format: uuid */
            userId: string;
        };
        KeysCheckRequest: {
            /**
             * @description Base64 of SHA-256 over: identity key (33 bytes), id of the signed prekey (8 bytes,
             *     big-endian), signed prekey (33 bytes), and, if published, id (8 bytes) and key (1569 bytes)
             *     of the last-resort Kyber prekey. EC keys are 33 bytes with the type byte, even if they
             *     were uploaded as 32 bytes.
             */
            digest: string;
        };
        KeysMatch: {
            match: boolean;
        };
        KnownDevice: {
            /**
             * Format: int64
             * @description The value of the bundle. Omit it if the bundle had none.
             */
            registrationId?: number;
            /** Format: int64 */
            signalDeviceId: number;
        };
        /** @description A Kyber-1024 public key with its id, signed by the identity key. */
        KyberPrekey: {
            /** Format: int64 */
            keyId: number;
            /** @description Base64 of 1569 bytes with type byte 8. */
            publicKey: string;
            /** @description Base64 of 64 bytes: XEdDSA over the 1569 bytes. */
            signature: string;
        };
        KyberPrekeysRequest: {
            /** @description Handed out in this order. They replace the unused keys. An empty list changes nothing. */
            kyberPreKeys: components["schemas"]["KyberPrekey"][];
        };
        ListDevicesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        ListKeyDevicesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "user_not_found" | "rate_limited" | "internal" | "unavailable";
        };
        ListLogInsProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        ListSecurityEventsProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        LogIn: {
            /** Format: date-time */
            createdAt: string;
            /**
             * Format: uuid
             * @description Absent if the device was removed.
             */
            deviceId?: string;
            deviceName?: string;
            /** Format: uuid */
            id: string;
            ipAddress: string;
            /** @description `success` or `failed`. */
            status: string;
        };
        LoginConfirmed: {
            /** @description Whether the account requires a second factor. */
            requires2FA: boolean;
            verified: boolean;
        };
        /** @description A page of the log-ins of an account. */
        LoginHistory: {
            /** @description The newest first. */
            entries: components["schemas"]["LogIn"][];
            /** @description The `cursor` of the next page. Absent on the last one. */
            nextCursor?: string;
        };
        LoginRequest: {
            apnsToken?: string;
            appVersion?: string;
            /**
             * @description The client's stable id of its device; the server makes one if absent. The `deviceId` of an
             *     earlier answer also comes back to that device. If the request for the verification named a
             *     device, it must be the same here.
             */
            deviceId?: string;
            /** @description Derived from the User-Agent if absent. */
            deviceName?: string;
            deviceType?: components["schemas"]["DeviceType"];
            fcmToken?: string;
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            model?: string;
            osVersion?: string;
            /**
             * @description At log-in: a refresh token, even an expired one, of an earlier session of this device.
             *     Without it, a device that comes back is not verified any more.
             */
            previousToken?: string;
            /** @description At log-in to an account with a registration lock, on a device that shows no `previousToken`. */
            recoveryCode?: string;
            /**
             * Format: uuid
             * @description At log-in: the device that this one replaces if the account has 10 already
             *     (`device_limit`). It is removed. Ignored if the account has fewer.
             */
            replaceDeviceId?: string;
            signalKeyBundle?: components["schemas"]["SignalKeyBundle"];
            /**
             * @description At log-in: whether the number gets a new account if nobody used the old one for long
             *     (`account_idle`), or if lock or second factor have stopped log-ins for 30 days. The user must
             *     agree: the old account loses the number and is deleted after 30 days.
             */
            startOver?: boolean;
            /**
             * @description At log-in to an account with a second factor: 6 digits of the authenticator app, or a backup
             *     code `XXXX-XXXX`. A code is good once.
             */
            twoFactorToken?: string;
            /**
             * Format: uuid
             * @description A confirmed verification: the id that the request for its code answered.
             */
            verificationId: string;
        };
        LoginTokens: {
            /** @description ES256 JWT, `typ: at+jwt`, for 15 minutes. */
            accessToken: string;
            /**
             * Format: uuid
             * @description The id of the device in this service: paths and tokens name it so.
             */
            deviceId: string;
            /**
             * Format: int64
             * @description Seconds until the access token expires.
             */
            expiresIn: number;
            /**
             * @description The client's own stable id of the device, as it was sent, or made here. Send it at the next
             *     log-in of this device.
             */
            installationId: string;
            /** @description After a QR log-in: the number of the account, masked as `+33***4567`. */
            phoneNumber?: string;
            /**
             * Format: int64
             * @description Seconds until the refresh token expires.
             */
            refreshExpiresIn: number;
            /** @description ES256 JWT, `typ: rt+jwt`, for this service alone; it can be exchanged once. */
            refreshToken: string;
            /**
             * Format: int32
             * @description The number of the device in Signal's addresses. Absent if the device has no keys.
             */
            signalDeviceId?: number;
            /** Format: uuid */
            userId: string;
        };
        LoginUserProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "verification_invalid" | "two_factor_invalid" | "recovery_code_invalid" | "dpop_proof_invalid" | "origin_unverified" | "two_factor_required" | "registration_locked" | "account_not_found" | "account_idle" | "device_limit" | "identity_key_in_use" | "device_ids_exhausted" | "body_too_large" | "not_json" | "key_invalid" | "kyber_last_resort_required" | "identity_proof_required" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        LogoutAllSessionsProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "rate_limited" | "internal" | "unavailable";
        };
        LogoutRequest: {
            /**
             * Format: uuid
             * @description Another device of the same user, as its log-in answered it; this one if absent.
             */
            deviceId?: string;
        };
        LogoutSessionProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_foreign" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        /** @enum {string} */
        PendingStatus: "pending";
        PhoneChangeConfirmed: {
            verified: boolean;
        };
        PhoneChangeRequest: {
            /**
             * Format: uuid
             * @description A log-in verification of the current number, confirmed and not used. Needed if the log-in of
             *     this session is older than 10 minutes and the account has no second factor, and used up then.
             */
            proofVerificationId?: string;
            /** @description If the account has a second factor and this session has not shown it in the last 10 minutes. */
            twoFactorToken?: string;
            /**
             * Format: uuid
             * @description A verification of the new number for a change of the number, confirmed and not used. If its
             *     request named a device, it must be this one.
             */
            verificationId: string;
        };
        PhoneNumberChanged: {
            /** @description The new number, masked. */
            phoneNumber: string;
        };
        PollQrLinkProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "dpop_proof_invalid" | "origin_unverified" | "qr_denied" | "device_limit" | "identity_key_in_use" | "device_ids_exhausted" | "qr_gone" | "body_too_large" | "not_json" | "key_invalid" | "identity_proof_required" | "rate_limited" | "internal" | "unavailable";
        };
        PollQrScanProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "dpop_proof_invalid" | "origin_unverified" | "qr_denied" | "device_limit" | "identity_key_in_use" | "device_ids_exhausted" | "qr_gone" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        /** @description A Curve25519 public key with its id. */
        Prekey: {
            /** Format: int64 */
            keyId: number;
            /** @description Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes. */
            publicKey: string;
        };
        PrekeysRequest: {
            /** @description Handed out in this order. They replace the unused keys. An empty list changes nothing. */
            preKeys: components["schemas"]["Prekey"][];
        };
        QrApproval: {
            /** @description The 6 digits that the new device shows, as the user types them. A wrong code ends the log-in. */
            confirmCode: string;
            /**
             * Format: uuid
             * @description A log-in verification of the account's number, confirmed and not used. Needed if the log-in of
             *     this session is older than 10 minutes and the account has no second factor, and used up then.
             */
            proofVerificationId?: string;
            /**
             * @description If the account has a second factor and this session has not shown it in the last 10 minutes.
             *     A code is good once.
             */
            twoFactorToken?: string;
        };
        /** @description What a new device says of itself, and where it asks from. Only the network is observed. */
        QrDevice: {
            appVersion?: string;
            deviceName: string;
            deviceType: components["schemas"]["DeviceType"];
            model?: string;
            /** @description The network of its address: an IPv4 /24 or an IPv6 /48. */
            network: string;
            osVersion?: string;
        };
        QrLink: {
            /** @description Show it to the user, who types it on the logged-in device. */
            confirmCode: string;
            /**
             * Format: int64
             * @description Seconds until the device must be logged in.
             */
            expiresIn: number;
            /** Format: uuid */
            linkId: string;
            /** @description Fetches the tokens. Keep it, and show it to nobody. */
            linkSecret: string;
            /**
             * @description The text of the QR code: `whispr://link?id={linkId}`, and with keys `&key=`, which is SHA-256
             *     of the 33 bytes of the identity key as hexadecimal digits.
             */
            qr: string;
            /** @description The QR code as a PNG picture in a data URL. */
            qrPng: string;
            /** @description The QR code as an SVG picture. */
            qrSvg: string;
        };
        QrLinkPollRequest: {
            /**
             * @description If the link has keys, needed at the first poll, and nobody can approve before it came. Base64 of
             *     64 bytes, as in a `signalKeyBundle`, but for a byte 4 and the 16 bytes of the `linkId`.
             */
            identityProof?: string;
            linkSecret: string;
            /**
             * Format: uuid
             * @description The device that this one replaces if the account has 10 already (`device_limit`). It is removed.
             */
            replaceDeviceId?: string;
        };
        QrLinkRequest: {
            appVersion?: string;
            /** @description The client's stable id of its device; the server makes one if absent. */
            deviceId?: string;
            /** @description Derived from the User-Agent if absent. */
            deviceName?: string;
            deviceType?: components["schemas"]["DeviceType"];
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            model?: string;
            osVersion?: string;
            signalKeyBundle?: components["schemas"]["SignalKeyBundle"];
        };
        /** @description Who waits to be let in. */
        QrLogin: {
            device?: components["schemas"]["QrDevice"];
            /**
             * Format: int64
             * @description Seconds until the new device must be logged in.
             */
            expiresIn: number;
            status: components["schemas"]["QrStatus"];
        };
        /** @description The new device asks again in two seconds. */
        QrPending: {
            /**
             * Format: int64
             * @description Seconds until it must be logged in.
             */
            expiresIn: number;
            status: components["schemas"]["PendingStatus"];
        };
        QrScan: {
            /** @description Show it to the user, who types it on the logged-in device. */
            confirmCode: string;
            /**
             * Format: int64
             * @description Seconds until the device must be logged in.
             */
            expiresIn: number;
            /**
             * Format: uuid
             * @description Where to poll: the first part of the challenge.
             */
            scanId: string;
            /** @description Fetches the tokens. Keep it, and show it to nobody. */
            scanSecret: string;
        };
        QrScanPollRequest: {
            /**
             * Format: uuid
             * @description The device that this one replaces if the account has 10 already (`device_limit`). It is removed.
             */
            replaceDeviceId?: string;
            scanSecret: string;
        };
        QrScanRequest: {
            appVersion?: string;
            /**
             * Format: uuid
             * @description The device that shows it: the second part of the challenge.
             */
            authenticatedDeviceId: string;
            /** @description The text of the QR code. */
            challenge: string;
            /** @description The client's stable id of its device; the server makes one if absent. */
            deviceId?: string;
            /** @description Derived from the User-Agent if absent. */
            deviceName?: string;
            deviceType?: components["schemas"]["DeviceType"];
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            model?: string;
            osVersion?: string;
            signalKeyBundle?: components["schemas"]["SignalKeyBundle"];
        };
        /** @enum {string} */
        QrStatus: "waiting" | "scanned" | "approved" | "denied";
        Readiness: {
            database: components["schemas"]["Up"];
            redis: components["schemas"]["Up"];
            /** @description `up`, `down` or `unchecked`. It never causes a 503. */
            sms: string;
            /** @description `ready` or `not ready`. */
            status: string;
        };
        Recommendations: {
            /** Format: int32 */
            availablePreKeys: number;
            /**
             * @description Fewer than 20 one-time EC keys are unused, or fewer than 20 one-time Kyber keys of a device
             *     that uploads some. The status of the device has both numbers.
             */
            needsPreKeyReplenishment: boolean;
            /** @description The signed prekey is missing or expires in less than a day. */
            needsSignedPreKeyRotation: boolean;
            /**
             * Format: int32
             * @description Keys to upload of each kind that is low: 100, or 0 if none is.
             */
            recommendedPreKeyUpload: number;
            /** Format: date-time */
            signedPreKeyExpiresAt?: string;
        };
        RefreshRequest: {
            /** @description As register, login or the last refresh answered it. */
            refreshToken: string;
        };
        RefreshTokensProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_invalid" | "token_expired" | "session_ended" | "refresh_reused" | "dpop_proof_invalid" | "origin_unverified" | "refresh_superseded" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        RefreshedTokens: {
            /** @description ES256 JWT, `typ: at+jwt`, for 15 minutes. */
            accessToken: string;
            /** Format: uuid */
            deviceId: string;
            /**
             * Format: int64
             * @description Seconds until the access token expires.
             */
            expiresIn: number;
            /**
             * Format: int64
             * @description Seconds until the refresh token expires.
             */
            refreshExpiresIn: number;
            /** @description It replaces the token that was sent. */
            refreshToken: string;
            /** Format: uuid */
            userId: string;
        };
        RegenerateBackupCodesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_disabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        RegisterUserProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "verification_invalid" | "dpop_proof_invalid" | "origin_unverified" | "account_exists" | "identity_key_in_use" | "body_too_large" | "not_json" | "key_invalid" | "kyber_last_resort_required" | "identity_proof_required" | "rate_limited" | "internal" | "unavailable";
        };
        RegistrationConfirmed: {
            verified: boolean;
        };
        RegistrationLockSet: {
            /**
             * @description 128 random bits. It is never shown again: the user has to write it down. An earlier code is
             *     worth nothing any more.
             */
            recoveryCode: string;
        };
        RemainingBackupCodes: {
            remaining: number;
        };
        RemoveDeviceProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "device_too_new" | "fresh_proof_required" | "two_factor_required" | "device_not_found" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        RemoveRegistrationLockProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        /** @description A device of an account that has as many as it may have. */
        ReplaceableDevice: {
            appVersion?: string;
            /** Format: date-time */
            createdAt: string;
            deviceName: string;
            deviceType: components["schemas"]["DeviceType"];
            /** Format: uuid */
            id: string;
            /** @description Whether it is logged in. */
            isActive: boolean;
            isVerified: boolean;
            /**
             * Format: date-time
             * @description The last log-in or refresh.
             */
            lastActive: string;
            model?: string;
            osVersion?: string;
            /** @description Whether this log-in may replace it. */
            replaceable: boolean;
        };
        ResendRequest: {
            /** @description As at the request. */
            deviceId?: string;
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
        };
        ResendVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "verification_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "rate_limited" | "too_many_attempts" | "resend_too_early" | "sms_paused" | "internal" | "sms_failed" | "unavailable";
        };
        ScanQrChallengeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "dpop_proof_invalid" | "origin_unverified" | "qr_gone" | "body_too_large" | "not_json" | "key_invalid" | "kyber_last_resort_required" | "identity_proof_required" | "rate_limited" | "internal" | "unavailable";
        };
        SecondFactorDisabled: {
            /** @description Always true. */
            disabled: boolean;
        };
        SecondFactorSetup: {
            otpauthUri: string;
            /** @description The address as a QR code: a PNG picture in a data URL. */
            qrCodeUrl: string;
            /** @description In base 32, for an app that reads no QR code. */
            secret: string;
        };
        SecondFactorStatus: {
            enabled: boolean;
            /**
             * Format: date-time
             * @description When a reset that support was asked for takes effect. A verified device cancels it by
             *     `POST /auth/v1/2fa/reset/cancel`.
             */
            resetAt?: string;
        };
        SecondFactorToken: {
            /** @description 6 digits of the app, or a backup code `XXXX-XXXX`. Its dash may be left out. */
            token: string;
        };
        SecondFactorVerified: {
            /** @description False if the code is wrong or was used. */
            valid: boolean;
        };
        SecurityEvent: {
            /** @description `operator` if it was support, and not a device of the account. */
            actor?: string;
            /**
             * Format: int64
             * @description How often it happened, of events that are entered once an hour.
             */
            count?: number;
            /** Format: date-time */
            createdAt: string;
            /** @description The device that it was done to. */
            deviceId?: string;
            /** @description What happened, as `user_logged_in` or `device_removed`. New kinds may be added. */
            event: string;
            ipAddress?: string;
            /**
             * Format: int64
             * @description Its place in the log of this account: 1, 2, 3 …
             */
            seq: number;
            /** @description The session that caused it. */
            sessionId?: string;
            /**
             * Format: date-time
             * @description When that hour began.
             */
            since?: string;
        };
        /** @description A page of the security events of an account. */
        SecurityEvents: {
            /** @description The newest first. */
            entries: components["schemas"]["SecurityEvent"][];
            /** @description The `cursor` of the next page. Absent on the last one. */
            nextCursor?: string;
        };
        SetRegistrationLockProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "two_factor_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        SetUpSecondFactorProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_enabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "fresh_proof_required" | "two_factor_required" | "device_too_new" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        SeveralBundles: {
            /**
             * @description Users that this answer has no room for, in the order of the request: ask for them again. No
             *     key of theirs was taken.
             */
            remaining: string[];
            /**
             * @description In the order of the request, without users that have no keys. The caller's own user is
             *     always there.
             */
            users: components["schemas"]["UserBundles"][];
        };
        ShowSwaggerProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "origin_unverified" | "not_found" | "rate_limited" | "internal" | "unavailable";
        };
        /** @description All public keys of a device. */
        SignalKeyBundle: {
            /**
             * @description Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes. Belongs to
             *     one user; within a user it moves to the device that sends it.
             */
            identityKey: string;
            /**
             * @description Shows that the client has the private identity key. Base64 of 64 bytes: XEdDSA by the
             *     identity key over 100 bytes, which are a zero byte, the text `whispr identity v1`, SHA-256
             *     of the issuer (`iss` of all tokens, by default `whispr-auth`), a byte 1, the 16 bytes of the
             *     `verificationId`, and the digest of these keys as `/signal/keys/check` takes it. With the scan of
             *     a challenge: a byte 3 and SHA-256 of the challenge instead. Required, unless the service is set
             *     up for clients that have none, and except in the request for a link, whose poll brings it.
             */
            identityProof?: string;
            kyberLastResortPreKey?: components["schemas"]["KyberPrekey"];
            /** @description One-time Kyber keys, in the same way. */
            kyberPreKeys?: components["schemas"]["KyberPrekey"][];
            /**
             * @description One-time keys, handed out in this order. They replace those that wait; none leaves
             *     them as they are.
             */
            preKeys: components["schemas"]["Prekey"][];
            /**
             * Format: int64
             * @description Required, unless the service is set up for clients that have none.
             */
            registrationId?: number;
            signedPreKey: components["schemas"]["SignedPrekey"];
        };
        /** @description A Curve25519 public key with its id, signed by the identity key. */
        SignedPrekey: {
            /** Format: int64 */
            keyId: number;
            /** @description Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes. */
            publicKey: string;
            /**
             * @description Base64 of 64 bytes: XEdDSA over the 33 bytes with the type byte, even of a key that
             *     is sent raw.
             */
            signature: string;
        };
        StartLoginVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "account_unknown" | "dpop_proof_invalid" | "origin_unverified" | "challenge_refused" | "body_too_large" | "not_json" | "rate_limited" | "phone_locked" | "sms_paused" | "internal" | "sms_failed" | "unavailable";
        };
        StartPhoneChangeVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "dpop_proof_invalid" | "origin_unverified" | "challenge_refused" | "body_too_large" | "not_json" | "rate_limited" | "phone_locked" | "sms_paused" | "internal" | "sms_failed" | "unavailable";
        };
        StartRegistrationVerificationProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "dpop_proof_invalid" | "origin_unverified" | "challenge_refused" | "account_exists" | "body_too_large" | "not_json" | "rate_limited" | "phone_locked" | "sms_paused" | "internal" | "sms_failed" | "unavailable";
        };
        StartRequest: {
            /** @description The answer to a captcha, if the operator requires one (Turnstile, hCaptcha, …). */
            challenge?: string;
            /**
             * @description The client's stable id of its device. Sent here, it must be repeated at confirm,
             *     resend, register and login.
             */
            deviceId?: string;
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            /**
             * @description How many digits of a code the client's input takes. Codes have 6 or 10 digits
             *     (`codeLength`); a client that says less than 10 is refused with `phone_locked` where it
             *     would get 10.
             * @example 10
             */
            maxCodeLength?: number;
            /**
             * @description International form; spaces, parentheses, hyphens and dots are taken.
             * @example +12025550123
             */
            phoneNumber: string;
            /**
             * @description A refresh token, even an expired one, of an earlier session of the account. Its owner
             *     then has limits apart from strangers who request codes for the same number.
             */
            previousToken?: string;
        };
        Started: {
            /**
             * Format: int32
             * @description Wrong codes that will still be compared.
             */
            attemptsLeft: number;
            /** @description The code itself: in demo mode alone. */
            code?: string;
            /** @description How many digits the codes of this verification have: 6 or 10. */
            codeLength: number;
            /**
             * Format: int64
             * @description Seconds until the current code expires.
             */
            expiresIn: number;
            /**
             * Format: int64
             * @description Seconds until another code may be requested.
             */
            resendIn: number;
            /** Format: uuid */
            verificationId: string;
        };
        UndoAccountChangesProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "verification_invalid" | "dpop_proof_invalid" | "origin_unverified" | "undo_not_found" | "account_exists" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        UndoRequest: {
            /** @description As at the request for the verification, if it named a device. */
            deviceId?: string;
            /** @description Another name of `deviceId`. If both are sent, this one counts. */
            installationId?: string;
            /**
             * @description A refresh token, even an expired one, of a verified device that is older than the one that made
             *     the change.
             */
            previousToken: string;
            /**
             * Format: uuid
             * @description A log-in verification, confirmed and not used, of the number that the account had before the
             *     change.
             */
            verificationId: string;
        };
        /** @enum {string} */
        Up: "up" | "down";
        UpdateDeviceProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "id_malformed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "device_too_new" | "device_not_found" | "body_too_large" | "not_json" | "rate_limited" | "internal" | "unavailable";
        };
        UploadKyberLastResortProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "identity_key_missing" | "body_too_large" | "not_json" | "key_invalid" | "rate_limited" | "internal" | "unavailable";
        };
        UploadKyberPrekeysProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "identity_key_missing" | "body_too_large" | "not_json" | "key_invalid" | "rate_limited" | "internal" | "unavailable";
        };
        UploadPrekeysProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "identity_key_missing" | "body_too_large" | "not_json" | "key_invalid" | "rate_limited" | "internal" | "unavailable";
        };
        UploadSignedPrekeyProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "identity_key_missing" | "body_too_large" | "not_json" | "key_invalid" | "rate_limited" | "internal" | "unavailable";
        };
        Uploaded: {
            /** @example The prekeys are stored. */
            message: string;
            /**
             * Format: int32
             * @description Number of stored one-time keys. Keys that were handed out before are skipped.
             */
            uploaded?: number;
        };
        UseBackupCodeProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_disabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        UserBundles: {
            /**
             * @description Sorted by Signal device id, without devices that have no keys and without the caller's
             *     own device.
             */
            devices: components["schemas"]["Bundle"][];
            /** Format: uuid */
            userId: string;
            /**
             * Format: int64
             * @description Version of the user's device list.
             */
            version: number;
        };
        VerificationState: {
            /**
             * Format: int32
             * @description Wrong codes that will still be compared.
             */
            attemptsLeft: number;
            /** @description How many digits the codes of this verification have: 6 or 10. */
            codeLength: number;
            /**
             * Format: int64
             * @description Seconds until the current code expires; once verified, seconds until the verification
             *     expires.
             */
            expiresIn: number;
            purpose: components["schemas"]["WirePurpose"];
            /**
             * Format: int64
             * @description Seconds until another code may be requested.
             */
            resendIn: number;
            verified: boolean;
        };
        VerifySecondFactorProblem: components["schemas"]["Problem"] & {
            /**
             * @description Stable: what a client decides by.
             * @enum {string}
             */
            code: "body_malformed" | "validation_failed" | "two_factor_disabled" | "token_missing" | "token_invalid" | "token_expired" | "session_ended" | "dpop_proof_invalid" | "origin_unverified" | "body_too_large" | "not_json" | "rate_limited" | "two_factor_locked" | "internal" | "unavailable";
        };
        /** @enum {string} */
        WirePurpose: "register" | "login" | "change_phone";
        WsToken: {
            /**
             * Format: int64
             * @description Seconds until it expires.
             */
            expiresIn: number;
            wsToken: string;
        };
        /** @description The body of every error (`application/problem+json`). */
        Problem: {
            /**
             * Format: date-time
             * @description On `device_too_new`: when this device may do it (RFC 3339).
             */
            allowedAt?: string;
            /**
             * Format: int32
             * @description On `code_incorrect`: tries left before the verification is locked.
             */
            attemptsLeft?: number;
            detail: string;
            /** @description On `device_limit`: the devices of the account, the newest activity first. */
            devices?: components["schemas"]["ReplaceableDevice"][];
            /** @description The status in words; absent on 413 and 429. */
            error?: string;
            /** @description On a validation failure, `key_invalid` and `kyber_last_resort_required`: each field. */
            errors?: components["schemas"]["FieldError"][];
            /**
             * Format: int64
             * @description On `registration_locked`: when the lock lapses, unless a device is used.
             */
            lapsesInSeconds?: number;
            /** @description The detail again. */
            message: string;
            requestId: string;
            /**
             * Format: int64
             * @description On 429 and 503, as the `Retry-After` header: seconds to wait.
             */
            retryAfterSeconds?: number;
            /**
             * Format: int32
             * @example 400
             */
            status: number;
            /**
             * Format: int32
             * @description The status again.
             */
            statusCode: number;
            /**
             * @description The status in words.
             * @example Bad Request
             */
            title: string;
            /**
             * @description Always `about:blank`: `code` identifies the problem.
             * @example about:blank
             */
            type: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    start_registration_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Started"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["StartRegistrationVerificationProblem"];
                };
            };
        };
    };
    resend_verification: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description As the request answered it.
                 * @example 3f0c8a52-7d4e-8b19-a6c3-91e5d2f8b074
                 */
                verificationId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ResendRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "attemptsLeft": 5,
                     *       "codeLength": 6,
                     *       "expiresIn": 600,
                     *       "resendIn": 60,
                     *       "verificationId": "3f0c8a52-7d4e-8b19-a6c3-91e5d2f8b074"
                     *     }
                     */
                    "application/json": components["schemas"]["Started"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ResendVerificationProblem"];
                };
            };
        };
    };
    fetch_verification: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description As the request answered it.
                 * @example 3f0c8a52-7d4e-8b19-a6c3-91e5d2f8b074
                 */
                verificationId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VerificationState"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchVerificationProblem"];
                };
            };
        };
    };
    confirm_registration_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistrationConfirmed"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ConfirmRegistrationVerificationProblem"];
                };
            };
        };
    };
    start_login_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Started"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["StartLoginVerificationProblem"];
                };
            };
        };
    };
    confirm_login_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginConfirmed"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ConfirmLoginVerificationProblem"];
                };
            };
        };
    };
    start_phone_change_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Started"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["StartPhoneChangeVerificationProblem"];
                };
            };
        };
    };
    confirm_phone_change_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PhoneChangeConfirmed"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ConfirmPhoneChangeVerificationProblem"];
                };
            };
        };
    };
    register_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginTokens"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["RegisterUserProblem"];
                };
            };
        };
    };
    login_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginTokens"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["LoginUserProblem"];
                };
            };
        };
    };
    logout_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["LogoutRequest"];
            };
        };
        responses: {
            /** @description The very next request of the session is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["LogoutSessionProblem"];
                };
            };
        };
    };
    logout_all_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The very next request of the session is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["LogoutAllSessionsProblem"];
                };
            };
        };
    };
    refresh_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefreshedTokens"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["RefreshTokensProblem"];
                };
            };
        };
    };
    issue_ws_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WsToken"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["IssueWsTokenProblem"];
                };
            };
        };
    };
    list_devices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "appVersion": "2.4.1",
                     *         "createdAt": "2026-03-12T09:29:00Z",
                     *         "deviceName": "Camille's iPhone",
                     *         "deviceType": "ios",
                     *         "id": "01957d3e-6f02-7c83-be94-5fa02d917c37",
                     *         "isActive": true,
                     *         "isCurrent": true,
                     *         "isVerified": true,
                     *         "lastActive": "2026-03-12T09:29:00Z",
                     *         "model": "iPhone17,1",
                     *         "name": "Camille's iPhone",
                     *         "osVersion": "18.3",
                     *         "platform": "ios"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Device"][];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ListDevicesProblem"];
                };
            };
        };
    };
    fetch_device: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `deviceId` that the log-in of the device answered, or the `id` in the list of devices.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchDeviceProblem"];
                };
            };
        };
    };
    remove_device: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `deviceId` that the log-in of the device answered, or the `id` in the list of devices.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DeviceRemovalRequest"];
            };
        };
        responses: {
            /** @description The device is removed. The very next request of its session is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["RemoveDeviceProblem"];
                };
            };
        };
    };
    update_device: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `deviceId` that the log-in of the device answered, or the `id` in the list of devices.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DeviceUpdateRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UpdateDeviceProblem"];
                };
            };
        };
    };
    fetch_qr_challenge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The first part of the challenge.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "device": {
                     *         "appVersion": "2.4.1",
                     *         "deviceName": "Firefox on Linux",
                     *         "deviceType": "web",
                     *         "network": "203.0.113.0/24"
                     *       },
                     *       "expiresIn": 300,
                     *       "status": "scanned"
                     *     }
                     */
                    "application/json": components["schemas"]["QrLogin"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchQrChallengeProblem"];
                };
            };
        };
    };
    create_qr_challenge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The device of the caller, as its log-in answered it.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28.01957d3e-6f02-7c83-be94-5fa02d917c37.9f2c61d84be07a35c9184f60d7ae52b3 */
                    "text/plain": string;
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CreateQrChallengeProblem"];
                };
            };
        };
    };
    scan_qr_challenge: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "appVersion": "2.4.1",
                 *       "authenticatedDeviceId": "01957d3e-6f02-7c83-be94-5fa02d917c37",
                 *       "challenge": "7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28.01957d3e-6f02-7c83-be94-5fa02d917c37.9f2c61d84be07a35c9184f60d7ae52b3",
                 *       "deviceName": "Firefox on Linux",
                 *       "deviceType": "web"
                 *     }
                 */
                "application/json": components["schemas"]["QrScanRequest"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QrScan"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ScanQrChallengeProblem"];
                };
            };
        };
    };
    approve_qr_challenge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The first part of the challenge.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QrApproval"];
            };
        };
        responses: {
            /** @description The next poll of the new device gets its tokens. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ApproveQrChallengeProblem"];
                };
            };
        };
    };
    poll_qr_scan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description As the scan answered it.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                scanId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QrScanPollRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginTokens"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QrPending"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["PollQrScanProblem"];
                };
            };
        };
    };
    deny_qr_challenge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The first part of the challenge.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The next poll of the new device is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DenyQrChallengeProblem"];
                };
            };
        };
    };
    create_qr_link: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "appVersion": "2.4.1",
                 *       "deviceName": "Firefox on Linux",
                 *       "deviceType": "web"
                 *     }
                 */
                "application/json": components["schemas"]["QrLinkRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QrLink"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CreateQrLinkProblem"];
                };
            };
        };
    };
    fetch_qr_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` in the text of the QR code.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                linkId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "device": {
                     *         "appVersion": "2.4.1",
                     *         "deviceName": "Firefox on Linux",
                     *         "deviceType": "web",
                     *         "network": "203.0.113.0/24"
                     *       },
                     *       "expiresIn": 120,
                     *       "status": "scanned"
                     *     }
                     */
                    "application/json": components["schemas"]["QrLogin"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchQrLinkProblem"];
                };
            };
        };
    };
    poll_qr_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` in the text of the QR code.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                linkId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QrLinkPollRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginTokens"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QrPending"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["PollQrLinkProblem"];
                };
            };
        };
    };
    approve_qr_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` in the text of the QR code.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                linkId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QrApproval"];
            };
        };
        responses: {
            /** @description The next poll of the new device gets its tokens. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ApproveQrLinkProblem"];
                };
            };
        };
    };
    deny_qr_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` in the text of the QR code.
                 * @example 7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28
                 */
                linkId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The next poll of the new device is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DenyQrLinkProblem"];
                };
            };
        };
    };
    list_log_ins: {
        parameters: {
            query?: {
                /**
                 * @description The `nextCursor` of the page before.
                 * @example AAABnOFTAmABlX0-bwN9lI6lYLE-oo1I
                 */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginHistory"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ListLogInsProblem"];
                };
            };
        };
    };
    list_security_events: {
        parameters: {
            query?: {
                /**
                 * @description The `nextCursor` of the page before.
                 * @example AAAAAAAAADM
                 */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecurityEvents"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ListSecurityEventsProblem"];
                };
            };
        };
    };
    set_up_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FreshProof"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorSetup"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SetUpSecondFactorProblem"];
                };
            };
        };
    };
    enable_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EnableRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BackupCodes"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["EnableSecondFactorProblem"];
                };
            };
        };
    };
    verify_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondFactorToken"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorVerified"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["VerifySecondFactorProblem"];
                };
            };
        };
    };
    use_backup_code: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BackupCodeToken"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorVerified"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UseBackupCodeProblem"];
                };
            };
        };
    };
    count_backup_codes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RemainingBackupCodes"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CountBackupCodesProblem"];
                };
            };
        };
    };
    create_backup_codes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondFactorToken"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BackupCodes"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CreateBackupCodesProblem"];
                };
            };
        };
    };
    regenerate_backup_codes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondFactorToken"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BackupCodes"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["RegenerateBackupCodesProblem"];
                };
            };
        };
    };
    fetch_second_factor_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorStatus"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchSecondFactorStatusProblem"];
                };
            };
        };
    };
    cancel_second_factor_reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No reset is pending. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CancelSecondFactorResetProblem"];
                };
            };
        };
    };
    disable_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondFactorToken"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorDisabled"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DisableSecondFactorProblem"];
                };
            };
        };
    };
    fetch_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchAccountProblem"];
                };
            };
        };
    };
    delete_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AccountProofRequest"];
            };
        };
        responses: {
            /** @description The account is gone. The very next request of any session is refused. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DeleteAccountProblem"];
                };
            };
        };
    };
    export_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountExport"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ExportAccountProblem"];
                };
            };
        };
    };
    change_phone_number: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PhoneChangeRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PhoneNumberChanged"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ChangePhoneNumberProblem"];
                };
            };
        };
    };
    set_registration_lock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AccountProofRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistrationLockSet"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SetRegistrationLockProblem"];
                };
            };
        };
    };
    remove_registration_lock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AccountProofRequest"];
            };
        };
        responses: {
            /** @description There is no lock. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["RemoveRegistrationLockProblem"];
                };
            };
        };
    };
    undo_account_changes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoRequest"];
            };
        };
        responses: {
            /** @description The account is as it was. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UndoAccountChangesProblem"];
                };
            };
        };
    };
    upload_signed_prekey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignedPrekey"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "message": "The signed prekey is stored."
                     *     }
                     */
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UploadSignedPrekeyProblem"];
                };
            };
        };
    };
    upload_prekeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PrekeysRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "message": "The prekeys are stored.",
                     *       "uploaded": 5
                     *     }
                     */
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UploadPrekeysProblem"];
                };
            };
        };
    };
    upload_kyber_prekeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KyberPrekeysRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "message": "The Kyber prekeys are stored.",
                     *       "uploaded": 1
                     *     }
                     */
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UploadKyberPrekeysProblem"];
                };
            };
        };
    };
    upload_kyber_last_resort: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KyberPrekey"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "message": "The last-resort prekey is stored."
                     *     }
                     */
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UploadKyberLastResortProblem"];
                };
            };
        };
    };
    list_key_devices: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `userId` that the registration of the user answered.
                 * @example 01957d3e-6f00-7a41-9c52-3d8e0b7f6a15
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyDevices"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ListKeyDevicesProblem"];
                };
            };
        };
    };
    check_key_devices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DevicesCheckRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceDifferences"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CheckKeyDevicesProblem"];
                };
            };
        };
    };
    fetch_prekey_bundle: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `userId` that the registration of the user answered.
                 * @example 01957d3e-6f00-7a41-9c52-3d8e0b7f6a15
                 */
                userId: string;
                /**
                 * @description The `deviceId` that the log-in of the device, or the list of the user's devices, answered.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceBundle"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchPrekeyBundleProblem"];
                };
            };
        };
    };
    fetch_user_bundles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `userId` that the registration of the user answered.
                 * @example 01957d3e-6f00-7a41-9c52-3d8e0b7f6a15
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserBundles"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchUserBundlesProblem"];
                };
            };
        };
    };
    fetch_bundles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BundlesRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeveralBundles"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchBundlesProblem"];
                };
            };
        };
    };
    check_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeysCheckRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeysMatch"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CheckKeysProblem"];
                };
            };
        };
    };
    fetch_key_status: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `userId` that the registration of the user answered.
                 * @example 01957d3e-6f00-7a41-9c52-3d8e0b7f6a15
                 */
                userId: string;
                /**
                 * @description The `deviceId` that the log-in of the device, or the list of the user's devices, answered.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyStatusBody"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchKeyStatusProblem"];
                };
            };
        };
    };
    fetch_key_recommendations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recommendations"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchKeyRecommendationsProblem"];
                };
            };
        };
    };
    fetch_key_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyHealth"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchKeyHealthProblem"];
                };
            };
        };
    };
    delete_device_keys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `deviceId` that the log-in of the device, or the list of the user's devices, answered.
                 * @example 01957d3e-6f02-7c83-be94-5fa02d917c37
                 */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FreshProof"];
            };
        };
        responses: {
            /** @description The keys are deleted and are not returned to senders any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DeleteDeviceKeysProblem"];
                };
            };
        };
    };
    delete_all_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FreshProof"];
            };
        };
        responses: {
            /** @description The keys are deleted and are not returned to senders any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["DeleteAllKeysProblem"];
                };
            };
        };
    };
    fetch_jwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Jwks"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchJwksProblem"];
                };
            };
        };
    };
    show_swagger: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example <!doctype html> */
                    "text/html": string;
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ShowSwaggerProblem"];
                };
            };
        };
    };
    fetch_openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0"
                     *     }
                     */
                    "application/json": unknown;
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchOpenapiProblem"];
                };
            };
        };
    };
    check_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CheckHealthProblem"];
                };
            };
        };
    };
    check_liveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "alive"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CheckLivenessProblem"];
                };
            };
        };
    };
    check_readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "database": "up",
                     *       "redis": "up",
                     *       "sms": "unchecked",
                     *       "status": "ready"
                     *     }
                     */
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["CheckReadinessProblem"];
                };
            };
        };
    };
    fetch_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example # TYPE auth_prekeys_unused gauge
                     *     auth_prekeys_unused 2
                     */
                    "text/plain": string;
                };
            };
            /** @description A refusal. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["FetchMetricsProblem"];
                };
            };
        };
    };
}
