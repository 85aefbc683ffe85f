# Commands for everyday work. `just` alone lists them; each can also be typed without just.
# A stage is `dev` on this machine, or a deployed one: see samconfig.toml.

_default:
    @{{ just_executable() }} --list --unsorted

# Start Postgres, Redis and the service on this machine (Ctrl-C stops them)
up stage="dev" *arguments:
    @{{ if stage == "dev" { "true" } else { error("only dev runs on this machine; `just deploy " + stage + "` deploys") } }}
    cargo local up {{ arguments }}

# Stop what `up` started
down stage="dev" *arguments:
    @{{ if stage == "dev" { "true" } else { error("only dev runs on this machine") } }}
    cargo local down {{ arguments }}

# Follow the logs: of this machine, or of a deployed stage
logs stage="dev" *arguments:
    {{ if stage == "dev" { "cargo local logs" } else { "sam logs --tail --config-env " + stage } }} {{ arguments }}

# Run every test, against stores of their own
test *arguments:
    cargo test {{ arguments }}

# Open psql on the running instance's database
shell *arguments:
    cargo local shell {{ arguments }}

# Check format and lints, as CI does
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Change the database's tables: run, revert, status, new NAME
migrate *command="status":
    cargo local migrate {{ command }}

# Write the generated files: infra/openapi.json, the watch routes in Cargo.toml, missing events
generate:
    cargo local generate

# Build every function for Lambda
build *arguments:
    cargo lambda build --release $(printf -- "--bin=%s " $(ls functions)) {{ arguments }}

# Deploy to a stage of samconfig.toml, with stores of your own. Never a stack that infra/cdk made.
deploy stage="dev" *arguments:
    sam build
    sam deploy {{ if stage == "dev" { "" } else { "--config-env " + stage } }} {{ arguments }}
