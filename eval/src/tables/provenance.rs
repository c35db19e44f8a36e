//! How a number was made: [`Provenance`], all that is needed to make it again.

/// What stands in a text column when the field does not apply to the metric (empty means: not known).
pub const NOT_APPLICABLE: &str = "n/a";

/// How a number was made. An empty text is not known yet; [`Provenance::or`] fills it with what all rows of a table
/// share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Frames in a clip.
    pub clip_len: Option<usize>,
    /// Where in the video a clip starts.
    pub offset_policy: String,
    /// Order in which frames are taken.
    pub frame_order: String,
    /// Kernel that resized the pixels before measuring.
    pub resize_kernel: String,
    /// `biased` or `unbiased` covariance.
    pub cov_estimator: String,
    /// Hash of the network that made the features.
    pub weights_sha256: String,
    /// Hash of the list of what was measured.
    pub data_manifest_sha256: String,
    /// Hash of the model under test.
    pub checkpoint_sha256: String,
    /// Seed of whatever was drawn.
    pub seed: Option<u64>,
    /// Version of the program.
    pub code_version: String,
}

impl Provenance {
    /// That of numbers on clips as they lie, which no network made: `rest` stands for kernel, covariance, weights and
    /// checkpoint.
    pub fn of_clips(data: &str, version: &str, rest: &str) -> Self {
        let rest = || rest.to_owned();
        Self {
            offset_policy: "first frames".to_owned(),
            frame_order: "numeric".to_owned(),
            resize_kernel: "none".to_owned(),
            cov_estimator: rest(),
            weights_sha256: rest(),
            data_manifest_sha256: data.to_owned(),
            checkpoint_sha256: rest(),
            code_version: version.to_owned(),
            ..Self::default()
        }
    }

    /// The same, what is not known taken from `shared`.
    #[must_use]
    pub fn or(self, shared: &Self) -> Self {
        let text = |own: String, shared: &String| {
            if own.is_empty() { shared.clone() } else { own }
        };
        Self {
            clip_len: self.clip_len.or(shared.clip_len),
            offset_policy: text(self.offset_policy, &shared.offset_policy),
            frame_order: text(self.frame_order, &shared.frame_order),
            resize_kernel: text(self.resize_kernel, &shared.resize_kernel),
            cov_estimator: text(self.cov_estimator, &shared.cov_estimator),
            weights_sha256: text(self.weights_sha256, &shared.weights_sha256),
            data_manifest_sha256: text(self.data_manifest_sha256, &shared.data_manifest_sha256),
            checkpoint_sha256: text(self.checkpoint_sha256, &shared.checkpoint_sha256),
            seed: self.seed.or(shared.seed),
            code_version: text(self.code_version, &shared.code_version),
        }
    }

    /// Every text with the name of its column.
    pub fn texts(&self) -> [(&'static str, &str); 8] {
        [
            ("offset_policy", &self.offset_policy),
            ("frame_order", &self.frame_order),
            ("resize_kernel", &self.resize_kernel),
            ("cov_estimator", &self.cov_estimator),
            ("weights_sha256", &self.weights_sha256),
            ("data_manifest_sha256", &self.data_manifest_sha256),
            ("checkpoint_sha256", &self.checkpoint_sha256),
            ("code_version", &self.code_version),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_knows_itself_is_not_overwritten() {
        let shared = Provenance::of_clips("data", "1.0", "none");
        let own = Provenance {
            weights_sha256: "abc".to_owned(),
            seed: Some(7),
            ..Provenance::default()
        };
        let all = own.or(&shared);
        assert_eq!((all.weights_sha256.as_str(), all.seed), ("abc", Some(7)));
        assert_eq!(all.cov_estimator, "none");
        assert!(all.texts().iter().all(|(_, text)| !text.is_empty()));
    }
}
