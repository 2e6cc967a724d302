//! Which of the edge's concerns a module takes on. The gateway module takes all; the
//! single-concern modules one each, in the order key-auth → model-router → token-meter.

/// The concerns of one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concerns {
    /// Authenticate virtual keys and keep them from the upstream.
    pub authenticate: bool,
    /// Resolve the model, check the allow-list, choose the target, rewrite the body.
    pub route: bool,
    /// Make the server report usage, and read it.
    pub meter: bool,
}

impl Concerns {
    /// Every concern.
    pub const GATEWAY: Self = Self {
        authenticate: true,
        route: true,
        meter: true,
    };
    /// Virtual keys alone.
    pub const KEY_AUTH: Self = Self {
        authenticate: true,
        route: false,
        meter: false,
    };
    /// Model routing alone.
    pub const MODEL_ROUTER: Self = Self {
        authenticate: false,
        route: true,
        meter: false,
    };
    /// Token metering alone.
    pub const TOKEN_METER: Self = Self {
        authenticate: false,
        route: false,
        meter: true,
    };

    /// Whether the decision needs the request's body.
    pub fn reads_bodies(self) -> bool {
        self.route || self.meter
    }
}
