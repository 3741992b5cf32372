//! The label sets of the metrics. Their values come from closed sets: no ids, no numbers of callers.

use prometheus_client::encoding::EncodeLabelSet;

/// Declares label sets, so that each reads as the labels it has.
macro_rules! label_sets {
    ($($name:ident { $($label:ident),+ })+) => {$(
        #[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
        pub(super) struct $name {
            $(pub(super) $label: String,)+
        }

        impl $name {
            pub(super) fn new($($label: &str),+) -> Self {
                Self { $($label: $label.to_owned(),)+ }
            }
        }
    )+};
}

label_sets! {
    Actor { actor }
    Admission { plan, direction }
    HangUp { way, outcome }
    Http { method, route, status }
    Mode { mode }
    Operation { operation }
    OperationOutcome { operation, outcome }
    Plan { plan }
    Reason { reason }
    Rejection { reason, plan }
    State { state }
    Sweep { kind }
    SweepOutcome { kind, outcome }
    Version { version }
    Webhook { r#type, outcome }
}
