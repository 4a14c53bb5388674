//! The server over HTTP: every demand of the distribution-spec that a client can see, over every
//! store that a test can have at hand.

mod answer;
mod bucket;
mod client;
mod content;
mod half_request;
mod server;
mod session;

mod blobs;
mod catalog;
mod chunks;
mod conditions;
mod corruption;
mod deletes;
mod digests;
mod hostile;
mod indexes;
mod interruptions;
mod locations;
mod manifests;
mod mounts;
mod names;
mod quarantine;
mod referrers;
mod refused_chunks;
mod refused_manifests;
mod refused_names;
mod sent_files;
mod slow_clients;
mod splits;
mod subjects;
mod tag_lists;
mod tags;
mod uploads;
mod vanishing;
