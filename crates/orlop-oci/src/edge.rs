//! The graph that manifests draw.

use crate::{Descriptor, Manifest};

/// Why a manifest refers to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The configuration blob of an image.
    Config,
    /// A layer, or another blob of an artifact.
    Layer,
    /// A layer that need not be in the registry.
    NondistributableLayer,
    /// A manifest inside an index.
    Child,
    /// The manifest that this one is about. It need not exist.
    Subject,
}

impl Role {
    /// Whether the target is a blob; the others are manifests.
    pub fn is_blob(self) -> bool {
        matches!(self, Role::Config | Role::Layer | Role::NondistributableLayer)
    }
}

/// One reference from a manifest to a blob or to another manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge<'a> {
    /// Why it is there.
    pub role: Role,
    /// What it points to.
    pub target: &'a Descriptor,
}

impl Manifest {
    /// Every reference of this manifest: the one place that knows them all.
    ///
    /// The same target may come more than once, as it may in the manifest.
    ///
    /// ```
    /// use orlop_oci::{Algorithm, Manifest, Role};
    ///
    /// let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    /// let bytes = format!(
    ///     r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
    ///     "config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{empty}","size":2}},
    ///     "layers":[]}}"#
    /// );
    /// let manifest = Manifest::parse(bytes.into(), None, Algorithm::Sha256)?;
    /// let roles: Vec<Role> = manifest.edges().map(|edge| edge.role).collect();
    /// assert_eq!(roles, [Role::Config]);
    /// # Ok::<(), orlop_oci::Invalid>(())
    /// ```
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let layer_role = |layer: &Descriptor| {
            if layer.media_type.is_nondistributable() {
                Role::NondistributableLayer
            } else {
                Role::Layer
            }
        };
        let edge = |role| move |target| Edge { role, target };
        self.config
            .iter()
            .map(edge(Role::Config))
            .chain(self.layers.iter().map(move |target| Edge { role: layer_role(target), target }))
            .chain(self.children.iter().map(edge(Role::Child)))
            .chain(self.subject.iter().map(edge(Role::Subject)))
    }
}
