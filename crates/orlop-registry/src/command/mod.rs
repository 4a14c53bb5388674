//! What the command `orlop` can do, a file each.

pub(crate) mod checkpoint;
pub(crate) mod collect;
pub(crate) mod fsck;
pub(crate) mod gc;
pub(crate) mod rate;
pub(crate) mod scrub;
pub(crate) mod serve;
pub(crate) mod stat;

use orlop_registry::StoreUrl;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// Which store a command works on.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArg {
    #[arg(
        help = "Where the registry is kept: a directory, s3://bucket/prefix, gs://bucket/prefix, \
                  az://container/prefix, or memory:"
    )]
    #[arg(long, env = "ORLOP_STORE", default_value = "./orlop-data")]
    pub(crate) store: StoreUrl,
}
