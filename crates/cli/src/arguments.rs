//! What can be typed: the commands and flags of the guides.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vaultshare::{
    api::{Id, vault::client_tasks::ClientTaskState},
    workflows::ConnectionRef,
};

/// End-to-end encrypted sharing at a terminal.
#[derive(Parser)]
#[command(name = "vaultshare", version, about)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) urls: ServiceUrls,
    /// Where to keep what the server showed, so that later commands notice if it goes back behind it; without, in
    /// .vaultshare beside the file with the keys
    #[arg(long, global = true, env = "VAULTSHARE_MEMORY", value_name = "FOLDER")]
    pub(crate) memory: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the two services are.
#[derive(Args)]
pub(crate) struct ServiceUrls {
    /// The file that says where Vault and Keystore are
    #[arg(short, long, global = true, default_value = ".environment.yaml", value_name = "FILE")]
    pub(crate) environment: PathBuf,
    /// The Vault's base URL, in place of the environment file's
    #[arg(long, global = true, value_name = "URL", requires = "keystore_url")]
    pub(crate) vault_url: Option<String>,
    /// The Keystore's base URL, in place of the environment file's
    #[arg(long, global = true, value_name = "URL", requires = "vault_url")]
    pub(crate) keystore_url: Option<String>,
    /// The key that both services want, or the operator's invitation while signing up, in place of the environment file's.
    /// Other users see the command line: the variable is for it
    #[arg(long, global = true, env = "VAULTSHARE_SUBSCRIPTION_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) subscription_key: Option<String>,
}

