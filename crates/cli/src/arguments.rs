//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// End-to-end encrypted sharing at a terminal.
#[derive(Parser)]
#[command(name = "vaultshare", version, about)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the two services are.
#[derive(Args)]
pub(crate) struct Place {
    /// The file that says where Vault and Keystore are
    #[arg(short, long, global = true, default_value = ".environment.yaml", value_name = "FILE")]
    pub(crate) environment: PathBuf,
    /// The Vault's base URL, in place of the environment file's
    #[arg(long, global = true, value_name = "URL", requires = "keystore_url")]
    pub(crate) vault_url: Option<String>,
    /// The Keystore's base URL, in place of the environment file's
    #[arg(long, global = true, value_name = "URL", requires = "vault_url")]
    pub(crate) keystore_url: Option<String>,
}

/// The commands, under the guides' names.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register a user; prints an auth file
    #[command(name = "users:create")]
    UsersCreate {
        #[command(flatten)]
        passphrase: Passphrase,
        /// A secret from an earlier attempt that was cut off
        #[arg(short, long)]
        secret: Option<String>,
    },
    /// Sign in; prints an auth file
    #[command(name = "users:login")]
    UsersLogin {
        #[command(flatten)]
        passphrase: Passphrase,
        /// The user's secret; without it, the auth file's
        #[arg(short, long)]
        secret: Option<String>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Show the signed-in user
    #[command(name = "users:get")]
    UsersGet {
        #[command(flatten)]
        auth: Auth,
    },
    /// End the session of an auth file
    #[command(name = "users:logout")]
    UsersLogout {
        #[command(flatten)]
        auth: Auth,
    },
    /// List the names of the templates
    #[command(name = "templates:list")]
    TemplatesList {
        #[command(flatten)]
        auth: Auth,
        /// Only those whose label contains this
        #[arg(short, long)]
        label: Option<String>,
    },
    /// List own and received items
    #[command(name = "items:list")]
    ItemsList {
        #[command(flatten)]
        auth: Auth,
        /// All of them, not the first page alone
        #[arg(long)]
        all: bool,
    },
    /// Show an item with its values
    #[command(name = "items:get")]
    ItemsGet {
        /// The signed-in user's own id of the item
        item_id: String,
        #[command(flatten)]
        auth: Auth,
    },
}

/// Who is signed in.
#[derive(Args)]
pub(crate) struct Auth {
    /// The auth file that users:create or users:login printed
    #[arg(short, long, default_value = ".user.yaml", value_name = "FILE")]
    pub(crate) auth: PathBuf,
}

/// What the user remembers.
#[derive(Args)]
pub(crate) struct Passphrase {
    /// The passphrase
    #[arg(short, long = "password", value_name = "PASSPHRASE")]
    pub(crate) passphrase: String,
}
