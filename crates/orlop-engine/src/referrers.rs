//! Which manifests are about another one.

use futures::{StreamExt, TryStreamExt};
use orlop_oci::{Descriptor, Digest, MediaType};

use crate::repository::Repository;
use crate::{Page, Result, layout};

impl Repository {
    /// Up to `limit` descriptors of the manifests whose subject is `subject`, with artifact type
    /// and annotations, in the order of their digests; only those of `artifact_type`, if given.
    ///
    /// `after` is a digest, as [`Page::next`] gives it. A page looks at a bounded number of
    /// referrers, so with a filter it may hold fewer than `limit` and still go on. The subject
    /// need not exist, now or ever.
    pub async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&MediaType>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Page<Descriptor>> {
        let prefix = layout::referrers(&self.name, subject)?;
        let after = after.map(layout::behind_edges_of);
        let examined_max = limit.saturating_add(1).max(EXAMINED_MIN);
        let (mut items, mut examined, mut last) = (Vec::new(), 0, None);
        let edges = self.store().environment.records.list(&prefix, after.as_deref());
        let mut candidates = edges
            .map_err(crate::Error::from)
            .take(examined_max)
            .map_ok(|edge| async move {
                let Some((digest, incarnation)) = layout::parse_edge_name(edge.key.name()) else {
                    return Ok(None);
                };
                // An edge counts only if the manifest lives in the incarnation that made it.
                let found = self.read_manifest(&digest, Some(incarnation)).await?;
                Ok(Some((digest, found.map(|manifest| manifest.descriptor))))
            })
            .try_buffered(READS_AT_ONCE);
        while items.len() <= limit
            && let Some(candidate) = candidates.try_next().await?
        {
            examined += 1;
            let Some((digest, found)) = candidate else {
                continue;
            };
            let is_wanted = |descriptor: &Descriptor| {
                artifact_type.is_none() || descriptor.artifact_type.as_ref() == artifact_type
            };
            items.extend(found.filter(is_wanted));
            last = Some(digest);
        }
        let goes_on = items.len() <= limit && examined == examined_max;
        let mut page = Page::cut(items, limit, |item: &Descriptor| item.digest.to_string());
        if goes_on {
            page.next = last.map(|last| last.to_string());
        }
        Ok(page)
    }
}

/// As many referrers as a page looks at, at least, when a filter leaves few of them.
const EXAMINED_MIN: usize = 1000;

/// Each reads a whole manifest.
const READS_AT_ONCE: usize = 4;