/// The commands, under the guides' names.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register a user; prints an auth file
    #[command(name = "users:create")]
    UsersCreate(NewSession),
    /// Sign in; prints an auth file
    #[command(name = "users:login")]
    UsersLogin {
        #[command(flatten)]
        session: NewSession,
        #[command(flatten)]
        auth: Auth,
    },
    /// Show the signed-in user
    #[command(name = "users:get")]
    UsersGet(Auth),
    /// End the session of an auth file
    #[command(name = "users:logout")]
    UsersLogout(Auth),
    /// Change the passphrase and end every other session; prints the auth file anew, since this one's session ends too
    #[command(name = "users:change-passphrase")]
    UsersChangePassphrase {
        /// The passphrase until now; asked for where it is left out
        #[arg(short = 'p', long = "password", value_name = "PASSPHRASE")]
        old: Option<String>,
        /// The new one; asked for, twice, where it is left out
        #[arg(short, long = "new-password", value_name = "PASSPHRASE")]
        new: Option<String>,
        /// Write the auth file here, readable by its owner only, instead of printing it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Make a recovery key, for users:recover; one that was made before is revoked
    #[command(name = "users:create-recovery-key")]
    UsersCreateRecoveryKey {
        /// The passphrase; asked for where it is left out
        #[arg(short, long = "password", value_name = "PASSPHRASE")]
        passphrase: Option<String>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Sign in by the recovery key, with another passphrase; prints the auth file
    #[command(name = "users:recover")]
    UsersRecover {
        /// The recovery key; asked for where it is left out
        #[arg(short, long = "recovery-key", value_name = "KEY")]
        recovery_key: Option<String>,
        /// The new passphrase; asked for, twice, where it is left out
        #[arg(short, long = "new-password", value_name = "PASSPHRASE")]
        new: Option<String>,
        /// The user's secret, to keep it; a new one is made where it is left out
        #[arg(short, long)]
        secret: Option<String>,
        /// Write the auth file here, readable by its owner only, instead of printing it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Revoke the recovery key
    #[command(name = "users:revoke-recovery-key")]
    UsersRevokeRecoveryKey(Auth),
    /// Have the account deleted, with all that is in it and all that is shared of it, after the days that the server gives
    #[command(name = "users:delete")]
    UsersDelete {
        /// The passphrase; asked for where it is left out
        #[arg(short, long = "password", value_name = "PASSPHRASE")]
        passphrase: Option<String>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Take users:delete back
    #[command(name = "users:keep")]
    UsersKeep(Auth),
    /// List the names of the templates
    #[command(name = "templates:list")]
    TemplatesList {
        #[command(flatten)]
        auth: Auth,
        #[command(flatten)]
        sorted: Sorted,
        /// Only those whose label contains this
        #[arg(short, long)]
        label: Option<String>,
    },
    /// Show a template with its slots
    #[command(name = "templates:info")]
    TemplatesInfo {
        /// The template's name
        template: String,
        #[command(flatten)]
        auth: Auth,
        #[command(flatten)]
        sorted: Sorted,
    },
    /// Print an item to be filled in, with the slots of a template
    #[command(name = "items:create-config")]
    ItemsCreateConfig {
        /// The template's name
        template: String,
        #[command(flatten)]
        auth: Auth,
        #[command(flatten)]
        sorted: Sorted,
    },
    /// Encrypt and store an item
    #[command(name = "items:create")]
    ItemsCreate(ItemInput),
    /// List own and received items, without their values
    #[command(name = "items:list")]
    ItemsList(ItemList),
    /// Show an item with its values
    #[command(name = "items:get")]
    ItemsGet(OneRecord),
    /// Accept an own item as items:get showed it, whoever wrote it: seals its words, slots and values
    #[command(name = "items:adopt")]
    ItemsAdopt {
        #[command(flatten)]
        item: OneRecord,
        /// What items:get called the version that it showed
        #[arg(long)]
        version: String,
    },
    /// Change an item; its file may be what items:get printed
    #[command(name = "items:update")]
    ItemsUpdate {
        #[command(flatten)]
        input: ItemInput,
        /// Write the file also over what was written elsewhere since it was printed
        #[arg(long)]
        overwrite: bool,
    },
    /// Delete an own item with its shares, or a received one
    #[command(name = "items:delete")]
    ItemsDelete(OneRecord),
    /// Take a slot from an own item
    #[command(name = "items:remove-slot")]
    ItemsRemoveSlot(OneRecord),
    /// Encrypt a file and add it to an own item, as a slot that holds its key
    #[command(name = "items:attach-file")]
    ItemsAttachFile(OneConfig),
    /// Decrypt a file of an item, own or received, into a folder
    #[command(name = "items:get-attachment")]
    ItemsGetAttachment {
        /// The item, by the signed-in user's own id of it
        #[arg(value_parser = parse_id)]
        item: Id,
        /// The slot that stands for the file
        #[arg(value_parser = parse_id)]
        slot: Id,
        /// The folder; a file of the same name that is there already stays
        #[arg(short, long, value_name = "FOLDER", default_value = ".")]
        output: PathBuf,
        #[command(flatten)]
        auth: Auth,
    },
    /// Encrypt a small picture of a file and add it to the file
    #[command(name = "items:create-thumbnail")]
    ItemsCreateThumbnail(OneConfig),
    /// Decrypt a small picture of a file, own or received, into a folder
    #[command(name = "items:get-thumbnail")]
    ItemsGetThumbnail {
        /// The item, by the signed-in user's own id of it
        #[arg(value_parser = parse_id)]
        item: Id,
        /// The slot that stands for the file
        #[arg(value_parser = parse_id)]
        slot: Id,
        /// One of the item's thumbnails
        #[arg(value_parser = parse_id)]
        thumbnail: Id,
        /// The folder; a file of the same name that is there already stays
        #[arg(short, long, value_name = "FOLDER", default_value = ".")]
        output: PathBuf,
        #[command(flatten)]
        auth: Auth,
    },
    /// Print a connection of two users, to be given names
    #[command(name = "connections:create-config")]
    ConnectionsCreateConfig {
        /// The auth file of the one who invites
        #[arg(short, long, value_name = "FILE")]
        from: PathBuf,
        /// The auth file of the one who accepts
        #[arg(short, long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Connect two users: one invites, the other accepts
    #[command(name = "connections:create")]
    ConnectionsCreate(Config),
    /// List the connections
    #[command(name = "connections:list")]
    ConnectionsList(Listing),
    /// Show a connection as the server has it now, also with another key than before; all of them without an id
    #[command(name = "connections:inspect")]
    ConnectionsInspect {
        /// The signed-in user's own id of it
        #[arg(value_parser = parse_id)]
        id: Option<Id>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Note that both users have compared the safety number, by another channel than this server
    #[command(name = "connections:verify")]
    ConnectionsVerify {
        #[command(flatten)]
        connection: OneRecord,
        /// What the other user read out, with spaces or without
        #[arg(long, value_name = "DIGITS")]
        safety_number: String,
    },
    /// Accept another key than before for a connection
    #[command(name = "connections:trust")]
    ConnectionsTrust {
        #[command(flatten)]
        connection: OneRecord,
        /// Of the key to accept, as connections:inspect shows it
        #[arg(long)]
        fingerprint: String,
    },
    /// Invite somebody: prints a code to hand over, with which both sides know each other's keys
    #[command(name = "connections:invite")]
    ConnectionsInvite {
        /// What to call the other; only the signed-in user can read it
        #[arg(short, long, default_value = "")]
        name: String,
        /// The address of a page that accepts invitations: prints the link to it with the code
        #[arg(long, value_name = "URL")]
        link: Option<String>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Accept an invitation by its code or token, or by a link with it
    #[command(name = "connections:accept")]
    ConnectionsAccept {
        /// The invitation's code or token, or a link with it
        token: String,
        /// What to call the other; only the signed-in user can read it
        #[arg(short, long, default_value = "")]
        name: String,
        #[command(flatten)]
        auth: Auth,
    },
    /// End a connection for both sides; shares stay, unless they are to end too
    #[command(name = "connections:delete")]
    ConnectionsDelete {
        /// The signed-in user's own id of it, or its connection_ref
        #[arg(value_parser = parse_connection)]
        connection: ConnectionRef,
        /// End every share between the two as well, in both directions, and with them the copies of the items
        #[arg(long)]
        end_shares: bool,
        #[command(flatten)]
        auth: Auth,
    },
    /// Print a share of an item with a connection
    #[command(name = "shares:create-config")]
    SharesCreateConfig {
        /// The auth file of the one who shares
        #[arg(short, long, value_name = "FILE")]
        from: PathBuf,
        /// What connections:create printed
        #[arg(short, long, value_name = "FILE", required_unless_present = "to", conflicts_with = "to")]
        connection: Option<PathBuf>,
        /// The auth file of the recipient: shares by the first protocol, in an encryption space
        #[arg(short, long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// What items:create or items:get printed; with --to the item's id
        #[arg(short, long, value_name = "FILE|ID")]
        item: String,
        /// Share this one slot only
        #[arg(short, long, value_name = "NAME", conflicts_with = "to")]
        slot_name: Option<String>,
    },
    /// Share an item
    #[command(name = "shares:create")]
    SharesCreate(NewShare),
    /// List shares
    #[command(name = "shares:list")]
    SharesList {
        #[command(flatten)]
        listing: Listing,
        /// Those received, or those made
        #[arg(short = 't', long = "type", value_enum, default_value = "incoming")]
        direction: Direction,
    },
    /// Show the item of a share, of either protocol, with its values
    #[command(name = "shares:get")]
    SharesGet(OneRecord),
    /// Show a received share with its item; without values before it is accepted
    #[command(name = "shares:get-incoming")]
    SharesGetIncoming(OneRecord),
    /// Accept a share and its terms
    #[command(name = "shares:accept")]
    SharesAccept {
        #[command(flatten)]
        share: OneRecord,
        /// Accept without being asked
        #[arg(short = 'y', long)]
        yes: bool,
    },
    /// End a share; either side may
    #[command(name = "shares:delete")]
    SharesDelete(OneRecord),
    /// Bring the shares of an own item up to date
    #[command(name = "shares:update")]
    SharesUpdate {
        #[command(flatten)]
        item: OneRecord,
        #[command(flatten)]
        included: Included,
    },
    /// List client tasks
    #[command(name = "client-task-queue:list")]
    TasksList {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        states: States,
        /// How many at the most
        #[arg(short, long)]
        limit: Option<u32>,
    },
    /// Run client tasks
    #[command(name = "client-task-queue:run-batch")]
    TasksRun {
        /// How many at the most
        count: Option<u32>,
        #[command(flatten)]
        auth: Auth,
        #[command(flatten)]
        states: States,
        /// How many at the most
        #[arg(short, long, conflicts_with = "count")]
        limit: Option<u32>,
        /// All of them, which is also what happens without a limit
        #[arg(long)]
        all: bool,
    },
    /// Set client tasks to another state
    #[command(name = "client-task-queue:update")]
    TasksUpdate {
        /// What client-task-queue:list printed
        file: PathBuf,
        /// The state to set them to; without it, the states in the file
        #[arg(long, value_parser = parse_state, value_name = "STATE")]
        set: Option<ClientTaskState>,
        #[command(flatten)]
        auth: Auth,
    },
    /// Print a script that completes commands in a shell
    #[command(name = "completions")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Who is signed in.
#[derive(Args)]
pub(crate) struct Auth {
    /// The auth file that users:create or users:login printed
    #[arg(short, long, default_value = ".user.yaml", value_name = "FILE")]
    pub(crate) auth: PathBuf,
}

/// What opens a session.
#[derive(Args)]
pub(crate) struct NewSession {
    /// The passphrase; asked for where it is left out
    #[arg(short, long = "password", value_name = "PASSPHRASE")]
    pub(crate) passphrase: Option<String>,
    /// The user's secret: when registering, one from an attempt that was cut off
    #[arg(short, long)]
    pub(crate) secret: Option<String>,
    /// Write the auth file here, readable by its owner only, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// One record, by its id.
#[derive(Args)]
pub(crate) struct OneRecord {
    /// The signed-in user's own id of it
    #[arg(value_parser = parse_id)]
    pub(crate) id: Id,
    #[command(flatten)]
    pub(crate) auth: Auth,
}

/// A list.
#[derive(Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) auth: Auth,
    /// All of it, not the first page alone
    #[arg(long)]
    pub(crate) all: bool,
}

/// How templates are sorted.
#[derive(Args)]
pub(crate) struct Sorted {
    /// Only those in this classification scheme
    #[arg(short, long = "classification_scheme", alias = "scheme")]
    pub(crate) scheme: Option<String>,
    /// Only those under the classification node of this name
    #[arg(short = 'n', long = "classification_name", alias = "name")]
    pub(crate) node: Option<String>,
}

/// Which items to list.
#[derive(Args)]
pub(crate) struct ItemList {
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// Only those made from these templates
    #[arg(short, long = "templateIds", alias = "templateId", value_parser = parse_id, value_delimiter = ',', value_name = "ID")]
    pub(crate) templates: Vec<Id>,
    /// Only those in this classification scheme
    #[arg(long)]
    pub(crate) scheme: Option<String>,
    /// Only those under these classification nodes
    #[arg(short, long = "classifications", alias = "classification", value_delimiter = ',', value_name = "NAME")]
    pub(crate) classifications: Vec<String>,
    /// Only those shared with this user
    #[arg(long = "sharedWith", value_parser = parse_id, value_name = "USER_ID")]
    pub(crate) shared_with: Option<Id>,
}

/// An item in a file.
#[derive(Args)]
pub(crate) struct ItemInput {
    /// The item's file
    #[arg(short = 'i', long = "item", alias = "itemConfigFile", value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) auth: Auth,
}

/// What a create-config command printed.
#[derive(Args)]
pub(crate) struct Config {
    /// The file that the create-config command printed
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// A file that says what to do, and who does it.
#[derive(Args)]
pub(crate) struct OneConfig {
    /// The file: kind, metadata, spec
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) auth: Auth,
}

/// A share to be made.
#[derive(Args)]
pub(crate) struct NewShare {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Let the recipient share on
    #[arg(long)]
    pub(crate) onshare: bool,
    /// What the recipient has to accept before reading
    #[arg(long)]
    pub(crate) terms: Option<String>,
    /// The day (yyyy-MM-dd) or instant (ISO 8601) on which the share ends
    #[arg(short = 'd', long = "expiry_date", value_name = "DATE")]
    pub(crate) expiry_date: Option<String>,
    /// With --to, share also by a key of the encryption space that nothing proves to be the recipient's, whose own key has
    /// this fingerprint: after comparing safety numbers
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) accept_unproven: Option<String>,
    /// The guides' scripts say `--onshare true`: the word has no meaning.
    #[arg(hide = true)]
    ignored: Vec<String>,
}

/// Shares to let in.
#[derive(Args)]
pub(crate) struct Included {
    /// Let this share in, for the key of this fingerprint; may be repeated
    #[arg(long = "include", value_parser = parse_included, value_name = "SHARE_ID=FINGERPRINT")]
    pub(crate) shares: Vec<(Id, String)>,
    /// Give those that are let in this one slot only
    #[arg(long, value_parser = parse_id, value_name = "SLOT_ID", requires = "shares")]
    pub(crate) slot: Option<Id>,
    /// Allow those that are let in to share on
    #[arg(long, requires = "shares")]
    pub(crate) onshare: bool,
    /// The day (yyyy-MM-dd) or instant (ISO 8601) on which those that are let in end; else, as the server says of each
    #[arg(short = 'd', long = "expiry_date", value_name = "DATE", requires = "shares")]
    pub(crate) expiry_date: Option<String>,
}

/// Whose shares to list.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Direction {
    Incoming,
    Outgoing,
}

/// A filter of client tasks.
#[derive(Args)]
pub(crate) struct States {
    /// Those in these states: todo, in_progress, done, failed
    #[arg(short, long = "state", value_parser = parse_state, value_delimiter = ',', value_name = "STATE")]
    pub(crate) states: Vec<ClientTaskState>,
    /// For old scripts: listing changes no task's state, whatever is said here
    #[arg(long = "supressChangingState", hide = true, value_name = "BOOLEAN")]
    suppress_changing_state: Option<String>,
    /// For old scripts, likewise
    #[arg(long, hide = true)]
    update: bool,
}

fn parse_id(text: &str) -> Result<Id, &'static str> {
    Id::parse(text).ok_or("this is not an id")
}

fn parse_connection(text: &str) -> Result<ConnectionRef, &'static str> {
    ConnectionRef::parse(text).ok_or("this is neither an id nor a connection_ref")
}

/// An id may contain equals signs.
fn parse_included(text: &str) -> Result<(Id, String), &'static str> {
    let (id, fingerprint) = text.rsplit_once('=').ok_or("write SHARE_ID=FINGERPRINT")?;
    Ok((parse_id(id)?, fingerprint.to_owned()))
}

/// Both spellings of the guides' tools: `in_progress` and `InProgress`.
fn parse_state(text: &str) -> Result<ClientTaskState, &'static str> {
    match text.to_ascii_lowercase().replace('_', "").as_str() {
        "todo" => Ok(ClientTaskState::Todo),
        "inprogress" => Ok(ClientTaskState::InProgress),
        "done" => Ok(ClientTaskState::Done),
        "failed" => Ok(ClientTaskState::Failed),
        _ => Err("a state is todo, in_progress, done or failed"),
    }
}
