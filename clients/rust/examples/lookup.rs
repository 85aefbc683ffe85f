//! Reads an account and its devices by a phone number:
//! `cargo run -p auth-client --example lookup -- auth-internal +12025550123`

use auth_client::{AuthClient, CallError, GetDevices, GetUser};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(function), Some(phone)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lookup FUNCTION PHONE_NUMBER".into());
    };
    let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let auth = AuthClient::new(auth_client::aws_sdk_lambda::Client::new(&aws), function);
    let user = match auth.get_user(GetUser::by_phone(&phone)).await {
        Err(CallError::Refused(problem)) if problem.code == "user_not_found" => {
            println!("no account has this number");
            return Ok(());
        }
        user => user?,
    };
    println!("{} since {}", user.user_id, user.created_at);
    for device in auth.get_devices(GetDevices { user_id: user.user_id }).await?.devices {
        let state = if device.is_active { "logged in" } else { "logged out" };
        println!("{} {} ({state})", device.device_id, device.device_name);
    }
    Ok(())
}
